//! The store: what is where, and who may change it.

mod append;
mod found;
mod open;
mod read;
mod upkeep;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use series::Labels;

pub use self::append::{Appended, Refused, SeriesRef};
pub use self::found::{Damage, Found};
use crate::block::{Block, Name};
use crate::commit::{Commit, Keeper};
use crate::head::Head;
use crate::index::{Index, SeriesId};
use crate::log::Log;
use crate::options::Options;
use crate::stats::{Counters, Stats, get};

/// Samples in memory and on disk.
///
/// All methods may be called from several threads. They may wait for the disk; in an async program they belong on a thread
/// that may block.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    options: Options,
    index: RwLock<Index>,
    view: RwLock<Arc<View>>,
    writer: Mutex<Writer>,
    /// Held by whoever writes and removes blocks.
    upkeep: Mutex<Upkeep>,
    /// Rises when series are forgotten: a number that was given before may mean nothing then. No two stores have the same.
    epoch: AtomicU64,
    commit: Arc<Commit>,
    counters: Counters,
    _keeper: Option<Keeper>,
    /// Held for as long as the store is open.
    _lock: File,
}

/// What a query sees: it keeps its view, whatever is written or removed meanwhile.
#[derive(Clone, Debug)]
struct View {
    /// In the order of their names: what the first ones say counts.
    blocks: Vec<Arc<Block>>,
    /// A head that is being written to blocks.
    frozen: Option<Arc<Head>>,
    active: Arc<Head>,
}

/// What appends need for themselves.
#[derive(Debug)]
struct Writer {
    log: Log,
    /// When the active head took its first sample, by the caller's clock.
    born: Option<i64>,
    /// The last segment that the frozen head needs.
    frozen_segment: u64,
    records: Vec<u8>,
    chosen: Vec<(SeriesId, series::Sample)>,
}

#[derive(Debug)]
struct Upkeep {
    /// Of the next block.
    sequence: u64,
    /// Segments of the log that are damaged: kept when their samples are in blocks.
    damaged_segments: Vec<PathBuf>,
}

impl Store {
    /// Returns the directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns how the store keeps what it is given.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns figures about the store.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (view, counters) = (self.view(), &self.counters);
        let mut stats = Stats {
            series: self.index().len() as u64,
            blocks: view.blocks.len() as u64,
            log_bytes: self.log_bytes(),
            appended_total: get(&counters.appended),
            duplicates_total: get(&counters.duplicates),
            conflicts_total: get(&counters.conflicts),
            out_of_bounds_total: get(&counters.out_of_bounds),
            append_failures_total: get(&counters.append_failures),
            flushes_total: get(&counters.flushes),
            upkeep_failures_total: get(&counters.upkeep_failures),
            merges_total: get(&counters.merges),
            dropped_blocks_total: get(&counters.dropped_blocks),
            syncs_total: self.commit.syncs(),
            damaged_total: get(&counters.damaged),
            ..Stats::default()
        };
        for block in &view.blocks {
            stats.samples += block.about.samples;
            stats.block_bytes += block.bytes;
            stats.damaged_total += block.damaged_records() as u64;
        }
        for head in view.heads() {
            let samples = head.read();
            stats.head_samples += samples.count();
            stats.head_bytes += samples.bytes() as u64;
        }
        stats.samples += stats.head_samples;
        let spans = view.spans();
        stats.oldest = spans.iter().map(|span| span.0).min();
        stats.newest = spans.iter().map(|span| span.1).max();
        stats
    }

    fn log_bytes(&self) -> u64 {
        let segments = crate::log::segments(&self.dir).unwrap_or_default();
        segments.iter().filter_map(|(_, path)| path.metadata().ok()).map(|about| about.len()).sum()
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_view(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = (**view).clone();
        change(&mut changed);
        changed.blocks.sort_by_key(|block| block.name);
        *view = Arc::new(changed);
    }

    fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> std::sync::RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn labels_of(&self, id: SeriesId) -> Option<Labels> {
        self.index().labels(id).cloned()
    }
}

impl View {
    /// Returns the heads, the older one first.
    fn heads(&self) -> impl Iterator<Item = &Arc<Head>> {
        self.frozen.iter().chain([&self.active])
    }

    /// Returns the oldest and the newest sample of each block and head. A block that has lost what it says of itself is
    /// left out.
    fn spans(&self) -> Vec<(i64, i64)> {
        let blocks = self.blocks.iter().filter(|block| block.about.series > 0).map(|block| block.about.span);
        blocks.chain(self.heads().filter_map(|head| head.read().span())).collect()
    }
}

impl Upkeep {
    fn next_name(&mut self) -> Name {
        self.sequence += 1;
        Name { sequence: self.sequence, generation: 0 }
    }
}

#[cfg(test)]
mod tests;
