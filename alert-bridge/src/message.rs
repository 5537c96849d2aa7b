//! A message for people, before anybody decided how it looks.
//!
//! All texts in here read as they were written: no markup, no escapes. Each receiver adds its own.

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::figures::Figures;
use crate::kind::{Level, LinkKind, Occasion, State};
use crate::language::Language;
use crate::webhook::Labels;

/// One message, for one group of alerts or from one `alert-bridge send`.
#[derive(Clone, Debug)]
pub struct Message {
    /// The language in which receivers say the words around it.
    pub language: Language,
    /// Why it is told now.
    pub occasion: Occasion,
    /// What it tells.
    pub state: State,
    /// The worst of what fires; when nothing does, the worst of what fired.
    pub level: Level,
    /// The levels that fire now.
    pub firing_levels: BTreeSet<Level>,
    /// The levels of what people did not know yet: they may have asked to be called.
    pub newly_firing: BTreeSet<Level>,
    /// The same for all messages about one incident; may be empty.
    pub incident: String,
    /// The same whenever this very message is tried again, and no other message's; may be empty.
    pub delivery: String,
    /// The message that this one adds to: its id at the receiver.
    pub beside: Option<String>,
    /// What and where, in one line.
    pub title: String,
    /// Where the title leads.
    pub link: Option<Url>,
    /// What is said before all entries; may be empty.
    pub text: String,
    /// One entry for each alert, the ones that fire first, the worst of them first.
    pub entries: Vec<Entry>,
    /// What all entries have in common, but for what the title says.
    pub labels: Vec<Label>,
    /// The links that all entries have in common.
    pub links: Vec<Link>,
    /// Names and values of a note.
    pub fields: Vec<Label>,
    /// How long it had to wait before it could be told, if that was long.
    pub late: Option<SignedDuration>,
    /// Whether it may come without a sound.
    pub silent: bool,
    /// Pictures to show below.
    pub pictures: Vec<Picture>,
    /// How many alerts Alertmanager kept from us.
    pub unseen: u64,
    /// Where the message comes from, in one line; may be empty.
    pub origin: String,
}

impl Message {
    /// Returns how many entries fire and how many are resolved.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let resolved = self.entries.iter().filter(|entry| entry.is_resolved()).count();
        (self.entries.len() - resolved, resolved)
    }
}

/// One alert, as a message tells it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whether it fires or is resolved.
    pub state: State,
    /// How bad this one is.
    pub level: Level,
    /// What it is called: its `alertname`.
    pub alert: String,
    /// How often it fired again within its incident.
    pub flaps: u32,
    /// The shortest name that people know it by: its host, if it has one.
    pub name: String,
    /// What is wrong, or was, in one line.
    pub headline: String,
    /// What there is to say beyond that; may have several lines. Empty once it is over: its figures are those of before.
    pub body: String,
    /// What was measured, unless the words above say it already.
    pub figures: Figures,
    /// What tells it apart from the other entries.
    pub labels: Vec<Label>,
    /// All labels, for templates and programs.
    pub all_labels: Labels,
    /// All annotations, for templates and programs.
    pub annotations: Labels,
    /// The links that not all entries have.
    pub links: Vec<Link>,
    /// Since when.
    pub started: Timestamp,
    /// Until when; nothing while it fires, or when nobody said.
    pub ended: Option<Timestamp>,
}

impl Entry {
    /// Returns whether it is over, as far as we know.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        matches!(self.state, State::Resolved | State::Lost)
    }

    /// Says since when, or until when and for how long; `show` is how the receiver shows a moment.
    pub(crate) fn when(&self, language: Language, show: impl Fn(Timestamp) -> String) -> String {
        match self.state {
            State::Firing => return language.started(&show(self.started)),
            State::Lost => return language.lost().to_owned(),
            _ => {}
        }
        let lasted = self.ended.map(|ended| ended.duration_since(self.started)).filter(SignedDuration::is_positive);
        language.recovered(self.ended.map(show).as_deref(), lasted)
    }
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The name, never blank.
    pub name: String,
    /// The value, never blank.
    pub value: String,
}

/// A link that is known to be http or https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What the reader finds behind it.
    pub kind: LinkKind,
    /// Where it leads.
    pub url: Url,
}

/// A picture that travels with a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Picture {
    /// Its file name: letters, digits, `-` and `_`, and an ending such as `.png`.
    pub name: String,
    /// What it shows, for those who cannot see it.
    pub description: String,
    /// The file, in base64.
    pub data: String,
}

impl Picture {
    /// Returns the picture that the PNG file `png` is.
    #[must_use]
    pub fn png(name: &str, description: String, png: &[u8]) -> Self {
        Self { name: name.to_owned(), description, data: BASE64_STANDARD.encode(png) }
    }

    /// Returns the file; nothing when it is none.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(&self.data).ok()
    }
}
