//! The file: its tables, its version, its lock, and what becomes of a damaged one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use rusqlite::Connection;
use tracing::error;

use super::{FILE, Opened, Trouble};

/// Kept in SQLite's `user_version`.
const VERSION: i32 = 1;
/// How long we wait for `alert-bridge queue`, which writes into the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// All times are milliseconds since 1970.
const TABLES: &str = "
-- What was accepted: a webhook as far as we read it, or a note.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'note')),
    key INTEGER NOT NULL,      -- the same for a retry and for what the other of two Alertmanagers says
    group_key TEXT NOT NULL,
    body TEXT NOT NULL         -- as JSON
) STRICT;
CREATE INDEX event_by_key ON event (key, received_ms);

-- An event that a receiver has still to take into its cards. Gone once it has.
CREATE TABLE delivery (
    receiver TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    alerts TEXT,               -- the places of the alerts that are meant for this receiver, as JSON; NULL: all of them
    PRIMARY KEY (receiver, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_by_event ON delivery (event);

-- What stands in a channel.
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    remote TEXT,               -- its id there; NULL: it cannot be edited
    posted_ms INTEGER NOT NULL,
    edit_ms INTEGER NOT NULL DEFAULT 0   -- no edit before
) STRICT;
CREATE INDEX message_by_receiver ON message (receiver, posted_ms);

-- One incident, or one note, at one receiver.
CREATE TABLE card (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('incident', 'note')),
    group_key TEXT NOT NULL,
    message INTEGER REFERENCES message (id) ON DELETE SET NULL,
    opened_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    post_ms INTEGER,           -- to be posted, not before; NULL: not to be posted
    notice_ms INTEGER,         -- a short message of its own is due then
    edit_ms INTEGER,           -- its message has been out of date since
    closed_ms INTEGER,         -- all is well since
    hold_ms INTEGER,           -- nothing is posted before
    version INTEGER NOT NULL,  -- grows with every change
    firing INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    missing INTEGER NOT NULL,  -- whether the group is told without an alert that nobody ended
    state TEXT NOT NULL        -- JSON
) STRICT;
CREATE INDEX card_by_group ON card (receiver, group_key, id);
CREATE INDEX card_to_post ON card (receiver, post_ms) WHERE post_ms IS NOT NULL;
CREATE INDEX card_to_notice ON card (receiver, notice_ms) WHERE notice_ms IS NOT NULL;
CREATE INDEX card_to_edit ON card (receiver, edit_ms) WHERE edit_ms IS NOT NULL;
CREATE INDEX card_untold ON card (receiver, changed_ms)
    WHERE post_ms IS NOT NULL OR notice_ms IS NOT NULL OR edit_ms IS NOT NULL;
CREATE INDEX card_by_message ON card (message);

-- What else has to survive a restart: which report was the last, when the dead man's switch was heard of.
CREATE TABLE kept (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Receivers that do not take messages any more.
CREATE TABLE dead (
    receiver TEXT PRIMARY KEY,
    since_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
";

/// Opens the file in `directory` for the one bridge that may serve from it.
pub(super) fn open(directory: &Path) -> anyhow::Result<(Connection, File, Opened)> {
    let lock = lock(directory)?;
    let file = directory.join(FILE);
    let mut opened = Opened::default();
    let connection = match connect(&file) {
        Err(error) if is_damaged(&error) => {
            let aside = set_aside(&file)?;
            error!(
                "the outbox was damaged ({error:#}) and is now {}; what had not been told may be lost",
                aside.display()
            );
            opened.set_aside = Some(aside);
            connect(&file)
        }
        connected => connected,
    };
    let connection = connection.with_context(|| format!("cannot open the outbox {}", file.display()))?;
    Ok((connection, lock, opened))
}

/// Opens the file in `directory` beside the bridge that serves from it, if there is one.
pub(super) fn open_beside(directory: &Path) -> anyhow::Result<Connection> {
    let file = directory.join(FILE);
    if !file.exists() {
        bail!("there is no outbox at {}; --data names the directory of the bridge", file.display());
    }
    connect(&file).with_context(|| format!("cannot open the outbox {}", file.display()))
}

pub(super) fn in_memory() -> anyhow::Result<Connection> {
    let connection = Connection::open_in_memory().context("cannot make an outbox in memory")?;
    prepare(&connection)?;
    Ok(connection)
}

/// Two bridges on one outbox would tell everything twice.
fn lock(directory: &Path) -> anyhow::Result<File> {
    let name = directory.display();
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("cannot make the data directory {name}"))?;
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock"));
    let lock = open.with_context(|| {
        format!("cannot write into the data directory {name}; it must belong to the user that runs alert-bridge")
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("another alert-bridge serves from the data directory {name}; --data names another one")
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock the data directory {name}")),
    }
}

fn connect(file: &Path) -> anyhow::Result<Connection> {
    // Made here, because SQLite would let everybody read it. Its helpers get the same mode.
    let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file);
    made.context("it cannot be made or written")?;
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    prepare(&connection)?;
    let state: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if state != "ok" {
        return Err(Trouble::Damaged(state).into());
    }
    Ok(connection)
}

fn prepare(connection: &Connection) -> anyhow::Result<()> {
    connection.execute_batch(
        // FULL: in WAL mode, only this flushes at every commit.
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -1024; PRAGMA journal_size_limit = 4194304; PRAGMA temp_store = MEMORY;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    let version: i32 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    match version {
        0 => {
            connection.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
        }
        VERSION => {}
        newer => {
            bail!("it was written by a newer version of alert-bridge (its tables are version {newer}, ours {VERSION})")
        }
    }
    Ok(())
}

fn is_damaged(error: &anyhow::Error) -> bool {
    let damaged = |trouble: &Trouble| matches!(trouble, Trouble::Damaged(_));
    error.chain().any(|cause| {
        cause.downcast_ref::<rusqlite::Error>().is_some_and(|error| damaged(&error.into()))
            || cause.downcast_ref::<Trouble>().is_some_and(damaged)
    })
}

/// Moves the file away with its helpers, which belong to it.
fn set_aside(file: &Path) -> anyhow::Result<PathBuf> {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let aside = file.with_file_name(format!("{FILE}.damaged-{stamp}"));
    for helper in ["-wal", "-shm", ""] {
        let with = |path: &Path| PathBuf::from(format!("{}{helper}", path.display()));
        match fs::rename(with(file), with(&aside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot set the damaged outbox {} aside", file.display()));
            }
            _ => {}
        }
    }
    Ok(aside)
}
