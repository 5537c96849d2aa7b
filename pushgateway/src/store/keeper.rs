//! The thread that makes all changes, one after the other, and the disk keeps them in that order.
//!
//! ```text
//! pushes ─▶ queue ─▶ batch: state, then log (one write, one sync for all of them) ─▶ answers
//! ```
//!
//! While one batch waits for the medium the next one gathers, so a slow medium makes batches longer and not pushes fewer.
//! What the disk did not take is taken back from the state before anybody is answered.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::config::Sync;
use crate::metrics::Metrics;
use crate::store::change::{Change, Order, Outcome, Unavailable};
use crate::store::disk::{Disk, Snapshot, Written};
use crate::store::state::{Before, State};
use crate::store::trouble::Trouble;

/// So many changes share a write at most: those who read wait for as many.
const BATCH: usize = 64;
/// A log is not worth a new snapshot before it is this long.
const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// … nor before it is so many times as long as the last one.
const LOG_FACTOR: u64 = 4;
/// How often a broken disk is tried, and a snapshot that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Makes changes until the last sender is gone.
pub struct Keeper {
    state: Arc<Mutex<State>>,
    disk: Option<Disk>,
    sync: Sync,
    sync_interval: Duration,
    trouble: Arc<Trouble>,
    metrics: Metrics,
    /// What was written and not forced to the medium yet, since when.
    unsynced: Option<Instant>,
    /// Whether the medium failed a sync: the log cannot be believed any more.
    suspect: bool,
    snapshot: Option<JoinHandle<io::Result<Written>>>,
    snapshot_bytes: u64,
    /// No snapshot is begun before.
    next_snapshot: Instant,
    /// The disk is not tried before, and with so many bytes: those that it did not take.
    next_try: (Instant, usize),
}

impl Keeper {
    /// Makes a keeper of `state`, with the disk if there is one. While there is trouble, the disk has no log.
    pub fn new(
        state: Arc<Mutex<State>>,
        disk: Option<Disk>,
        sync: Sync,
        sync_interval: Duration,
        trouble: Arc<Trouble>,
        metrics: Metrics,
    ) -> Self {
        let suspect = trouble.is_there();
        Self {
            state,
            disk,
            sync,
            sync_interval,
            trouble,
            metrics,
            unsynced: None,
            suspect,
            snapshot: None,
            snapshot_bytes: 0,
            next_snapshot: Instant::now(),
            next_try: (Instant::now(), 0),
        }
    }

    /// Works until nobody can order anything any more.
    pub fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let first = match orders.recv_timeout(self.patience()) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let Some(first) = first else {
                self.tick();
                continue;
            };
            let mut batch = vec![first];
            while batch.len() < BATCH {
                match orders.try_recv() {
                    Ok(order) => batch.push(order),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            self.work(batch);
            self.tick();
        }
        self.close();
    }

    /// How long nothing need be done.
    fn patience(&self) -> Duration {
        let sync = self.unsynced.map(|since| (since + self.sync_interval).saturating_duration_since(Instant::now()));
        let retry = (self.trouble.is_there() || self.snapshot.is_some()).then_some(RETRY);
        [sync, retry].into_iter().flatten().min().unwrap_or(Duration::from_secs(60))
    }

    fn work(&mut self, batch: Vec<Order>) {
        let mut written = Vec::new();
        let mut undo: Vec<Before> = Vec::new();
        let mut answers = Vec::with_capacity(batch.len());
        {
            let mut state = lock(&self.state);
            for order in batch {
                let Order { change, answer } = order;
                answers.push((change.apply(&mut state, &mut written, &mut undo), answer));
            }
        }
        let kept = if written.is_empty() { Ok(()) } else { self.keep(&written) };
        let kept = kept.map_err(|error| {
            self.next_try = (Instant::now() + RETRY, written.len());
            let mut state = lock(&self.state);
            for (key, group) in undo.into_iter().rev() {
                state.set(&key, group);
            }
            self.trouble.set(&error);
            Unavailable(error.to_string())
        });
        {
            let state = lock(&self.state);
            self.metrics.holds(state.group_count(), state.series_count());
        }
        for (outcome, answer) in answers {
            // Who went away does not want to know.
            let _ = answer.send(kept.clone().map(|()| outcome));
        }
    }

    /// Writes records, and forces them to the medium if that is asked for.
    fn keep(&mut self, records: &[u8]) -> io::Result<()> {
        if self.suspect {
            self.start_anew()?;
        }
        let Some(disk) = &mut self.disk else { return Ok(()) };
        disk.append(records)?;
        self.metrics.wrote(records.len());
        match self.sync {
            Sync::Always => self.force()?,
            Sync::Interval => {
                self.unsynced.get_or_insert_with(Instant::now);
            }
            Sync::Never => {}
        }
        self.trouble.clear();
        Ok(())
    }

    fn force(&mut self) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let begin = Instant::now();
        let synced = disk.sync();
        self.metrics.synced(begin.elapsed());
        self.unsynced = None;
        self.suspect |= synced.is_err();
        synced
    }

    /// After a sync that failed nobody knows what is on the medium: all groups go into a new file.
    fn start_anew(&mut self) -> io::Result<()> {
        // Two snapshots at once would be one file.
        self.settle_snapshot();
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let snapshot = disk.rotate(&lock(&self.state))?;
        self.snapshot_bytes = snapshot.write()?.bytes;
        self.suspect = false;
        info!("the store was written anew");
        Ok(())
    }

    /// Does what is due.
    fn tick(&mut self) {
        if self.unsynced.is_some_and(|since| since.elapsed() >= self.sync_interval)
            && let Err(error) = self.force()
        {
            self.trouble.set(&error);
        }
        if self.snapshot.as_ref().is_some_and(JoinHandle::is_finished) {
            self.settle_snapshot();
        }
        if self.trouble.is_there() && Instant::now() >= self.next_try.0 {
            match self.try_again() {
                Ok(()) => {
                    self.trouble.clear();
                    info!("the store can be written again");
                }
                Err(error) => self.trouble.set(&error),
            }
            self.next_try.0 = Instant::now() + RETRY;
        }
        self.begin_snapshot();
    }

    /// Sees whether the disk takes as much as it did not take before.
    fn try_again(&mut self) -> io::Result<()> {
        if self.suspect {
            return self.start_anew();
        }
        let Some(disk) = &mut self.disk else { return Ok(()) };
        disk.probe(self.next_try.1)
    }

    fn begin_snapshot(&mut self) {
        let Some(disk) = &mut self.disk else { return };
        let is_due = disk.log_bytes() > LOG_BYTES.max(self.snapshot_bytes * LOG_FACTOR);
        if !is_due || self.snapshot.is_some() || Instant::now() < self.next_snapshot {
            return;
        }
        let rotated = disk.rotate(&lock(&self.state));
        match rotated.and_then(|snapshot: Snapshot| {
            std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || snapshot.write())
        }) {
            Ok(writing) => self.snapshot = Some(writing),
            Err(error) => self.snapshot_failed(&error),
        }
    }

    fn settle_snapshot(&mut self) {
        let Some(writing) = self.snapshot.take() else { return };
        match writing.join().unwrap_or_else(|_| Err(io::Error::other("the thread that wrote it panicked"))) {
            Ok(Written { bytes, .. }) => {
                self.snapshot_bytes = bytes;
                self.metrics.snapshot(bytes);
            }
            Err(error) => self.snapshot_failed(&error),
        }
    }

    /// The logs are all there still, and only longer than they need be.
    fn snapshot_failed(&mut self, error: &io::Error) {
        error!("cannot write a snapshot; the log grows until one can be written: {error}");
        self.next_snapshot = Instant::now() + RETRY * 60;
    }

    fn close(&mut self) {
        self.settle_snapshot();
        if !self.suspect
            && let Err(error) = self.force()
        {
            error!("the last pushes may not be on the medium: {error}");
        }
    }
}

/// A panic while the state was held would be our bug; what it left is whole groups still.
pub fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A change with the one who waits for it.
impl Order {
    /// Orders `change`; the answer comes to `answer`.
    #[must_use]
    pub fn new(change: Change, answer: tokio::sync::oneshot::Sender<Result<Outcome, Unavailable>>) -> Self {
        Self { change, answer }
    }
}
