//! Figures about a store.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures about a store: what `noroshi_tsdb_…` metrics show. What ends in `_total` counts since the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Series that have samples somewhere, or were asked for lately.
    pub series: u64,
    /// Samples in memory and in blocks; those that are in two places count twice.
    pub samples: u64,
    /// Of these, in memory.
    pub head_samples: u64,
    /// Memory that those take, about.
    pub head_bytes: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Bytes of blocks.
    pub block_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Time of the oldest sample, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Time of the newest sample.
    pub newest: Option<i64>,
    /// Samples taken.
    pub appended_total: u64,
    /// Samples that were there already, with the same value.
    pub duplicates_total: u64,
    /// Samples refused because another value was there already.
    pub conflicts_total: u64,
    /// Samples refused because of their time.
    pub out_of_bounds_total: u64,
    /// Appends that failed as a whole: the disk was full, say.
    pub append_failures_total: u64,
    /// How often the head was written to blocks.
    pub flushes_total: u64,
    /// How often that, or a merge, or the removal of a block failed.
    pub upkeep_failures_total: u64,
    /// Blocks that were made of several.
    pub merges_total: u64,
    /// Blocks that were dropped because of their age or of the bytes they take.
    pub dropped_blocks_total: u64,
    /// How often the disk was told to put the log on the medium.
    pub syncs_total: u64,
    /// Places in logs and blocks that did not read: something is lost there.
    pub damaged_total: u64,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appended: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) out_of_bounds: AtomicU64,
    pub(crate) append_failures: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) upkeep_failures: AtomicU64,
    pub(crate) merges: AtomicU64,
    pub(crate) dropped_blocks: AtomicU64,
    /// Damage in files that are no longer looked at.
    pub(crate) damaged: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
