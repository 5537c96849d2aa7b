//! What was accepted and not yet told, on disk: a webhook is answered 2xx only once it is in here.
//!
//! ```text
//! intake ── accept ──▶ event + delivery      one row for each webhook, one for each receiver that shall hear of it
//! sender ── absorb ──▶ card                  the incident as it stands now, and what people have not been told of it
//! sender ── posted, edited ──▶ message       what stands in the channel, and which cards it carries
//! ```
//!
//! One SQLite file, one connection, one thread. Whatever waits when the thread comes round shares one transaction and so
//! one flush to the disk: two hundred webhooks at once cost little more than one. `alert-bridge queue` opens the same file
//! beside a running bridge, as may anybody with the `sqlite3` shell; the tables are told in docs/alert-bridge.md.

mod agenda;
pub mod card;
mod cards;
mod dead;
pub mod event;
mod hand_on;
pub mod kept;
mod prune;
pub mod queue;
mod row;
mod schema;
mod take_in;
mod thread;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use self::thread::{Call, Job};

/// The file below the data directory.
pub const FILE: &str = "outbox.db";
/// Whoever finds so many before it is told to come again: nobody waits minutes for an answer.
const WAITING_LIMIT: usize = 1024;

/// Why something could not be written down or looked up. Nothing was changed then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Trouble {
    /// No room, or the file may not grow.
    #[error("the disk is full")]
    Full,
    /// More waits than can be written in time.
    #[error("too much waits to be written down")]
    Crowded,
    /// The file is damaged. The next start sets it aside.
    #[error("the outbox is damaged: {0}")]
    Damaged(String),
    /// This process is about to end.
    #[error("the bridge is shutting down")]
    Stopping,
    /// Anything else, as SQLite says it.
    #[error("the outbox cannot be used: {0}")]
    Other(String),
}

impl From<&rusqlite::Error> for Trouble {
    fn from(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Crowded,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// The outbox; clones are the same one.
#[derive(Clone)]
pub struct Outbox {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Thread(mpsc::Sender<Box<dyn Job>>),
    /// Nothing on disk and no thread: for a terminal, and for tests whose clock stands still.
    Inline(Arc<Mutex<Connection>>),
}

/// What was found when the outbox was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Where the damaged file is now, if there was one.
    pub set_aside: Option<PathBuf>,
}

impl Outbox {
    /// Opens the outbox in `directory`, or makes one. A damaged one is set aside beside it: a bridge that does not start
    /// tells nobody anything.
    ///
    /// # Errors
    /// When the directory cannot be had, another bridge uses it, or a newer version wrote it.
    pub fn open(directory: &Path) -> anyhow::Result<(Self, Opened)> {
        let (connection, lock, opened) = schema::open(directory)?;
        let (jobs, waiting) = mpsc::channel(WAITING_LIMIT);
        std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || {
                thread::work(connection, waiting);
                drop(lock);
            })
            .context("cannot start the outbox's thread")?;
        Ok((Self { engine: Engine::Thread(jobs) }, opened))
    }

    /// Opens an outbox that is gone with this process.
    ///
    /// # Errors
    /// When memory is short.
    pub fn in_memory() -> anyhow::Result<Self> {
        let connection = schema::in_memory()?;
        Ok(Self { engine: Engine::Inline(Arc::new(Mutex::new(connection))) })
    }

    /// Runs `work` in a transaction that it may share with others, and returns its result once that is on disk.
    ///
    /// # Errors
    /// When the work or the transaction failed; nothing is changed then.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (reply, result) = oneshot::channel();
        let call: Box<dyn Job> = Box::new(Call::new(work, reply));
        match &self.engine {
            Engine::Thread(jobs) => jobs.try_send(call).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Trouble::Crowded,
                mpsc::error::TrySendError::Closed(_) => Trouble::Stopping,
            })?,
            Engine::Inline(connection) => {
                thread::round(&mut connection.lock().unwrap_or_else(PoisonError::into_inner), vec![call]);
            }
        }
        result.await.unwrap_or(Err(Trouble::Stopping))
    }
}

#[cfg(test)]
mod tests;
