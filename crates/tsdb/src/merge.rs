//! Which blocks become one, and making it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use series::{Labels, Sample};

use crate::block::{Block, BlockWriter, Name};
use crate::head::Head;
use crate::index::SeriesId;
use crate::options::millis;

/// Blocks are for two hours at first, in milliseconds.
pub(crate) const WINDOW: i64 = 2 * 3_600_000;

/// What blocks grow to: a day, and eight days where as much is kept that this is a tenth of it.
const STRETCHES: [i64; 3] = [WINDOW, 12 * WINDOW, 96 * WINDOW];

/// A large block is not written anew for fewer small ones than this, unless they are a quarter of it.
const WORTH_IT: usize = 8;

/// Returns the stretch of `length` that holds a moment: from here, to before there.
pub(crate) fn stretch_of(time: i64, length: i64) -> (i64, i64) {
    let from = time.saturating_sub(time.rem_euclid(length));
    (from, from.saturating_add(length))
}

/// Blocks that should be one.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) sources: Vec<Arc<Block>>,
    /// What it will be for: from here to before there.
    pub(crate) stretch: (i64, i64),
}

/// Returns blocks that should be one, if there are any.
pub(crate) fn plan(blocks: &[Arc<Block>], now: i64, retention: Duration) -> Option<Plan> {
    let longest = WINDOW.max(millis(retention) / 10);
    for length in STRETCHES.into_iter().filter(|length| *length <= longest) {
        let mut by_stretch: BTreeMap<(i64, i64), Vec<&Arc<Block>>> = BTreeMap::new();
        for block in blocks {
            let stretch = stretch_of(block.about.stretch.0, length);
            if block.about.stretch.1 <= stretch.1 {
                by_stretch.entry(stretch).or_default().push(block);
            }
        }
        // What is still going on is left alone: there will be more.
        let done = by_stretch.into_iter().filter(|(stretch, own)| own.len() > 1 && stretch.1 <= now);
        for (stretch, own) in done {
            let largest = own.iter().map(|block| block.bytes).max().unwrap_or(0);
            let others = own.iter().map(|block| block.bytes).sum::<u64>() - largest;
            let has_whole = own.iter().any(|block| block.about.stretch == stretch);
            if length == WINDOW || !has_whole || own.len() > WORTH_IT || others >= largest / 4 {
                return Some(Plan { sources: own.into_iter().map(Arc::clone).collect(), stretch });
            }
        }
    }
    None
}

/// Writes a block that replaces others. What in them is damaged is left out.
pub(crate) fn merge(dir: &Path, plan: &Plan, labels: impl Fn(SeriesId) -> Option<Labels>) -> io::Result<Block> {
    let mut sources: Vec<&Arc<Block>> = plan.sources.iter().collect();
    sources.sort_by_key(|block| block.name);
    let name = Name {
        sequence: sources.iter().map(|block| block.name.sequence).min().unwrap_or(0),
        generation: sources.iter().map(|block| block.name.generation).max().unwrap_or(0).saturating_add(1),
    };
    let replaces = sources.iter().map(|block| block.name).collect();
    let mut ids: Vec<SeriesId> = sources.iter().flat_map(|block| block.ids()).collect();
    ids.sort_unstable();
    ids.dedup();

    let mut writer = BlockWriter::new(dir, name, plan.stretch, replaces)?;
    let mut samples = Vec::new();
    for id in ids {
        samples.clear();
        for block in &sources {
            block.samples(id, i64::MIN, i64::MAX, &mut samples)?;
        }
        tidy(&mut samples, 0);
        // A series that a block has is in the index.
        if let Some(labels) = labels(id) {
            writer.add(id, &labels, &samples)?;
        }
    }
    writer.finish()
}

/// Writes what a head has to blocks, one for each stretch of two hours. All of them, or none.
pub(crate) fn flush(
    dir: &Path,
    head: &Head,
    labels: impl Fn(SeriesId) -> Option<Labels>,
    mut next: impl FnMut() -> Name,
) -> io::Result<Vec<Block>> {
    /// As many files are written at the same time.
    const AT_ONCE: usize = 32;
    let ids = head.read().ids();
    let all = |id: SeriesId, samples: &mut Vec<Sample>| {
        samples.clear();
        head.samples(id, i64::MIN, i64::MAX, samples);
        tidy(samples, 0);
    };
    let mut samples = Vec::new();
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for id in &ids {
        all(*id, &mut samples);
        for sample in &samples {
            let stretch = stretch_of(sample.timestamp, WINDOW);
            if stretches.last() != Some(&stretch) {
                stretches.push(stretch);
            }
        }
        stretches.sort_unstable();
        stretches.dedup();
    }
    let mut written: Vec<Block> = Vec::new();
    let mut write = || {
        for group in stretches.chunks(AT_ONCE) {
            let mut writers = BTreeMap::new();
            for stretch in group {
                writers.insert(*stretch, BlockWriter::new(dir, next(), *stretch, Vec::new())?);
            }
            for id in &ids {
                let Some(labels) = labels(*id) else { continue };
                all(*id, &mut samples);
                for own in samples
                    .chunk_by(|one, other| stretch_of(one.timestamp, WINDOW) == stretch_of(other.timestamp, WINDOW))
                {
                    let stretch = own.first().map(|sample| stretch_of(sample.timestamp, WINDOW));
                    if let Some(writer) = stretch.and_then(|stretch| writers.get_mut(&stretch)) {
                        writer.add(*id, &labels, own)?;
                    }
                }
            }
            for writer in writers.into_values() {
                written.push(writer.finish()?);
            }
        }
        Ok(())
    };
    let outcome = write();
    if outcome.is_err() {
        // The head is still there, and will be written again.
        written.iter().for_each(|block| drop(std::fs::remove_file(&block.path)));
    }
    outcome.map(|()| written)
}

/// Puts the samples behind `begin` in order. Of two at one moment the first stays.
pub(crate) fn tidy(samples: &mut Vec<Sample>, begin: usize) {
    let own = samples.get_mut(begin..).unwrap_or_default();
    if own.is_sorted_by(|one, other| one.timestamp < other.timestamp) {
        return;
    }
    // Keeps the order of equals, and is quick where runs are in order already.
    own.sort_by_key(|sample| sample.timestamp);
    let mut own = samples.split_off(begin);
    own.dedup_by_key(|sample| sample.timestamp);
    samples.append(&mut own);
}
