//! What nobody needs any more goes, so that the file does not grow with the years.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::{Outbox, Trouble};

/// So long what was told stays, for those who want to look it up.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// No more events than this stay once they are taken in, whatever their age.
const EVENTS_LIMIT: i64 = 20_000;
/// Nor more of their text than this.
const BYTES_LIMIT: i64 = 64 * 1024 * 1024;
/// Pages of the file that are given back at a time.
const PAGES: i64 = 256;

impl Outbox {
    /// Drops what was told long ago. What waits to be told is never dropped.
    ///
    /// # Errors
    /// When the outbox cannot be used.
    pub async fn prune(&self, now: Timestamp) -> Result<(), Trouble> {
        let before = now.checked_sub(KEEP).unwrap_or_default().as_millisecond();
        self.run(move |connection| {
            let taken_in = "NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.event = event.id)";
            let old = format!("DELETE FROM event WHERE {taken_in} AND received_ms < ?");
            connection.prepare_cached(&old)?.execute([before])?;
            let beyond = format!(
                "DELETE FROM event WHERE {taken_in} AND id IN (SELECT id FROM
                    (SELECT id, row_number() OVER newest AS place, sum(length(body)) OVER newest AS bytes FROM event
                     WINDOW newest AS (ORDER BY id DESC)) WHERE place > ? OR bytes > ?)"
            );
            connection.prepare_cached(&beyond)?.execute(params![EVENTS_LIMIT, BYTES_LIMIT])?;
            let told = "post_ms IS NULL AND notice_ms IS NULL AND edit_ms IS NULL";
            let closed = format!("DELETE FROM card WHERE closed_ms < ? AND {told}");
            connection.prepare_cached(&closed)?.execute([before])?;
            let unused = "DELETE FROM message WHERE posted_ms < ? AND NOT EXISTS
                (SELECT 1 FROM card WHERE card.message = message.id)";
            connection.prepare_cached(unused)?.execute([before])?;
            Ok(())
        })
        .await?;
        // Outside of a transaction it would do more, but this is the one thread that writes.
        self.run(|connection| connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))).await
    }
}
