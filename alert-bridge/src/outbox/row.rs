//! Cards as rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::card::{Card, Content, Posted};

/// What every query of cards begins with; [`read`] takes its columns.
pub(super) const CARDS: &str =
    "SELECT card.id, group_key, message.id, message.remote, message.posted_ms, opened_ms, changed_ms, closed_ms,
    hold_ms, version, state FROM card LEFT JOIN message ON message.id = card.message";

/// Reads cards.
pub(super) fn cards(
    connection: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Card>> {
    cards_within(connection, query, parameters, usize::MAX)
}

/// Reads cards until there are so many `bytes` of them; at least one.
pub(super) fn cards_within(
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

/// Finds the newest card of a group.
pub(super) fn of_group(connection: &Connection, receiver: &str, group_key: &str) -> rusqlite::Result<Option<Card>> {
    let query = format!(
        "{CARDS} WHERE card.receiver = ? AND group_key = ? AND card.kind = 'incident' ORDER BY card.id DESC LIMIT 1"
    );
    connection.prepare_cached(&query)?.query_row(params![receiver, group_key], read).optional()
}

/// Notes a message, and returns its row.
pub(super) fn insert_message(
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

/// SQLite's integers are signed.
pub(super) fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn moment_of(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
