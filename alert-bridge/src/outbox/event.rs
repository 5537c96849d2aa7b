//! What was accepted: written down before anybody is told that it was.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Outbox, Trouble};

/// What comes in through one of the doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A webhook of Alertmanager's; the body is what it posted.
    Webhook,
    /// Somebody says something; the body is a [`Note`](crate::note::Note) as JSON.
    Note,
}

impl EventKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Note => "note",
        }
    }
}

/// One event on its way in.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What it is.
    pub kind: EventKind,
    /// When it came.
    pub received: Timestamp,
    /// The same for events that say the same.
    pub key: u64,
    /// Events with an equal key are dropped when one was accepted after this moment; `None`: never.
    pub same_since: Option<Timestamp>,
    /// What it is about; the events of one group make one card.
    pub group_key: String,
    /// What it says.
    pub body: String,
    /// Who shall hear of it.
    pub destinations: Vec<Destination>,
}

/// One receiver of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its name in the configuration.
    pub receiver: String,
    /// The places of the alerts that are meant for it; `None`: all of them.
    pub alerts: Option<Vec<usize>>,
    /// The places of those that it shall hear of only if it knows them already: they are over, and it is told now of others.
    pub if_known: Vec<usize>,
}

impl Destination {
    /// Returns a destination that hears of everything.
    #[must_use]
    pub fn of_all(receiver: &str) -> Self {
        Self { receiver: receiver.to_owned(), alerts: None, if_known: Vec::new() }
    }

    /// Returns a destination that hears of nothing yet.
    #[must_use]
    pub fn none(receiver: &str) -> Self {
        Self { receiver: receiver.to_owned(), alerts: None, if_known: Vec::new() }
    }
}

/// The alerts of one delivery, as they are kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Meant {
    alerts: Option<Vec<usize>>,
    #[serde(default)]
    if_known: Vec<usize>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is on disk, under this id.
    Kept(i64),
    /// It had been accepted a moment before.
    Duplicate,
}

/// One event that a receiver has still to take into its cards.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its id.
    pub id: i64,
    /// What it is.
    pub kind: EventKind,
    /// When it came.
    pub received: Timestamp,
    /// What it is about.
    pub group_key: String,
    /// What it says.
    pub body: String,
    /// The places of the alerts that are meant for the receiver; `None`: all of them.
    pub alerts: Option<Vec<usize>>,
    /// The places of those that it shall hear of only if it knows them already.
    pub if_known: Vec<usize>,
}

impl Outbox {
    /// Writes `event` down. When this returns, it is on disk.
    ///
    /// # Errors
    /// When it is not; the sender has to come again.
    pub async fn accept(&self, event: NewEvent) -> Result<Accepted, Trouble> {
        self.run(move |connection| accept(connection, &event)).await
    }

    /// Returns the oldest events that `receiver` has still to take in: up to `count`, and no more than `bytes` of them
    /// unless the first is longer.
    pub async fn waiting(&self, receiver: &str, count: usize, bytes: usize) -> Result<Vec<Waiting>, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| waiting(connection, &receiver, count, bytes)).await
    }
}

#[expect(clippy::cast_possible_wrap, reason = "a key is 64 bits that mean nothing as a number")]
pub(super) fn accept(connection: &Connection, event: &NewEvent) -> rusqlite::Result<Accepted> {
    let key = event.key as i64;
    if let Some(since) = event.same_since {
        let mut same = connection.prepare_cached("SELECT 1 FROM event WHERE key = ? AND received_ms > ? LIMIT 1")?;
        if same.query_row(params![key, since.as_millisecond()], |_| Ok(())).optional()?.is_some() {
            return Ok(Accepted::Duplicate);
        }
    }
    let columns = params![event.received.as_millisecond(), event.kind.as_str(), key, event.group_key, event.body];
    let insert = "INSERT INTO event (received_ms, kind, key, group_key, body) VALUES (?, ?, ?, ?, ?)";
    connection.prepare_cached(insert)?.execute(columns)?;
    let id = connection.last_insert_rowid();
    for destination in &event.destinations {
        let meant = Meant { alerts: destination.alerts.clone(), if_known: destination.if_known.clone() };
        let all = meant.alerts.is_none() && meant.if_known.is_empty();
        let alerts = if all { None } else { serde_json::to_string(&meant).ok() };
        connection
            .prepare_cached("INSERT OR REPLACE INTO delivery (receiver, event, alerts) VALUES (?, ?, ?)")?
            .execute(params![destination.receiver, id, alerts])?;
    }
    Ok(Accepted::Kept(id))
}

pub(super) fn waiting(
    connection: &Connection,
    receiver: &str,
    count: usize,
    bytes: usize,
) -> rusqlite::Result<Vec<Waiting>> {
    let query =
        "SELECT event.id, kind, received_ms, group_key, body, alerts FROM delivery JOIN event ON event.id = event
                 WHERE receiver = ? ORDER BY event.id";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([receiver])?;
    let (mut events, mut length) = (Vec::new(), 0);
    while events.len() < count
        && let Some(row) = rows.next()?
    {
        let event = read(row)?;
        length += event.body.len();
        if length > bytes && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Waiting> {
    let kind: String = row.get(1)?;
    let alerts: Option<String> = row.get(5)?;
    let meant: Meant = alerts.and_then(|meant| serde_json::from_str(&meant).ok()).unwrap_or_default();
    Ok(Waiting {
        id: row.get(0)?,
        kind: if kind == "note" { EventKind::Note } else { EventKind::Webhook },
        received: Timestamp::from_millisecond(row.get(2)?).unwrap_or_default(),
        group_key: row.get(3)?,
        body: row.get(4)?,
        alerts: meant.alerts,
        if_known: meant.if_known,
    })
}
