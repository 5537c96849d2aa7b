//! The one thread that writes: all that waits goes into one transaction.

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::Trouble;

/// So many at most share a transaction, so that the first of them does not wait for all of a storm.
const ROUND_LIMIT: usize = 256;

/// One piece of work whose result is told only once it is on disk.
pub(super) trait Job: Send {
    /// Does the work inside the open transaction; whether its changes are to be kept.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the result, or why the transaction failed.
    fn finish(self: Box<Self>, failure: Option<&Trouble>);
}

/// A closure with somebody who waits for its result.
pub(super) struct Call<T, F> {
    work: Option<F>,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T, Trouble>>,
}

impl<T, F> Call<T, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, Trouble>>) -> Self {
        Self { work: Some(work), result: None, reply }
    }
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Job for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, failure: Option<&Trouble>) {
        let result = match (self.result, failure) {
            (Some(Ok(_)), Some(failure)) | (None, Some(failure)) => Err(failure.clone()),
            (Some(result), _) => result.map_err(|error| Trouble::from(&error)),
            (None, None) => Err(Trouble::Stopping),
        };
        // Whoever asked may have gone: a sender that hung up comes again, and is recognised then.
        let _ = self.reply.send(result);
    }
}

/// Works until nobody is left who could ask for anything.
pub(super) fn work(mut connection: Connection, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < ROUND_LIMIT
            && let Ok(next) = waiting.try_recv()
        {
            jobs.push(next);
        }
        round(&mut connection, jobs);
    }
}

/// Does all `jobs` in one transaction. One that fails leaves the others alone.
pub(super) fn round(connection: &mut Connection, mut jobs: Vec<Box<dyn Job>>) {
    let failure = transact(connection, &mut jobs).err().map(|error| Trouble::from(&error));
    if let Some(failure) = &failure {
        error!("could not write to the outbox: {failure}");
    }
    for job in jobs {
        job.finish(failure.as_ref());
    }
}

fn transact(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        if job.run(&savepoint) {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
    }
    transaction.commit()
}
