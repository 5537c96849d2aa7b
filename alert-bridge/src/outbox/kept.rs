//! What else has to survive a restart: a word under a key.

use rusqlite::{Connection, OptionalExtension, params};

use super::event::{Accepted, NewEvent};
use super::{Outbox, Trouble};

/// A word under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The key: `report.last 0 9 * * *`.
    pub key: String,
    /// What is kept.
    pub value: String,
}

impl Outbox {
    /// Keeps `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn keep(&self, key: &str, value: &str) -> Result<(), Trouble> {
        let kept = Kept { key: key.to_owned(), value: value.to_owned() };
        self.run(move |connection| keep(connection, &kept)).await
    }

    /// Returns what is kept under `key`.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn kept(&self, key: &str) -> Result<Option<String>, Trouble> {
        let key = key.to_owned();
        self.run(move |connection| {
            let query = "SELECT value FROM kept WHERE key = ?";
            connection.prepare_cached(query)?.query_row([key], |row| row.get(0)).optional()
        })
        .await
    }

    /// Writes `event` down and keeps `kept`: both or neither.
    ///
    /// # Errors
    /// When they are not on disk.
    pub async fn accept_keeping(&self, event: NewEvent, kept: Kept) -> Result<Accepted, Trouble> {
        self.run(move |connection| {
            keep(connection, &kept)?;
            super::event::accept(connection, &event)
        })
        .await
    }
}

fn keep(connection: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    let insert = "INSERT OR REPLACE INTO kept (key, value) VALUES (?, ?)";
    connection.prepare_cached(insert)?.execute(params![kept.key, kept.value]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_found_and_replaced() {
        let outbox = Outbox::in_memory().unwrap();
        assert_eq!(outbox.kept("n").await.unwrap(), None);
        outbox.keep("n", "1").await.unwrap();
        outbox.keep("n", "2").await.unwrap();
        assert_eq!(outbox.kept("n").await.unwrap().as_deref(), Some("2"));
        assert_eq!(outbox.kept("m").await.unwrap(), None);
    }
}
