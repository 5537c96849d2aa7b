//! A silence: for a while, nobody is told of the alerts that it matches.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::matcher::Matcher;

/// A silence that Alertmanager shall keep.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    /// An alert is held back when it matches all of these; there must be one that the empty text does not match.
    pub matchers: Vec<Matcher>,
    /// Since when; a moment that has passed means now.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who wants it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// A silence that Alertmanager keeps. It keeps those that are over for five days.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its name for the API.
    pub id: String,
    /// An alert is held back when it matches all of these.
    pub matchers: Vec<Matcher>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who wanted it.
    #[serde(default)]
    pub created_by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// Where it is in its life.
    pub status: SilenceStatus,
}

/// The wrapping in which Alertmanager says the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SilenceStatus {
    /// The state.
    pub state: SilenceState,
}

/// Where a silence is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It holds alerts back.
    Active,
    /// It begins later.
    Pending,
    /// It is over.
    Expired,
}

impl Silence {
    /// Returns where it is in its life.
    #[must_use]
    pub fn state(&self) -> SilenceState {
        self.status.state
    }

    /// Returns whether one of its matchers is just `name = value`: what `noroshi silence HOST` makes of a host.
    #[must_use]
    pub fn is_of(&self, name: &str, value: &str) -> bool {
        self.matchers.iter().any(|matcher| *matcher == Matcher::equal(name, value))
    }
}
