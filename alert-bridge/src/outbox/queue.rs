//! What waits, for an operator: `alert-bridge queue` reads and changes it beside a running bridge.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail};
use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::card::Content;
use super::row::{self, moment_of};
use super::schema;

/// What waits can be named: `c12` is a card, `e5` an event that no card has taken in yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A card that has something to tell.
    Card(i64),
    /// An event that is not taken in yet.
    Event(i64),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(id) => write!(f, "c{id}"),
            Self::Event(id) => write!(f, "e{id}"),
        }
    }
}

impl FromStr for Item {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |rest: &str| rest.parse().ok().filter(|id| *id > 0);
        let card = text.strip_prefix('c').and_then(number).map(Self::Card);
        let event = text.strip_prefix('e').and_then(number).map(Self::Event);
        card.or(event).ok_or("an item is written as `queue list` shows it: c12 or e5")
    }
}

/// Something that waits to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub item: Item,
    /// For whom.
    pub receiver: String,
    /// What is to be done: `post`, `notice`, `edit` or `take in`.
    pub deed: &'static str,
    /// Since when it waits.
    pub since: Timestamp,
    /// When it is tried at the earliest.
    pub due: Timestamp,
    /// How many alerts of it fire.
    pub firing: i64,
    /// How many are over.
    pub resolved: i64,
    /// What it is about.
    pub about: String,
}

/// An outbox, opened beside the bridge that serves from it.
pub struct Queue {
    connection: Connection,
}

impl Queue {
    /// Opens the outbox in `directory`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(directory: &Path) -> anyhow::Result<Self> {
        Ok(Self { connection: schema::open_beside(directory)? })
    }

    /// Returns what waits, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self) -> anyhow::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let cards =
            "SELECT id, receiver, post_ms, notice_ms, edit_ms, changed_ms, firing, resolved, group_key FROM card
            WHERE post_ms IS NOT NULL OR notice_ms IS NOT NULL OR edit_ms IS NOT NULL ORDER BY changed_ms, id";
        let mut statement = self.connection.prepare(cards)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let due = [("post", row.get(2)?), ("notice", row.get(3)?), ("edit", row.get::<_, Option<i64>>(4)?)];
            let due = due.into_iter().filter_map(|(deed, due)| Some((due?, deed))).min();
            let (due, deed) = due.unwrap_or_default();
            entries.push(Entry {
                item: Item::Card(row.get(0)?),
                receiver: row.get(1)?,
                deed,
                since: moment_of(row.get(5)?),
                due: moment_of(due),
                firing: row.get(6)?,
                resolved: row.get(7)?,
                about: row.get(8)?,
            });
        }
        let events = "SELECT event.id, receiver, received_ms, group_key FROM delivery JOIN event ON event.id = event
            ORDER BY event.id";
        let mut statement = self.connection.prepare(events)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let received = moment_of(row.get(2)?);
            entries.push(Entry {
                item: Item::Event(row.get(0)?),
                receiver: row.get(1)?,
                deed: "take in",
                since: received,
                due: received,
                firing: 0,
                resolved: 0,
                about: row.get(3)?,
            });
        }
        entries.sort_by_key(|entry| entry.since);
        Ok(entries)
    }

    /// Returns the receivers that take no messages any more: name, since when, why.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn dead(&self) -> anyhow::Result<Vec<(String, Timestamp, String)>> {
        let mut statement = self.connection.prepare("SELECT receiver, since_ms, reason FROM dead ORDER BY since_ms")?;
        let rows = statement.query_map((), |row| Ok((row.get(0)?, moment_of(row.get(1)?), row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lets everything that waits be tried now, for `receiver` or for all; how much that is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn retry(&mut self, receiver: Option<&str>) -> anyhow::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = Timestamp::now().as_millisecond();
        transaction.execute("DELETE FROM dead WHERE receiver = ifnull(?, receiver)", [receiver])?;
        transaction.execute("UPDATE message SET edit_ms = 0 WHERE receiver = ifnull(?, receiver)", [receiver])?;
        let hurry = "UPDATE card SET hold_ms = NULL, post_ms = min(post_ms, ?2), notice_ms = min(notice_ms, ?2)
            WHERE receiver = ifnull(?1, receiver) AND (post_ms IS NOT NULL OR notice_ms IS NOT NULL OR edit_ms IS NOT NULL)";
        let count = transaction.execute(hurry, params![receiver, now])?;
        transaction.commit()?;
        Ok(count)
    }

    /// Gives up telling `item`.
    ///
    /// # Errors
    /// When it does not wait, or that cannot be written.
    pub fn drop_item(&mut self, item: Item) -> anyhow::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let dropped = match item {
            Item::Event(id) => transaction.execute("DELETE FROM delivery WHERE event = ?", [id])? > 0,
            Item::Card(id) => match row::by_id(&transaction, id)? {
                None => false,
                Some((_, card)) if card.message.is_none() => {
                    transaction.execute("DELETE FROM card WHERE id = ?", [id])? > 0
                }
                Some((receiver, mut card)) => {
                    if let Content::Incident(incident) = &mut card.content {
                        incident.posted();
                    }
                    row::save(&transaction, &receiver, &mut card, Timestamp::now())
                        .context("cannot change the card")?;
                    true
                }
            },
        };
        if !dropped {
            bail!("nothing that waits is called {item}; `alert-bridge queue list` shows what does");
        }
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_named_as_it_is_shown() {
        for item in [Item::Card(12), Item::Event(5)] {
            assert_eq!(item.to_string().parse(), Ok(item));
        }
        for wrong in ["", "c", "12", "c-1", "c0", "x5"] {
            assert!(wrong.parse::<Item>().is_err(), "{wrong}");
        }
    }
}
