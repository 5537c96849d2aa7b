//! Cards in the outbox: what a sender asks of them, and what it notes.

use jiff::Timestamp;
use rusqlite::params;

use super::agenda::agenda;
use super::card::{Agenda, Beside, Card, Content, Posted, TakenIn};
use super::row::{CARDS, cards, cards_within, insert_message, integer, moment_of, save};
use super::take_in::take_in;
use super::{Outbox, Trouble};
use crate::incident::Following;

/// So much of what waits is read at a time: more alerts than one message can name.
const BATCH_BYTES: usize = 384 * 1024;

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
