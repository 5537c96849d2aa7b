//! What else has to survive a restart: a word under a key.

use rusqlite::{OptionalExtension, params};

use super::{Outbox, Trouble};

impl Outbox {
    /// Keeps `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn keep(&self, key: &str, value: &str) -> Result<(), Trouble> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(move |connection| {
            let insert = "INSERT OR REPLACE INTO kept (key, value) VALUES (?, ?)";
            connection.prepare_cached(insert)?.execute(params![key, value]).map(drop)
        })
        .await
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
}
