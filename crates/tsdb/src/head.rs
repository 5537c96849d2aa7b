//! The newest samples, in memory.
//!
//! ```text
//! series ─┬─ sealed   chunks, one behind the other
//!         ├─ tail     the newest few as they came
//!         └─ late     those that came when a newer one was there already
//! ```
//!
//! A head is as old as the first segment of the log that it needs. Once it is in blocks, both go.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use series::Sample;

use crate::chunk::{self, Chunk};
use crate::index::SeriesId;

/// As many samples are kept as they came; then they become a chunk. At 15 s these are the last eight minutes, all that most
/// rules look at.
const TAIL: usize = 32;

/// As many late samples become a chunk.
const LATE: usize = 256;

/// What a series costs beside its samples, in bytes.
const SERIES_BYTES: usize = 128;

/// The newest samples, in memory.
#[derive(Debug)]
pub(crate) struct Head {
    samples: RwLock<Samples>,
}

/// The samples of all series of a head.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    series: HashMap<SeriesId, Series>,
    /// Memory, about.
    bytes: usize,
    count: u64,
    /// Oldest and newest; none if there are none.
    span: Option<(i64, i64)>,
}

/// The samples of a series.
#[derive(Debug)]
struct Series {
    sealed: Vec<u8>,
    tail: Vec<Sample>,
    /// Sorted.
    late: Vec<Sample>,
    /// Which segment of the log knows the series.
    segment: u64,
    /// Oldest and newest.
    span: (i64, i64),
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stored,
    /// It was there already.
    Duplicate,
    /// Another value was there already, and stays.
    Conflict,
}

impl Head {
    pub(crate) fn new() -> Self {
        Self { samples: RwLock::default() }
    }

    /// Lets nothing be read or appended meanwhile.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Samples> {
        self.samples.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nothing be appended meanwhile.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Samples> {
        self.samples.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the samples of a series from `start` to `end`, perhaps in disorder and with some beyond. The lock is held while
    /// bytes are copied, not while they are decoded.
    pub(crate) fn samples(&self, id: SeriesId, start: i64, end: i64, into: &mut Vec<Sample>) {
        let (mut sealed, mut newest) = (Vec::new(), Vec::new());
        {
            let samples = self.read();
            let Some(series) = samples.series.get(&id).filter(|series| overlaps(series.span, start, end)) else {
                return;
            };
            copy_overlapping(&series.sealed, start, end, &mut sealed);
            newest.reserve_exact(series.tail.len() + series.late.len());
            newest.extend_from_slice(&series.tail);
            newest.extend_from_slice(&series.late);
        }
        decode(&sealed, start, end, into);
        into.append(&mut newest);
    }
}

impl Samples {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        self.span
    }

    /// Returns the series in the order of their numbers.
    pub(crate) fn ids(&self) -> Vec<SeriesId> {
        let mut ids: Vec<SeriesId> = self.series.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Returns whether a series may have samples from `start` to `end`.
    pub(crate) fn has(&self, id: SeriesId, start: i64, end: i64) -> bool {
        self.series.get(&id).is_some_and(|series| overlaps(series.span, start, end))
    }

    /// Returns the segment of the log that knows the series.
    pub(crate) fn segment_of(&self, id: SeriesId) -> Option<u64> {
        self.series.get(&id).map(|series| series.segment)
    }

    /// Takes a sample; from now on `segment` of the log knows its series.
    pub(crate) fn push(&mut self, id: SeriesId, sample: Sample, segment: u64) -> Outcome {
        let time = sample.timestamp;
        let bytes = &mut self.bytes;
        let series = self.series.entry(id).or_insert_with(|| {
            *bytes += SERIES_BYTES;
            Series { sealed: Vec::new(), tail: Vec::new(), late: Vec::new(), segment, span: (i64::MAX, i64::MIN) }
        });
        series.segment = segment;
        let before = series.bytes();
        let outcome = series.push(sample);
        if outcome == Outcome::Stored {
            series.span = (series.span.0.min(time), series.span.1.max(time));
            self.bytes = (self.bytes + series.bytes()).saturating_sub(before);
            self.count += 1;
            self.span = Some(self.span.map_or((time, time), |(oldest, newest)| (oldest.min(time), newest.max(time))));
        }
        outcome
    }
}

impl Series {
    fn bytes(&self) -> usize {
        self.sealed.capacity() + (self.tail.capacity() + self.late.capacity()) * size_of::<Sample>()
    }

    fn push(&mut self, sample: Sample) -> Outcome {
        if self.span.1 < sample.timestamp || self.span.0 > self.span.1 {
            self.tail.push(sample);
            if self.tail.len() >= TAIL {
                seal(&mut self.sealed, &mut self.tail);
            }
            return Outcome::Stored;
        }
        match self.value_at(sample.timestamp) {
            Some(value) if value.to_bits() == sample.value.to_bits() => Outcome::Duplicate,
            Some(_) => Outcome::Conflict,
            None => {
                let place = self.late.partition_point(|other| other.timestamp < sample.timestamp);
                self.late.insert(place, sample);
                if self.late.len() >= LATE {
                    seal(&mut self.sealed, &mut self.late);
                    self.late.shrink_to(TAIL);
                }
                Outcome::Stored
            }
        }
    }

    fn value_at(&self, time: i64) -> Option<f64> {
        let find = |samples: &[Sample]| {
            let place = samples.binary_search_by_key(&time, |sample| sample.timestamp).ok()?;
            samples.get(place).map(|sample| sample.value)
        };
        find(&self.tail).or_else(|| find(&self.late)).or_else(|| {
            let mut samples = Vec::new();
            decode(&self.sealed, time, time, &mut samples);
            // Chunks may overlap each other.
            samples.iter().find(|sample| sample.timestamp == time).map(|sample| sample.value)
        })
    }
}

fn overlaps(span: (i64, i64), start: i64, end: i64) -> bool {
    span.0 <= end && span.1 >= start
}

/// Makes a chunk of samples. The bytes grow by what is needed and no more: there are many series.
fn seal(sealed: &mut Vec<u8>, samples: &mut Vec<Sample>) {
    let mut chunk = Vec::new();
    chunk::encode(samples, &mut chunk);
    sealed.reserve_exact(chunk.len());
    sealed.extend_from_slice(&chunk);
    samples.clear();
}

/// Copies those chunks that may hold samples from `start` to `end`.
fn copy_overlapping(mut sealed: &[u8], start: i64, end: i64, into: &mut Vec<u8>) {
    loop {
        let before = sealed;
        let Ok(chunk) = Chunk::next(&mut sealed) else { return };
        if chunk.overlaps(start, end) {
            into.extend_from_slice(before.get(..before.len() - sealed.len()).unwrap_or_default());
        }
    }
}

/// Appends the samples of those chunks. They were made here, in memory, and read.
fn decode(mut sealed: &[u8], start: i64, end: i64, into: &mut Vec<Sample>) {
    while let Ok(chunk) = Chunk::next(&mut sealed) {
        if chunk.overlaps(start, end) {
            let read = chunk.read(into);
            debug_assert!(read.is_ok());
        }
    }
}
