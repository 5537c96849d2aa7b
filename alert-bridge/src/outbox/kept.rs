//! What parts of the bridge remember across a restart: a value for each name.

use rusqlite::{Connection, OptionalExtension, params};

use super::event::{Accepted, NewEvent};
use super::{Outbox, Trouble};

/// A value under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The name: `report.last 0 9 * * *`.
    pub name: String,
    /// What is remembered.
    pub value: String,
}

impl Outbox {
    /// Returns what is remembered under `name`.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn kept(&self, name: &str) -> Result<Option<String>, Trouble> {
        let name = name.to_owned();
        self.run(move |connection| {
            let query = "SELECT value FROM kept WHERE name = ?";
            connection.prepare_cached(query)?.query_row([name], |row| row.get(0)).optional()
        })
        .await
    }

    /// Remembers `kept` instead of what was there.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn keep(&self, kept: Kept) -> Result<(), Trouble> {
        self.run(move |connection| keep(connection, &kept)).await
    }

    /// Writes `event` down and remembers `kept`: both or neither.
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
    let upsert = "INSERT INTO kept (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(upsert)?.execute(params![kept.name, kept.value]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_found_and_replaced() {
        let outbox = Outbox::in_memory().unwrap();
        let kept = |value: &str| Kept { name: "n".into(), value: value.into() };
        assert_eq!(outbox.kept("n").await.unwrap(), None);
        outbox.keep(kept("1")).await.unwrap();
        outbox.keep(kept("2")).await.unwrap();
        assert_eq!(outbox.kept("n").await.unwrap().as_deref(), Some("2"));
        assert_eq!(outbox.kept("m").await.unwrap(), None);
    }
}
