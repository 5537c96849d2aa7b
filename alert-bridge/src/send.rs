//! One message from a script, a cron job or a person: `alert-bridge send`.

use std::time::Duration;

use daemon::CancellationToken;
use prometheus_client::registry::Registry;

use crate::config::Config;
use crate::delivery::{Delivered, Undelivered};
use crate::kind::{Level, State};
use crate::message::{Label, Message};
use crate::metrics::Metrics;
use crate::receiver::Patience;
use crate::receiver::discord::{Discord, WebhookUrl};
use crate::text;

/// Nobody waits behind a script, so it may wait longer than Alertmanager does.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody wants to say.
#[derive(Clone, Debug)]
pub struct Note {
    /// How bad it is.
    pub level: Level,
    /// One line above the text; the level's own word when there is none.
    pub title: String,
    /// The text, as it shall read.
    pub text: String,
    /// Names with values.
    pub fields: Vec<Label>,
}

/// Sends `note` to the channel behind `url`, trying again for half a minute.
///
/// # Errors
/// When it does not stand in the channel.
pub async fn send(config: &Config, url: WebhookUrl, note: Note) -> anyhow::Result<Delivered> {
    // Nobody scrapes a process that lives for a second.
    let metrics = Metrics::register(&mut Registry::default(), "discord");
    let discord = Discord::new(url, config.style(), metrics)?;
    let delivered: Result<Delivered, Undelivered> =
        discord.deliver(&message(config, note), &Patience::new(PATIENCE, CancellationToken::new())).await;
    Ok(delivered?)
}

fn message(config: &Config, note: Note) -> Message {
    let fields =
        note.fields.into_iter().map(|field| Label { name: text::line(&field.name), value: text::clean(&field.value) });
    Message {
        language: config.language,
        state: State::Note,
        level: note.level,
        firing_levels: [note.level].into(),
        title: text::line(&note.title),
        link: None,
        text: text::clean(&note.text),
        entries: Vec::new(),
        labels: Vec::new(),
        links: Vec::new(),
        fields: fields.collect(),
        unseen: 0,
        origin: String::new(),
    }
}
