//! What is to be done for a receiver, and when.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::card::{Agenda, Posted};
use super::row::moment_of;

/// Looks up what is to be done for `receiver`, and how much of it waits at `now`.
pub(super) fn agenda(connection: &Connection, receiver: &str, now: Timestamp) -> rusqlite::Result<Agenda> {
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
