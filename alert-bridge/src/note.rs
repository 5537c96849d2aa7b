//! What somebody says: a script, a cron job, a part of ours. It begins and ends nothing, so it is told once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::kind::{Level, Occasion, State};
use crate::language::Language;
use crate::message::{Label, Message, Picture};
use crate::text;

/// One note, as it is kept in the outbox.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Note {
    /// How bad it is.
    pub level: Level,
    /// One line above the text; the level's own word when there is none.
    #[serde(default)]
    pub title: String,
    /// The text, as it shall read.
    #[serde(default)]
    pub text: String,
    /// Names with values.
    #[serde(default)]
    pub fields: Vec<Label>,
    /// Where the title leads.
    #[serde(default)]
    pub link: Option<Url>,
    /// Where it comes from, in one line.
    #[serde(default)]
    pub origin: String,
    /// Whether it may come without a sound.
    #[serde(default)]
    pub silent: bool,
    /// Pictures to show below.
    #[serde(default)]
    pub pictures: Vec<Picture>,
    /// When it was said.
    pub said: Timestamp,
}

impl Note {
    /// Returns a note that says `text` under `title`.
    #[must_use]
    pub fn new(level: Level, title: impl Into<String>, text: impl Into<String>, said: Timestamp) -> Self {
        Self {
            level,
            title: title.into(),
            text: text.into(),
            fields: Vec::new(),
            link: None,
            origin: String::new(),
            silent: false,
            pictures: Vec::new(),
            said,
        }
    }

    /// Returns the message that tells it.
    #[must_use]
    pub fn message(&self, language: Language) -> Message {
        let fields =
            self.fields.iter().map(|field| Label { name: text::line(&field.name), value: text::clean(&field.value) });
        Message {
            language,
            occasion: Occasion::Note,
            state: State::Note,
            level: self.level,
            firing_levels: [self.level].into(),
            newly_firing: [self.level].into(),
            incident: String::new(),
            delivery: String::new(),
            beside: None,
            title: text::line(&self.title),
            link: self.link.clone(),
            text: text::clean(&self.text),
            entries: Vec::new(),
            labels: Vec::new(),
            links: Vec::new(),
            fields: fields.collect(),
            late: None,
            silent: self.silent,
            pictures: self.pictures.clone(),
            unseen: 0,
            origin: text::line(&self.origin),
        }
    }
}
