//! Cards: what is known of each incident at each receiver, and what its people have still to be told.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::event::{EventKind, Waiting};
use super::{Outbox, Trouble};
use crate::incident::{Following, Heard, Incident, Needs, Standing};
use crate::note::Note;
use crate::webhook::{self, Alert};

/// So much of what waits is read at a time: more alerts than one message can name.
const BATCH_BYTES: usize = 384 * 1024;

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
    fn kind(&self) -> &'static str {
        match self {
            Self::Incident(_) => "incident",
            Self::Note(_) => "note",
        }
    }
}

impl Card {
    fn open(group_key: &str, content: Content, now: Timestamp) -> Self {
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

    fn needs(&self, now: Timestamp) -> Needs {
        match &self.content {
            Content::Incident(incident) => incident.needs(self.standing(), now),
            // A note that is told has no card any more.
            Content::Note(_) => Needs { post: Some(now), ..Needs::default() },
        }
    }
}

impl Outbox {
    /// Takes up to `count` waiting events of `receiver` into its cards.
    ///
    /// # Errors
    /// When the outbox cannot be used; nothing is taken in then.
    pub async fn take_in(
        &self,
        receiver: &str,
        count: usize,
        bytes: usize,
        following: Following,
    ) -> Result<TakenIn, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            let events = super::event::waiting(connection, &receiver, count, bytes)?;
            let mut taken = TakenIn { events: events.len(), stale: 0 };
            for event in events {
                let now = event.received;
                taken.stale += take_in(connection, &receiver, &event, now, &following)?.stale;
                let done = "DELETE FROM delivery WHERE receiver = ? AND event = ?";
                connection.prepare_cached(done)?.execute(params![receiver, event.id])?;
            }
            Ok(taken)
        })
        .await
    }

    /// Returns when something is to be done for `receiver`, and how much waits at `now`. What is held back on purpose does not.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn agenda(&self, receiver: &str, now: Timestamp) -> Result<Agenda, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| agenda(connection, &receiver, now)).await
    }

    /// Returns the cards of `receiver` that are to be posted by `now`, oldest first.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn to_post(&self, receiver: &str, now: Timestamp, count: usize) -> Result<Vec<Card>, Trouble> {
        self.due(receiver, "post_ms", now, count).await
    }

    /// Returns the cards of `receiver` of which a short message is due by `now`, oldest first.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn to_notice(&self, receiver: &str, now: Timestamp, count: usize) -> Result<Vec<Card>, Trouble> {
        self.due(receiver, "notice_ms", now, count).await
    }

    async fn due(
        &self,
        receiver: &str,
        column: &'static str,
        now: Timestamp,
        count: usize,
    ) -> Result<Vec<Card>, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            let query = format!("{CARDS} WHERE card.receiver = ? AND {column} <= ? ORDER BY card.id LIMIT ?");
            cards_within(connection, &query, params![receiver, now.as_millisecond(), integer(count)], BATCH_BYTES)
        })
        .await
    }

    /// Returns all cards that `message` shows, in the order in which it shows them.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn shown_by(&self, message: i64) -> Result<Vec<Card>, Trouble> {
        let query = format!("{CARDS} WHERE card.message = ? ORDER BY card.id");
        self.run(move |connection| cards(connection, &query, [message])).await
    }

    /// Notes that `cards`, as they are told there, stand in a new message whose id is `remote`.
    ///
    /// # Errors
    /// When the outbox cannot be used: what was told is not noted, and would be told again.
    pub async fn posted(
        &self,
        receiver: &str,
        cards: Vec<Card>,
        remote: Option<String>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            let message = insert_message(connection, &receiver, remote.as_deref(), now)?;
            for mut card in cards.clone() {
                if let Content::Note(_) = card.content {
                    connection.prepare_cached("DELETE FROM card WHERE id = ?")?.execute([card.id])?;
                    continue;
                }
                card.message = Some(Posted { id: message, remote: remote.clone(), at: now });
                card.hold = None;
                save(connection, &receiver, &mut card, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Notes `cards` as they are now; a message beside them has told what is new, if `beside` says so.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn save(&self, receiver: &str, cards: Vec<Card>, beside: Beside, now: Timestamp) -> Result<(), Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            if beside == Beside::Message {
                insert_message(connection, &receiver, None, now)?;
            }
            for mut card in cards.clone() {
                save(connection, &receiver, &mut card, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Returns cards of `receiver` about incidents that go on and were heard of last before `before`: up to `count` of those
    /// behind the card `after`.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn going_on(
        &self,
        receiver: &str,
        before: Timestamp,
        after: i64,
        count: usize,
    ) -> Result<Vec<Card>, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            let query = format!(
                "{CARDS} WHERE card.receiver = ? AND kind = 'incident' AND closed_ms IS NULL AND
                 (changed_ms < ? OR missing) AND card.id > ? ORDER BY card.id LIMIT ?"
            );
            cards(connection, &query, params![receiver, before.as_millisecond(), after, integer(count)])
        })
        .await
    }

    /// Forbids edits of `message` before `until`.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn edit_later(&self, message: i64, until: Timestamp) -> Result<(), Trouble> {
        self.run(move |connection| {
            let later = "UPDATE message SET edit_ms = ? WHERE id = ?";
            connection.prepare_cached(later)?.execute(params![until.as_millisecond(), message]).map(drop)
        })
        .await
    }

    /// Returns when messages were posted to `receiver` since `since`.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn posted_since(&self, receiver: &str, since: Timestamp) -> Result<Vec<Timestamp>, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            let query = "SELECT posted_ms FROM message WHERE receiver = ? AND posted_ms > ? ORDER BY posted_ms";
            let mut statement = connection.prepare_cached(query)?;
            let moments = statement.query_map(params![receiver, since.as_millisecond()], |row| row.get(0))?;
            moments.map(|moment| moment.map(moment_of)).collect()
        })
        .await
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

fn take_in(
    connection: &Connection,
    receiver: &str,
    event: &Waiting,
    now: Timestamp,
    following: &Following,
) -> rusqlite::Result<Heard> {
    match event.kind {
        EventKind::Note => {
            match serde_json::from_str::<Note>(&event.body) {
                Ok(note) => {
                    let mut card = Card::open(&event.group_key, Content::Note(note), now);
                    save(connection, receiver, &mut card, now)?;
                }
                Err(error) => warn!("event {} is not a note and is passed over: {error}", event.id),
            }
            Ok(Heard::default())
        }
        EventKind::Webhook => {
            // It was read before it was accepted, so this cannot fail but for a file that somebody has changed.
            let webhook = match webhook::parse(event.body.as_bytes()) {
                Ok(webhook) => webhook,
                Err(error) => {
                    warn!("event {} is not a webhook and is passed over: {error}", event.id);
                    return Ok(Heard::default());
                }
            };
            let mut card = match of_group(connection, receiver, &event.group_key)? {
                Some(card) if !is_past(&card, now, following.flap_window) => card,
                _ => Card::open(&event.group_key, Content::Incident(Incident::new()), now),
            };
            let Content::Incident(incident) = &mut card.content else { return Ok(Heard::default()) };
            let meant = |place: &usize| event.alerts.as_ref().is_none_or(|places| places.contains(place));
            let told_before =
                |place: &usize, alert: &Alert| event.if_known.contains(place) && incident.knows(&alert.labels);
            let all = webhook.alerts.iter().enumerate();
            let alerts = all.filter(|(place, alert)| meant(place) || told_before(place, alert));
            let alerts: Vec<&Alert> = alerts.map(|(_, alert)| alert).collect();
            if alerts.is_empty() {
                return Ok(Heard::default());
            }
            let heard = incident.hear(&webhook, alerts.into_iter(), now, following);
            card.changed = now;
            card.version += 1;
            // What came may be more urgent than what waits.
            card.hold = None;
            save(connection, receiver, &mut card, now)?;
            Ok(heard)
        }
    }
}

/// Whether a card has been closed for so long that what comes now is another incident.
fn is_past(card: &Card, now: Timestamp, window: Duration) -> bool {
    card.closed.is_some_and(|closed| Duration::try_from(now.duration_since(closed)).is_ok_and(|since| since > window))
}

const CARDS: &str =
    "SELECT card.id, group_key, message.id, message.remote, message.posted_ms, opened_ms, changed_ms, closed_ms,
    hold_ms, version, state FROM card LEFT JOIN message ON message.id = card.message";

fn cards(connection: &Connection, query: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<Vec<Card>> {
    cards_within(connection, query, parameters, usize::MAX)
}

/// Reads cards until there are so many `bytes` of them; at least one.
fn cards_within(
    connection: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
    bytes: usize,
) -> rusqlite::Result<Vec<Card>> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(parameters)?;
    let (mut cards, mut length) = (Vec::new(), 0);
    while length < bytes
        && let Some(row) = rows.next()?
    {
        length += row.get_ref(STATE)?.as_str().map_or(0, str::len);
        cards.push(read(row)?);
    }
    Ok(cards)
}

/// The column of a card's state.
const STATE: usize = 10;

fn read(row: &Row<'_>) -> rusqlite::Result<Card> {
    let message: Option<i64> = row.get(2)?;
    let posted =
        |id| -> rusqlite::Result<Posted> { Ok(Posted { id, remote: row.get(3)?, at: moment_of(row.get(4)?) }) };
    let state: String = row.get(STATE)?;
    let content = serde_json::from_str(&state).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(STATE, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Card {
        id: row.get(0)?,
        group_key: row.get(1)?,
        message: message.map(posted).transpose()?,
        opened: moment_of(row.get(5)?),
        changed: moment_of(row.get(6)?),
        closed: row.get::<_, Option<i64>>(7)?.map(moment_of),
        hold: row.get::<_, Option<i64>>(8)?.map(moment_of),
        version: row.get(9)?,
        content,
    })
}

/// The cards of which something is to be told by a new message by `now`.
pub(super) fn due_now(connection: &Connection, receiver: &str, now: Timestamp) -> rusqlite::Result<Vec<Card>> {
    let query =
        format!("{CARDS} WHERE card.receiver = ?1 AND (post_ms <= ?2 OR notice_ms <= ?2) ORDER BY card.id LIMIT 600");
    cards(connection, &query, params![receiver, now.as_millisecond()])
}

/// Finds a card and whose it is.
pub(super) fn by_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<(String, Card)>> {
    let query = format!("{CARDS} WHERE card.id = ?");
    let card = connection.prepare_cached(&query)?.query_row([id], read).optional()?;
    let receiver = "SELECT receiver FROM card WHERE id = ?";
    card.map(|card| Ok((connection.query_row(receiver, [id], |row| row.get(0))?, card))).transpose()
}

fn of_group(connection: &Connection, receiver: &str, group_key: &str) -> rusqlite::Result<Option<Card>> {
    let query = format!(
        "{CARDS} WHERE card.receiver = ? AND group_key = ? AND card.kind = 'incident' ORDER BY card.id DESC LIMIT 1"
    );
    connection.prepare_cached(&query)?.query_row(params![receiver, group_key], read).optional()
}

fn insert_message(
    connection: &Connection,
    receiver: &str,
    remote: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<i64> {
    let insert = "INSERT INTO message (receiver, remote, posted_ms) VALUES (?, ?, ?)";
    connection.prepare_cached(insert)?.execute(params![receiver, remote, now.as_millisecond()])?;
    Ok(connection.last_insert_rowid())
}

/// Writes a card down with what follows from it.
pub(super) fn save(connection: &Connection, receiver: &str, card: &mut Card, now: Timestamp) -> rusqlite::Result<()> {
    let needs = card.needs(now);
    let (firing, resolved, over, missing) = match &card.content {
        Content::Incident(incident) => {
            let (firing, resolved) = incident.counts();
            (firing, resolved, incident.is_over(), incident.misses())
        }
        Content::Note(_) => (0, 0, false, false),
    };
    card.closed = if over { card.closed.or(Some(now)) } else { None };
    let millis = |moment: Option<Timestamp>| moment.map(Timestamp::as_millisecond);
    let held = |due: Timestamp| card.hold.map_or(due, |hold| hold.max(due));
    let (post, notice) = (needs.post.map(held), needs.notice.map(held));
    let state = serde_json::to_string(&card.content).unwrap_or_default();
    let columns = params![
        (card.id != 0).then_some(card.id),
        receiver,
        card.content.kind(),
        card.group_key,
        card.message.as_ref().map(|message| message.id),
        card.opened.as_millisecond(),
        card.changed.as_millisecond(),
        millis(post),
        millis(notice),
        needs.edit.then_some(card.changed.as_millisecond()),
        millis(card.closed),
        millis(card.hold),
        card.version,
        integer(firing),
        integer(resolved),
        missing,
        state,
    ];
    let upsert =
        "INSERT INTO card (id, receiver, kind, group_key, message, opened_ms, changed_ms, post_ms, notice_ms, edit_ms,
        closed_ms, hold_ms, version, firing, resolved, missing, state)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
        ON CONFLICT (id) DO UPDATE SET message = ?5, changed_ms = ?7, post_ms = ?8, notice_ms = ?9, edit_ms = ?10,
        closed_ms = ?11, hold_ms = ?12, version = ?13, firing = ?14, resolved = ?15, missing = ?16, state = ?17";
    connection.prepare_cached(upsert)?.execute(columns)?;
    if card.id == 0 {
        card.id = connection.last_insert_rowid();
    }
    Ok(())
}

fn agenda(connection: &Connection, receiver: &str, now: Timestamp) -> rusqlite::Result<Agenda> {
    let first = |column: &str| -> rusqlite::Result<Option<Timestamp>> {
        let query = format!("SELECT min({column}) FROM card WHERE receiver = ? AND {column} IS NOT NULL");
        let moment: Option<i64> = connection.prepare_cached(&query)?.query_row([receiver], |row| row.get(0))?;
        Ok(moment.map(moment_of))
    };
    let edit = "SELECT max(card.edit_ms, message.edit_ms) AS due, message.id, remote, posted_ms FROM card
        JOIN message ON message.id = card.message WHERE card.receiver = ? AND card.edit_ms IS NOT NULL ORDER BY due LIMIT 1";
    let edit = connection
        .prepare_cached(edit)?
        .query_row([receiver], |row| {
            let posted = Posted { id: row.get(1)?, remote: row.get(2)?, at: moment_of(row.get(3)?) };
            Ok((moment_of(row.get(0)?), posted))
        })
        .optional()?;
    let waiting = "SELECT count(*), min(received_ms) FROM delivery JOIN event ON event.id = event WHERE receiver = ?";
    let (events, oldest_event): (i64, Option<i64>) =
        connection.prepare_cached(waiting)?.query_row([receiver], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let untold = "SELECT count(*), min(changed_ms) FROM card WHERE receiver = ?1 AND
        (post_ms IS NOT NULL OR notice_ms IS NOT NULL OR edit_ms IS NOT NULL) AND
        (post_ms <= ?2 OR notice_ms <= ?2 OR edit_ms <= ?2)";
    let (cards, oldest_card): (i64, Option<i64>) = connection
        .prepare_cached(untold)?
        .query_row(params![receiver, now.as_millisecond()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let oldest = [oldest_event, oldest_card].into_iter().flatten().min();
    Ok(Agenda {
        post: first("post_ms")?,
        notice: first("notice_ms")?,
        edit,
        queued: events + cards,
        oldest: oldest.map(moment_of),
    })
}

/// SQLite's integers are signed.
fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn moment_of(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
