//! What waits for one receiver becomes what others hear of.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::card::{Card, Content};
use super::event::{Destination, EventKind, NewEvent};
use super::{Outbox, Trouble};

impl Outbox {
    /// Makes events for `others` of all that is to be told to `receiver` by now, and notes on its cards that it was; returns how
    /// many. An edit that is due stays due.
    ///
    /// # Errors
    /// When the outbox cannot be used; nothing is changed then.
    pub async fn hand_on(&self, receiver: &str, others: &[String], now: Timestamp) -> Result<usize, Trouble> {
        let (receiver, others) = (receiver.to_owned(), others.to_vec());
        self.run(move |connection| {
            let mut count = 0;
            for mut card in super::row::due_now(connection, &receiver, now)? {
                let nothing_stands = card.message.as_ref().is_none_or(|message| message.remote.is_none());
                let (kind, body) = match &mut card.content {
                    Content::Note(note) => (EventKind::Note, serde_json::to_string(note).ok()),
                    Content::Incident(incident) => {
                        let body = incident.for_others(plain_key(&card.group_key, &incident.receiver));
                        incident.handed_on(nothing_stands);
                        (EventKind::Webhook, body.map(|body| body.to_string()))
                    }
                };
                if let Some(body) = body {
                    count += 1;
                    let destinations = others.iter().map(|other| Destination::of_all(other)).collect();
                    let group_key = card.group_key.clone();
                    let event =
                        NewEvent { kind, received: now, key: 0, same_since: None, group_key, body, destinations };
                    super::event::accept(connection, &event)?;
                }
                settle(connection, &receiver, &mut card, now)?;
            }
            Ok(count)
        })
        .await
    }

    /// Forgets a card that nobody shall hear of.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn drop_card(&self, id: i64) -> Result<(), Trouble> {
        self.run(move |connection| drop_card(connection, id)).await
    }
}

fn settle(connection: &Connection, receiver: &str, card: &mut Card, now: Timestamp) -> rusqlite::Result<()> {
    match card.content {
        Content::Note(_) => drop_card(connection, card.id),
        Content::Incident(_) => super::row::save(connection, receiver, card, now),
    }
}

fn drop_card(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM card WHERE id = ?")?.execute(params![id]).map(drop)
}

/// The group's key as Alertmanager gives it: in front of it stands its receiver.
fn plain_key<'a>(key: &'a str, receiver: &str) -> &'a str {
    key.strip_prefix(receiver).and_then(|key| key.strip_prefix('|')).unwrap_or(key)
}
