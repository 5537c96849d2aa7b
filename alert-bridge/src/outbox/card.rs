//! What an outbox holds for people: cards, the messages that show them, and what is to be done about them when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incident::{Incident, Needs, Standing};
use crate::note::Note;

/// One incident or note at one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Its row; 0 before it has one.
    pub id: i64,
    /// The group that it is about.
    pub group_key: String,
    /// What shows it.
    pub message: Option<Posted>,
    /// Since when it is known.
    pub opened: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// Since when all is well.
    pub closed: Option<Timestamp>,
    /// Nothing is posted before.
    pub hold: Option<Timestamp>,
    /// Grows with every change.
    pub version: i64,
    /// What is known.
    pub content: Content,
}

/// What a card is about.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// A group of alerts.
    Incident(Incident),
    /// What somebody said.
    Note(Note),
}

/// A message in the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its row.
    pub id: i64,
    /// Its id there; none when it cannot be edited.
    pub remote: Option<String>,
    /// When it was posted.
    pub at: Timestamp,
}

/// When something is to be done for a receiver, at the earliest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// The next card to be posted.
    pub post: Option<Timestamp>,
    /// The next short message.
    pub notice: Option<Timestamp>,
    /// The next message to be edited, and since when it stands there.
    pub edit: Option<(Timestamp, Posted)>,
    /// How much waits to be told.
    pub queued: i64,
    /// Since when the oldest of it waits.
    pub oldest: Option<Timestamp>,
}

/// What taking in brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// How many events.
    pub events: usize,
    /// How many alerts were old news.
    pub stale: usize,
}

impl Content {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Incident(_) => "incident",
            Self::Note(_) => "note",
        }
    }
}

impl Card {
    pub(super) fn open(group_key: &str, content: Content, now: Timestamp) -> Self {
        Self {
            id: 0,
            group_key: group_key.to_owned(),
            message: None,
            opened: now,
            changed: now,
            closed: None,
            hold: None,
            version: 0,
            content,
        }
    }

    /// Returns what stands in the channel.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.message {
            Some(Posted { remote: Some(_), .. }) => Standing::Card,
            _ => Standing::Nothing,
        }
    }

    pub(super) fn needs(&self, now: Timestamp) -> Needs {
        match &self.content {
            Content::Incident(incident) => incident.needs(self.standing(), now),
            // A note that is told has no card any more.
            Content::Note(_) => Needs { post: Some(now), ..Needs::default() },
        }
    }
}

/// Whether a short message has gone out beside a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// One has.
    Message,
    /// None has.
    Nothing,
}
