//! What was pushed, kept in memory and on disk.
//!
//! ```text
//! Candidate ─ Change ─▶ keeper (one thread) ─▶ State ─▶ log ─▶ Outcome
//!                                               └─ view ─▶ scrapes, API, page: groups as they were at one moment
//! ```

pub mod candidate;
pub mod change;
pub mod codec;
mod disk;
pub mod group;
mod keeper;
pub mod labels;
mod record;
pub mod reserved;
pub mod state;
mod trouble;
pub mod view;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::sync::oneshot;

use crate::aside::aside;
use crate::config::Sync;
use crate::grouping::GroupKey;
use crate::metrics::Metrics;
use crate::store::change::{Change, Order, Outcome, Unavailable};
use crate::store::disk::Disk;
use crate::store::group::{Group, Nanoseconds};
use crate::store::keeper::{Keeper, lock};
use crate::store::reserved::Reserved;
use crate::store::state::State;
use crate::store::trouble::Trouble;
use crate::store::view::View;

/// How a store is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its directory, or none for one that lives in memory alone.
    pub data: Option<PathBuf>,
    /// When the log is forced to the medium.
    pub sync: Sync,
    /// Time between two times.
    pub sync_interval: Duration,
    /// Which families have a type that no push changes.
    pub reserved: Reserved,
}

/// An open store. The last one to drop it waits until the disk has everything.
pub struct Store {
    state: Arc<Mutex<State>>,
    /// Serves one scrape at a time while it works out the order of what is new.
    ordering: Arc<Mutex<()>>,
    trouble: Arc<Trouble>,
    orders: Option<Sender<Order>>,
    keeper: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens it with all that is on disk.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process has it.
    pub fn open(settings: Settings, metrics: Metrics) -> anyhow::Result<Self> {
        let mut state = State::new(settings.reserved);
        let trouble = Arc::new(Trouble::none(metrics.clone()));
        let mut disk = None;
        if let Some(dir) = &settings.data {
            let (opened, found) = Disk::open(dir, settings.sync == Sync::Always, &mut state)?;
            metrics.damaged(found.damaged.len());
            found.trouble.iter().for_each(|error| trouble.set(error));
            disk = Some(opened);
        }
        metrics.holds(state.group_count(), state.series_count());
        let state = Arc::new(Mutex::new(state));
        let (orders, queue) = channel();
        let keeper =
            Keeper::new(Arc::clone(&state), disk, settings.sync, settings.sync_interval, Arc::clone(&trouble), metrics);
        let keeper = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || keeper.run(&queue));
        let keeper = Some(keeper.context("cannot start the thread that keeps the store")?);
        Ok(Self { state, ordering: Arc::new(Mutex::new(())), trouble, orders: Some(orders), keeper })
    }

    /// Makes a change, and returns when it is kept as `sync` says.
    ///
    /// # Errors
    /// When the disk did not take it: then nothing was changed.
    pub async fn change(&self, change: Change) -> Result<Outcome, Unavailable> {
        let gone = || Unavailable("it is closed".to_owned());
        let (answer, outcome) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(Order::new(change, answer)).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }

    /// Returns all groups as they are at this moment, with the families in their order.
    pub async fn view(&self) -> View {
        let (state, ordering) = (Arc::clone(&self.state), Arc::clone(&self.ordering));
        // After thousands of new groups this takes a tenth of a second, in which nobody should wait for this thread.
        aside(move || View::of(&state, &ordering)).await
    }

    /// Returns the groups as they are at this moment.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<Group>> {
        lock(&self.state).slots().iter().flatten().cloned().collect()
    }

    /// Returns the group of this key.
    #[must_use]
    pub fn group(&self, key: &GroupKey) -> Option<Arc<Group>> {
        lock(&self.state).group(key).cloned()
    }

    /// Returns why nothing can be kept at present, if so.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.reason()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(keeper) = self.keeper.take() {
            // It has nothing to say that it did not log.
            let _ = keeper.join();
        }
    }
}

/// Returns the present moment.
#[must_use]
pub fn now() -> Nanoseconds {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Nanoseconds::try_from(since.as_nanos()).unwrap_or(Nanoseconds::MAX)
}
