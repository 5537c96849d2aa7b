//! A message for people, before anybody decided how it looks.
//!
//! All texts in here read as they were written: no markup, no escapes. Each receiver adds its own.

use std::collections::BTreeSet;
use std::fmt;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::Url;

use crate::language::Language;

/// How bad it is. The order is that of the enum: the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// Look at it today.
    Warning,
    /// Something does not work.
    Error,
    /// Get up.
    Critical,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// Returns the word that labels, configuration and command line use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Reads a `severity` label, with the words that rule collections in the wild use for our four.
    ///
    /// No label, or a word that nobody taught us, is a warning: too loud for some, but never overlooked.
    #[must_use]
    pub fn of_severity(label: Option<&str>) -> Self {
        match label.map(|word| word.trim().to_ascii_lowercase()).as_deref() {
            Some("critical" | "crit" | "page" | "fatal" | "emergency" | "disaster") => Self::Critical,
            Some("error" | "err" | "major" | "high") => Self::Error,
            Some("info" | "information" | "informational" | "notice" | "none" | "debug" | "ok") => Self::Info,
            _ => Self::Warning,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a message tells, or one entry of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Something is wrong now.
    Firing,
    /// All that was wrong is well again.
    Resolved,
    /// What we see is well again, but Alertmanager kept other alerts of the group from us.
    PartlyResolved,
    /// Somebody says something: neither begins nor ends anything.
    Note,
}

/// One message, for one group of alerts or from one `alert-bridge send`.
#[derive(Clone, Debug)]
pub struct Message {
    /// The language in which receivers say the words around it.
    pub language: Language,
    /// What it tells.
    pub state: State,
    /// The worst of what fires; when nothing does, the worst of what fired.
    pub level: Level,
    /// The levels that fire now: their people may have asked to be called.
    pub firing_levels: BTreeSet<Level>,
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
    /// The shortest name that people know it by: its host, if it has one.
    pub name: String,
    /// What is wrong, or was, in one line.
    pub headline: String,
    /// What there is to say beyond that; may have several lines. Empty once it is over: its figures are those of before.
    pub body: String,
    /// What tells it apart from the other entries.
    pub labels: Vec<Label>,
    /// The links that not all entries have.
    pub links: Vec<Link>,
    /// Since when.
    pub started: Timestamp,
    /// Until when; nothing while it fires, or when nobody said.
    pub ended: Option<Timestamp>,
}

impl Entry {
    /// Returns whether it is over.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        self.state == State::Resolved
    }

    /// Says since when, or until when and for how long; `show` is how the receiver shows a moment.
    pub(crate) fn when(&self, language: Language, show: impl Fn(Timestamp) -> String) -> String {
        if !self.is_resolved() {
            return language.started(&show(self.started));
        }
        let lasted = self.ended.map(|ended| ended.duration_since(self.started)).filter(SignedDuration::is_positive);
        language.recovered(self.ended.map(show).as_deref(), lasted)
    }
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// What a reader finds behind a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// What to do about it.
    Runbook,
    /// The figures around it.
    Dashboard,
    /// The expression that found it.
    Graph,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_that_nobody_taught_us_is_a_warning() {
        for (label, level) in [
            (Some("critical"), Level::Critical),
            (Some(" PAGE "), Level::Critical),
            (Some("error"), Level::Error),
            (Some("warning"), Level::Warning),
            (Some("info"), Level::Info),
            (Some("none"), Level::Info),
            (Some("purple"), Level::Warning),
            (None, Level::Warning),
        ] {
            assert_eq!(Level::of_severity(label), level, "{label:?}");
        }
        assert!(Level::Critical > Level::Error && Level::Error > Level::Warning && Level::Warning > Level::Info);
    }
}
