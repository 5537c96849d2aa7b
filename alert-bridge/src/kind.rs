//! What can be told apart about a message and has a word in every language: how bad, begun or over, what links lead to.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How bad it is. The order is that of the enum: the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, ValueEnum)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Something is wrong now.
    Firing,
    /// All that was wrong is well again.
    Resolved,
    /// What we see is well again, but Alertmanager kept other alerts of the group from us.
    PartlyResolved,
    /// Nobody said that it is over, but nobody tells of it any more either.
    Lost,
    /// Somebody says something: neither begins nor ends anything.
    Note,
}

impl State {
    /// Returns the word that templates and programs use, whatever the language of the message is.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::PartlyResolved => "partly_resolved",
            Self::Lost => "lost",
            Self::Note => "note",
        }
    }
}

/// Why a message is told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Something began.
    New,
    /// Something changed about what was told before.
    Update,
    /// Nothing changed, and it goes on.
    Reminder,
    /// Somebody says something.
    Note,
}

impl Occasion {
    /// Returns the word that programs use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Update => "update",
            Self::Reminder => "reminder",
            Self::Note => "note",
        }
    }
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
    /// The form that silences it.
    Silence,
}

impl LinkKind {
    /// Returns the word that templates and programs use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runbook => "runbook",
            Self::Dashboard => "dashboard",
            Self::Graph => "graph",
            Self::Silence => "silence",
        }
    }
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
