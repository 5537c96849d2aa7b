//! Receivers that do not take messages any more.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Outbox, Trouble};

impl Outbox {
    /// Writes that `receiver` takes no messages any more, and why.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn bury(&self, receiver: &str, reason: &str, now: Timestamp) -> Result<(), Trouble> {
        let (receiver, reason) = (receiver.to_owned(), reason.to_owned());
        self.run(move |connection| {
            let insert = "INSERT OR REPLACE INTO dead (receiver, since_ms, reason) VALUES (?, ?, ?)";
            connection.prepare_cached(insert)?.execute(params![receiver, now.as_millisecond(), reason]).map(drop)
        })
        .await
    }

    /// Forgets that `receiver` took no messages: it is tried again.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn revive(&self, receiver: &str) -> Result<(), Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            connection.prepare_cached("DELETE FROM dead WHERE receiver = ?")?.execute([receiver]).map(drop)
        })
        .await
    }

    /// Returns why `receiver` takes no messages any more, if that is so.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn death(&self, receiver: &str) -> Result<Option<String>, Trouble> {
        let receiver = receiver.to_owned();
        self.run(move |connection| {
            let query = "SELECT reason FROM dead WHERE receiver = ?";
            connection.prepare_cached(query)?.query_row([receiver], |row| row.get(0)).optional()
        })
        .await
    }
}
