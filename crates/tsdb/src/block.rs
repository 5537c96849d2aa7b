//! A block: samples of a stretch of time, in a file that is written once.
//!
//! ```text
//! block-00000012-0000      records (see frame.rs)
//!   samples  1 │ chunks of one series                          … as many as it takes
//!   about    4 │ stretch, span, counts, blocks that it replaces                    ◀─┐
//!   words    2 │ number of the first │ texts                   … names and values    │
//!   page     3 │ for each series: labels as words, places      … 128 series each     │
//!   words    2 │ again, and `about` again: they are small, and nothing can be read    │
//!   about    4 │ without them                                                        │
//!   end      5 │ where the first `about` begins ─────────────────────────────────────┘
//! ```
//!
//! In memory a block costs sixteen bytes a series. A damaged record costs its own series; if the end is damaged, the whole
//! file is read once to find the others.

mod about;
mod table;
mod writer;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use series::{Labels, Sample};
use tracing::error;

pub(crate) use self::about::{About, Name};
pub(crate) use self::table::{Listed, Table};
pub(crate) use self::writer::BlockWriter;
use crate::chunk::Chunk;
use crate::error::Broken;
use crate::frame::{self, ReadAt};
use crate::index::SeriesId;

const SAMPLES: u8 = 1;
const WORDS: u8 = 2;
const PAGE: u8 = 3;
const ABOUT: u8 = 4;
const END: u8 = 5;

/// A block on disk, ready to be read.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) path: PathBuf,
    pub(crate) name: Name,
    pub(crate) about: About,
    pub(crate) bytes: u64,
    file: File,
    /// Sorted by series, then by place.
    places: Box<[Place]>,
    /// Records that did not read, and the table if some of it did not.
    damaged: Mutex<BTreeSet<u64>>,
}

/// Where samples of a series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) id: SeriesId,
    /// Of the whole record.
    pub(crate) length: u32,
    pub(crate) offset: u64,
}

impl Block {
    fn new(path: PathBuf, name: Name, about: About, bytes: u64, file: File, mut places: Vec<Place>) -> Self {
        places.sort_unstable_by_key(|place| (place.id, place.offset));
        Self { path, name, about, bytes, file, places: places.into(), damaged: Mutex::default() }
    }

    /// Opens a block, and gives each series the number that `intern` says.
    pub(crate) fn open(
        path: &Path,
        name: Name,
        mut intern: impl FnMut(&Listed) -> Option<SeriesId>,
    ) -> io::Result<(Self, Table)> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut table = Table::read(&file, bytes)?;
        let mut places = Vec::new();
        for series in std::mem::take(&mut table.series) {
            let Some(id) = intern(&series) else { continue };
            places.extend(series.places.iter().map(|&(offset, length)| Place { id, length, offset }));
        }
        let about = table.about.clone().unwrap_or_default();
        let mut block = Self::new(path.to_owned(), name, about, bytes, file, places);
        if table.about.is_none() {
            block.about.series = block.places.len() as u64;
            block.about.span = block.measure()?;
        }
        block.damaged().extend(table.damage.iter().map(|(offset, _)| *offset));
        Ok((block, table))
    }

    /// Returns the oldest and the newest sample, from the samples themselves.
    fn measure(&self) -> io::Result<(i64, i64)> {
        let (mut span, mut record) = ((i64::MAX, i64::MIN), Vec::new());
        for place in &self.places {
            record.resize(place.length as usize, 0);
            self.file.read_exact_at(&mut record, place.offset)?;
            let mut chunks = frame::open(&record).and_then(|body| body.get(1..)).unwrap_or_default();
            while let Ok(chunk) = Chunk::next(&mut chunks) {
                span = (span.0.min(chunk.first()), span.1.max(chunk.last()));
            }
        }
        Ok(span)
    }

    /// Returns whether a sample may lie from `start` to `end`.
    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        self.about.span.0 <= end && self.about.span.1 >= start
    }

    /// Returns whether a series has samples here.
    pub(crate) fn has(&self, id: SeriesId) -> bool {
        self.places.binary_search_by_key(&id, |place| place.id).is_ok()
    }

    /// Returns the series that have samples here, in the order of their numbers; some twice.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SeriesId> {
        self.places.iter().map(|place| place.id)
    }

    /// Appends the samples of a series from `start` to `end`, and some beyond. What is damaged is left out, noted, and told
    /// once.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn samples(&self, id: SeriesId, start: i64, end: i64, into: &mut Vec<Sample>) -> io::Result<()> {
        let from = self.places.partition_point(|place| place.id < id);
        let own = self.places.get(from..).unwrap_or_default().iter().take_while(|place| place.id == id);
        let mut record = Vec::new();
        for place in own {
            record.resize(place.length as usize, 0);
            self.file.read_exact_at(&mut record, place.offset)?;
            if read_samples(&record, start, end, into).is_err() && self.damaged().insert(place.offset) {
                error!(
                    "{}: {} bytes at {} are damaged: samples of one series are lost",
                    self.path.display(),
                    place.length,
                    place.offset
                );
            }
        }
        Ok(())
    }

    /// Returns how many records are damaged, as far as is known.
    pub(crate) fn damaged_records(&self) -> usize {
        self.damaged().len()
    }

    fn damaged(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the file away, or sets it aside if something in it is damaged: somebody may want to look at it.
    pub(crate) fn discard(&self) -> io::Result<Option<PathBuf>> {
        if self.damaged_records() > 0 {
            return set_aside(&self.path).map(Some);
        }
        fs::remove_file(&self.path).map(|()| None)
    }
}

/// Appends the samples that a record holds. Of a damaged one nothing is appended.
pub(crate) fn read_samples(record: &[u8], start: i64, end: i64, into: &mut Vec<Sample>) -> Result<(), Broken> {
    let Some((&SAMPLES, mut chunks)) = frame::open(record).and_then(<[u8]>::split_first) else { return Err(Broken) };
    let begin = into.len();
    while !chunks.is_empty() {
        let read = Chunk::next(&mut chunks).and_then(|chunk| match chunk.overlaps(start, end) {
            true => chunk.read(into),
            false => Ok(()),
        });
        if read.is_err() {
            into.truncate(begin);
            return read;
        }
    }
    Ok(())
}

/// Reads a whole block of `length` bytes, calls `visit` with each series and its samples, record by record, and returns the
/// places that do not read: where they begin, and how many bytes they are.
///
/// # Errors
/// When the file cannot be read.
pub fn survey(
    source: &impl ReadAt,
    length: u64,
    mut visit: impl FnMut(&Labels, &[Sample]),
) -> io::Result<Vec<(u64, u64)>> {
    let table = Table::read(source, length)?;
    let mut damage = table.damage;
    let (mut record, mut samples) = (Vec::new(), Vec::new());
    for series in table.series {
        for (offset, own) in series.places {
            record.resize(own as usize, 0);
            source.read_exact_at(&mut record, offset)?;
            samples.clear();
            match read_samples(&record, i64::MIN, i64::MAX, &mut samples) {
                Ok(()) => visit(&series.labels, &samples),
                Err(Broken) => damage.push((offset, u64::from(own))),
            }
        }
    }
    Ok(damage)
}

/// Gives a file a name that is never read again, and returns it.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 0 { ".damaged".to_owned() } else { format!(".damaged-{number}") });
        PathBuf::from(name)
    };
    // Numbers of logs begin anew after a while.
    let aside = (0..1000).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| named(0));
    fs::rename(path, &aside)?;
    Ok(aside)
}
