//! One message from a script, a cron job or a person: `alert-bridge send`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep_until};

use crate::config::Config;
use crate::message::Label;
use crate::metrics::Metrics;
use crate::note;
use crate::receiver::discord::{Discord, Shared, WebhookUrl};
use crate::receiver::{Answer, Deed, Receiver};
use crate::{kind::Level, receiver::Form};

/// Nobody waits behind a script, so it may wait longer than Alertmanager does.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(500);

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
pub async fn send(config: &Config, url: WebhookUrl, note: Note) -> anyhow::Result<Form> {
    let fields = note.fields;
    let note = note::Note { fields, ..note::Note::new(note.level, note.title, note.text, Timestamp::now()) };
    deliver(config, url, &note).await
}

/// Posts `note` to the channel behind `url`, trying again for half a minute.
///
/// # Errors
/// When it does not stand in the channel.
pub async fn deliver(config: &Config, url: WebhookUrl, note: &note::Note) -> anyhow::Result<Form> {
    // Nobody scrapes a process that lives for a second.
    let metrics = Metrics::register(&mut Registry::default());
    let discord = Discord::new(url, config.style(), Arc::new(Shared::default()), metrics)?;
    let messages = [note.message(config.language)];
    let (until, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
    loop {
        let (again, trouble) = match Receiver::post(&discord, &messages).await {
            Answer::Done { form, .. } => return Ok(form),
            Answer::Wait => {
                let open = discord.opens_at(Deed::Post);
                (open, format!("Discord asks to wait {} s", (open - Instant::now()).as_secs_f64().ceil()))
            }
            Answer::Trouble(reason) => {
                let again = Instant::now() + pause;
                pause *= 2;
                (again, format!("Discord could not be reached: {reason}"))
            }
            Answer::Dead(reason) => bail!("Discord does not know this webhook any more: {reason}"),
            Answer::Refused(reason) => bail!("Discord refused the message: {reason}"),
            Answer::Gone | Answer::TooOld(_) => bail!("Discord answered as if to an edit"),
        };
        if again > until {
            bail!("{trouble}");
        }
        sleep_until(again).await;
    }
}
