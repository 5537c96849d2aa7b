//! Putting on the medium what was written: many appends share one wait.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::error;

/// How far the log was written, and how far it is on the medium.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The segment that is being written.
    file: Option<Arc<File>>,
    /// Counts appends.
    written: u64,
    synced: u64,
    /// Somebody is at it.
    is_syncing: bool,
    has_failed: bool,
    is_closing: bool,
    syncs: u64,
}

impl Commit {
    /// From now on this segment is written; nothing of the one before is waited for any more.
    pub(crate) fn begin(&self, file: Arc<File>) {
        let mut state = self.state();
        state.file = Some(file);
        state.synced = state.written;
        state.has_failed = false;
    }

    /// What was written before this moment is not waited for any more: it will be written anew.
    pub(crate) fn forgive(&self) {
        let mut state = self.state();
        if state.has_failed {
            state.file = None;
            state.synced = state.written;
            state.has_failed = false;
        }
    }

    /// Notes an append and returns its number.
    pub(crate) fn wrote(&self) -> u64 {
        let mut state = self.state();
        state.written += 1;
        state.written
    }

    /// Returns whether it is unknown what is on the medium.
    pub(crate) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// Returns how often the disk was told.
    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Returns once all that was written is on the medium.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let written = self.state().written;
        self.wait(written)
    }

    /// Returns once an append is on the medium. The first to wait tells the disk, for all who have come by then.
    pub(crate) fn wait(&self, append: u64) -> io::Result<()> {
        let mut state = self.state();
        loop {
            if state.has_failed {
                return Err(io::Error::other("the disk did not keep what was written"));
            }
            if state.synced >= append {
                return Ok(());
            }
            if state.is_syncing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (Some(file), written) = (state.file.clone(), state.written) else { return Ok(()) };
            state.is_syncing = true;
            drop(state);
            let synced = file.sync_data();
            state = self.state();
            state.is_syncing = false;
            state.syncs += 1;
            // Meanwhile another segment may have begun, whose beginning took care of this one.
            if state.file.as_ref().is_some_and(|now| Arc::ptr_eq(now, &file)) {
                match &synced {
                    Ok(()) => state.synced = state.synced.max(written),
                    Err(reason) => {
                        error!("the log cannot be put on the medium: {reason}");
                        state.has_failed = true;
                    }
                }
            }
            self.changed.notify_all();
        }
    }

    /// As if the disk had said so.
    #[cfg(test)]
    pub(crate) fn fail(&self) {
        self.state().has_failed = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the disk every so often, as long as it lives.
#[derive(Debug)]
pub(crate) struct Keeper {
    commit: Arc<Commit>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(commit: &Arc<Commit>, interval: Duration) -> io::Result<Self> {
        let interval = interval.max(Duration::from_millis(1));
        let weak = Arc::downgrade(commit);
        let thread = thread::Builder::new().name("tsdb-sync".to_owned()).spawn(move || keep(&weak, interval))?;
        Ok(Self { commit: Arc::clone(commit), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.commit.state().is_closing = true;
        self.commit.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(commit: &Weak<Commit>, interval: Duration) {
    while let Some(commit) = commit.upgrade() {
        let state = commit.state();
        let (state, _) = commit
            .changed
            .wait_timeout_while(state, interval, |state| !state.is_closing)
            .unwrap_or_else(PoisonError::into_inner);
        let (is_closing, is_due) = (state.is_closing, state.written > state.synced && !state.has_failed);
        drop(state);
        if is_due {
            // Told to whoever appends next.
            let _ = commit.sync();
        }
        if is_closing {
            return;
        }
    }
}
