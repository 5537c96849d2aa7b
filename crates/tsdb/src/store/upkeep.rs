//! What has to be done from time to time: the head becomes blocks, blocks become one, old ones go.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::{error, info};

use super::{Store, Upkeep};
use crate::block::{Block, set_aside};
use crate::error::Error;
use crate::head::Head;
use crate::log;
use crate::merge::{self, WINDOW, stretch_of};
use crate::options::millis;
use crate::stats::add;

/// Blocks that are made of several in one go.
const MERGES: usize = 16;

impl Store {
    /// Does what is due: writes the head to blocks every two hours (or when it takes too much memory), merges blocks, drops
    /// those that are older than the retention or too many bytes. `now` is what the clock says, in milliseconds since 1970.
    ///
    /// To be called about once a minute. What fails is tried again the next time; nothing is lost meanwhile.
    ///
    /// # Errors
    /// The first of what went wrong; the rest was done.
    pub fn upkeep(&self, now: i64) -> Result<(), Error> {
        let mut upkeep = self.upkeep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A head that could not be written before comes first.
        let mut outcome = self.flush_frozen(&mut upkeep);
        if outcome.is_ok() && self.is_due(now) {
            self.freeze();
            outcome = self.flush_frozen(&mut upkeep);
        }
        let merged = self.merge(now);
        let dropped = self.drop_old();
        let mut failures = [outcome, merged, dropped].into_iter().filter_map(Result::err);
        let Some(first) = failures.next() else { return Ok(()) };
        add(&self.counters.upkeep_failures, 1);
        for other in failures {
            add(&self.counters.upkeep_failures, 1);
            error!("{other}: {:?}", std::error::Error::source(&other).map(ToString::to_string));
        }
        Err(first)
    }

    /// Writes all that is in memory to blocks: before a backup is taken, say.
    ///
    /// # Errors
    /// When a block cannot be written. Nothing is lost.
    pub fn flush(&self) -> Result<(), Error> {
        let mut upkeep = self.upkeep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.flush_frozen(&mut upkeep)?;
        self.freeze();
        self.flush_frozen(&mut upkeep)?;
        // Of a damaged log perhaps nothing was read.
        if upkeep.damaged_segments.is_empty() { Ok(()) } else { self.drop_segments(&mut upkeep) }
    }

    fn is_due(&self, now: i64) -> bool {
        let born = self.writer().born;
        let is_old = born.is_some_and(|born| stretch_of(born, WINDOW) != stretch_of(now, WINDOW));
        is_old || self.commit.has_failed() || self.view().active.read().bytes() >= self.options.head_bytes
    }

    /// From here on appends go to a new head and a new segment of the log. There must be no frozen head.
    fn freeze(&self) {
        let mut writer = self.writer();
        writer.frozen_segment = writer.log.number();
        writer.log.close();
        writer.born = None;
        if self.view().active.read().is_empty() {
            return;
        }
        // All that may not be on the medium is about to be written anew.
        self.commit.forgive();
        self.change_view(|view| view.frozen = Some(std::mem::replace(&mut view.active, Arc::new(Head::new()))));
    }

    fn flush_frozen(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        let Some(head) = self.view().frozen.clone() else { return Ok(()) };
        let written = merge::flush(&self.dir, &head, |id| self.labels_of(id), || upkeep.next_name());
        let blocks = written.map_err(Error::io("write a block in", &self.dir))?;
        info!("wrote {} samples to {} block(s) in {}", head.read().count(), blocks.len(), self.dir.display());
        self.change_view(|view| {
            view.frozen = None;
            view.blocks.extend(blocks.into_iter().map(Arc::new));
        });
        add(&self.counters.flushes, 1);
        self.drop_segments(upkeep)
    }

    /// Removes what of the log is in blocks.
    fn drop_segments(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        let last = self.writer().frozen_segment;
        for (_, path) in log::segments(&self.dir)
            .map_err(Error::io("list", &self.dir))?
            .into_iter()
            .filter(|(number, _)| *number <= last)
        {
            let outcome = if upkeep.damaged_segments.contains(&path) {
                set_aside(&path).map(drop)
            } else {
                fs::remove_file(&path)
            };
            outcome.map_err(Error::io("remove", &path))?;
        }
        upkeep.damaged_segments.clear();
        Ok(())
    }

    fn merge(&self, now: i64) -> Result<(), Error> {
        for _ in 0..MERGES {
            let blocks = self.view().blocks.clone();
            let Some(plan) = merge::plan(&blocks, now, self.options.retention) else { break };
            let merged = merge::merge(&self.dir, &plan, |id| self.labels_of(id));
            let merged = merged.map_err(Error::io("merge blocks in", &self.dir))?;
            info!("merged {} blocks into {}", plan.sources.len(), merged.path.display());
            add(&self.counters.merges, 1);
            self.replace(&plan.sources, Some(merged))?;
        }
        Ok(())
    }

    /// Takes blocks out of sight and off the disk.
    fn replace(&self, gone: &[Arc<Block>], new: Option<Block>) -> Result<(), Error> {
        self.change_view(|view| {
            view.blocks.retain(|block| !gone.iter().any(|gone| Arc::ptr_eq(gone, block)));
            view.blocks.extend(new.map(Arc::new));
        });
        for block in gone {
            add(&self.counters.damaged, block.damaged_records() as u64);
            block.discard().map_err(Error::io("remove", &block.path))?;
        }
        Ok(())
    }

    fn drop_old(&self) -> Result<(), Error> {
        let view = self.view();
        let newest = view.spans().iter().map(|span| span.1).max().unwrap_or(i64::MIN);
        let cutoff = newest.saturating_sub(millis(self.options.retention));
        let mut blocks = view.blocks.clone();
        blocks.sort_by_key(|block| block.about.span.1);
        let mut bytes = blocks.iter().map(|block| block.bytes).sum::<u64>() + self.log_bytes();
        let bound = self.options.retention_bytes.unwrap_or(u64::MAX);
        let mut gone = Vec::new();
        for block in blocks {
            if block.about.span.1 >= cutoff && bytes <= bound {
                break;
            }
            bytes = bytes.saturating_sub(block.bytes);
            gone.push(block);
        }
        drop(view);
        if gone.is_empty() {
            return Ok(());
        }
        add(&self.counters.dropped_blocks, gone.len() as u64);
        let outcome = self.replace(&gone, None);
        self.forget_series();
        outcome
    }

    /// Forgets the series that have no samples any more.
    fn forget_series(&self) {
        // Nobody appends meanwhile, so no number is in use that is about to go.
        let _writer = self.writer();
        let view = self.view();
        let mut living: HashSet<_> = view.blocks.iter().flat_map(|block| block.ids()).collect();
        view.heads().for_each(|head| living.extend(head.read().ids()));
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.index_mut().retain(&living);
    }
}
