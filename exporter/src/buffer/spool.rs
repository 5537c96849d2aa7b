//! A bounded queue of records in files, which a kill at any moment leaves usable.
//!
//! ```text
//! 0000000000000007.pages   record record record …      the oldest segment, read up to `place`
//! 0000000000000008.pages   record record rec           written to by the last process; its torn end is passed over
//! 0000000000000009.pages   record                      written to by this process
//! place                    segment, offset, dropped    overwritten where it stands, so it needs no free space
//! ```
//!
//! A record is its length, a checksum, its moment and its content. Segments are only ever appended to, by the process that
//! made them, and go as a whole. Nothing is flushed to the medium: what a loss of power tears is passed over as well.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::moment::Moment;
use crate::pack;

/// Length, checksum and moment.
const HEAD_BYTES: u64 = 4 + 4 + 20;
/// A length above this is the sign of a file that is not ours.
const RECORD_LIMIT_BYTES: u32 = 16 * 1024 * 1024;
/// What a segment grows to: small, since the oldest is dropped as a whole, and yet few files.
const SEGMENT_BYTES: (u64, u64) = (4 * 1024, 1024 * 1024);

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was taken.
    pub moment: Moment,
    /// Packed lines.
    pub content: Vec<u8>,
}

/// The end of what was read: what stands before it can be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    segment: u64,
    offset: u64,
}

/// The queue.
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    /// The size of each segment, by number. Numbers only grow.
    segments: BTreeMap<u64, u64>,
    /// Where the first record stands that nobody has taken yet.
    front: Place,
    dropped: u64,
    current: Option<(u64, File)>,
    next: u64,
    place: File,
}

/// What stands at one place of a segment.
enum Found {
    Record {
        record: Record,
        end: u64,
    },
    /// Nothing more.
    End,
    /// Something that we have not written, or not to its end.
    Torn,
}

impl Spool {
    /// Opens the queue in `directory`.
    ///
    /// # Errors
    /// When the directory cannot be made, read or written.
    pub fn open(directory: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        let here = || format!("cannot use the directory {} for the buffer", directory.display());
        DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(here)?;
        let place = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("place"))
            .with_context(here)?;
        let noted = read_place(&place);
        let (front, dropped) = noted.unwrap_or((Place { segment: 0, offset: 0 }, 0));
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(directory).with_context(here)? {
            let entry = entry.with_context(here)?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| u64::from_str_radix(name.strip_suffix(".pages")?, 16).ok());
            let Some(number) = number else { continue };
            if number < front.segment {
                // Forgotten already; the file was to go next.
                let _ = fs::remove_file(entry.path());
            } else {
                segments.insert(number, entry.metadata().with_context(here)?.len());
            }
        }
        let next = segments.last_key_value().map_or(front.segment, |(last, _)| *last) + 1;
        let mut spool =
            Self { directory: directory.to_owned(), max_bytes, segments, front, dropped, current: None, next, place };
        if noted.is_none() {
            // Now, while there is room for it: on a full disk it must still be told how many records were lost.
            let _ = spool.write_place();
        }
        Ok(spool)
    }

    /// Returns where the files are.
    pub fn place(&self) -> &Path {
        &self.directory
    }

    /// Returns how much waits.
    pub fn waiting_bytes(&self) -> u64 {
        let all: u64 = self.segments.values().sum();
        all.saturating_sub(if self.segments.contains_key(&self.front.segment) { self.front.offset } else { 0 })
    }

    /// Returns how many records were lost since the directory was made.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Adds `record`; the oldest make room for it.
    ///
    /// # Errors
    /// When it cannot be written. It counts as dropped then, and all others are as they were.
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        let result = self.try_append(record);
        if result.is_err() {
            self.dropped += 1;
            let _ = self.write_place();
        }
        result
    }

    fn try_append(&mut self, record: &Record) -> io::Result<()> {
        let length = u32::try_from(record.content.len()).ok().filter(|length| *length <= RECORD_LIMIT_BYTES);
        let length = length.ok_or(ErrorKind::FileTooLarge)?;
        let size = HEAD_BYTES + u64::from(length);
        if size > self.max_bytes {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than exporter.buffer.max_bytes"));
        }
        while self.segments.values().sum::<u64>() + size > self.max_bytes && !self.segments.is_empty() {
            self.drop_segment()?;
        }
        let (least, most) = SEGMENT_BYTES;
        let limit = (self.max_bytes / 16).clamp(least, most);
        let is_full = |(number, _): &(u64, File)| self.segments.get(number).is_none_or(|size| *size >= limit);
        if self.current.as_ref().is_none_or(is_full) {
            let file = loop {
                let path = self.path(self.next);
                match OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(path) {
                    // Another run made it after we had looked; the next one to look finds both.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => self.next += 1,
                    opened => break opened?,
                }
            };
            self.segments.insert(self.next, 0);
            self.current = Some((self.next, file));
            self.next += 1;
        }
        let Some((number, file)) = &mut self.current else { return Err(ErrorKind::NotFound.into()) };
        let moment = record.moment.to_bytes();
        let mut bytes = Vec::with_capacity(size.try_into().unwrap_or_default());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&pack::checksum(&[&moment, &record.content]).to_le_bytes());
        bytes.extend_from_slice(&moment);
        bytes.extend_from_slice(&record.content);
        let begin = self.segments.get(number).copied().unwrap_or_default();
        // In one piece, at a place of our choosing: what a full disk cut off is overwritten by the next one.
        match file.write_all_at(&bytes, begin) {
            Ok(()) => {
                self.segments.insert(*number, begin + size);
                Ok(())
            }
            Err(error) => {
                let _ = file.set_len(begin);
                Err(error)
            }
        }
    }

    /// Hands the oldest records to `take` until it says that it has enough, and returns their end; `None` when there is
    /// nothing. They stay until they are forgotten.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn read(&mut self, mut take: impl FnMut(&Record) -> bool) -> io::Result<Option<Place>> {
        while let Some(mut place) = self.first() {
            let mut some = None;
            loop {
                match self.look(place)? {
                    Found::Record { record, end } => {
                        place.offset = end;
                        some = Some(place);
                        if !take(&record) {
                            return Ok(some);
                        }
                    }
                    // A run from cron makes a segment for each page: a batch may be of many.
                    Found::End if some.is_some() => match self.segments.range(place.segment + 1..).next() {
                        Some((segment, _)) => place = Place { segment: *segment, offset: 0 },
                        None => return Ok(some),
                    },
                    Found::Torn if some.is_some() => return Ok(some),
                    Found::End => break,
                    Found::Torn => {
                        // How many there were can no longer be told; at least one.
                        self.dropped += 1;
                        break;
                    }
                }
            }
            self.forget_segments(place.segment)?;
        }
        Ok(None)
    }

    /// Forgets all records before `place`.
    ///
    /// # Errors
    /// When that cannot be noted down: after a restart they would come again.
    pub fn forget(&mut self, place: Place) -> io::Result<()> {
        if self.segments.get(&place.segment).is_none_or(|size| place.offset >= *size) {
            return self.forget_segments(place.segment);
        }
        self.front = place;
        match place.segment.checked_sub(1) {
            Some(last) => self.remove_segments(last),
            None => self.write_place(),
        }
    }

    /// Forgets all records before `place` and counts them as dropped.
    ///
    /// # Errors
    /// As [`Spool::forget`].
    pub fn drop_until(&mut self, place: Place) -> io::Result<()> {
        while let Some(first) = self.first()
            && (first.segment, first.offset) < (place.segment, place.offset)
        {
            match self.look(first)? {
                Found::Record { end, .. } => {
                    self.dropped += 1;
                    self.forget(Place { offset: end, ..first })?;
                }
                _ => self.forget_segments(first.segment)?,
            }
        }
        Ok(())
    }

    /// Drops the oldest records as long as `is_old` says so.
    pub fn drop_while(&mut self, is_old: impl Fn(Moment) -> bool) {
        while let Some(place) = self.first() {
            match self.look(place) {
                Ok(Found::Record { record, end }) if is_old(record.moment) => {
                    self.dropped += 1;
                    if self.forget(Place { offset: end, ..place }).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// Returns where the oldest record should stand.
    fn first(&self) -> Option<Place> {
        let segment = *self.segments.first_key_value()?.0;
        Some(if segment == self.front.segment { self.front } else { Place { segment, offset: 0 } })
    }

    fn drop_segment(&mut self) -> io::Result<()> {
        let Some(mut place) = self.first() else { return Ok(()) };
        while let Ok(Found::Record { end, .. }) = self.look(place) {
            self.dropped += 1;
            place.offset = end;
        }
        self.forget_segments(place.segment)
    }

    /// Forgets the segments up to `last`.
    fn forget_segments(&mut self, last: u64) -> io::Result<()> {
        self.front = Place { segment: last + 1, offset: 0 };
        self.remove_segments(last)
    }

    /// Notes down where the front is now and removes what is before it, up to the segment `last`.
    fn remove_segments(&mut self, last: u64) -> io::Result<()> {
        if self.current.as_ref().is_some_and(|(current, _)| *current <= last) {
            self.current = None;
        }
        // First the note, then the files: whoever is killed in between finds files that are to go.
        let mut outcome = self.write_place();
        while let Some((&number, _)) = self.segments.range(..=last).next() {
            self.segments.remove(&number);
            match fs::remove_file(self.path(number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => outcome = Err(error),
                _ => {}
            }
        }
        outcome
    }

    fn look(&self, place: Place) -> io::Result<Found> {
        let size = self.segments.get(&place.segment).copied().unwrap_or_default();
        if place.offset >= size {
            return Ok(Found::End);
        }
        let file = match File::open(self.path(place.segment)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Torn),
            other => other?,
        };
        let mut head = [0; HEAD_BYTES as usize];
        if !read_whole(&file, &mut head, place.offset)? {
            return Ok(Found::Torn);
        }
        let part = |from: usize| u32::from_le_bytes(std::array::from_fn(|index| head[from + index]));
        let (length, sum) = (part(0), part(4));
        let end = place.offset + HEAD_BYTES + u64::from(length);
        if length > RECORD_LIMIT_BYTES || end > size {
            return Ok(Found::Torn);
        }
        let moment: [u8; 20] = std::array::from_fn(|index| head[8 + index]);
        let mut content = vec![0; length as usize];
        if !read_whole(&file, &mut content, place.offset + HEAD_BYTES)? || pack::checksum(&[&moment, &content]) != sum {
            return Ok(Found::Torn);
        }
        Ok(Found::Record { record: Record { moment: Moment::from_bytes(&moment), content }, end })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:016x}.pages"))
    }

    fn write_place(&mut self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(28);
        for number in [self.front.segment, self.front.offset, self.dropped] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let sum = pack::checksum(&[&bytes]);
        bytes.write_all(&sum.to_le_bytes())?;
        self.place.write_all_at(&bytes, 0)
    }
}

fn read_place(file: &File) -> Option<(Place, u64)> {
    let mut bytes = [0; 28];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (numbers, sum) = bytes.split_at(24);
    if pack::checksum(&[numbers]).to_le_bytes() != *sum {
        return None;
    }
    let number = |from: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[from + index]));
    Some((Place { segment: number(0), offset: number(8) }, number(16)))
}

/// Returns whether the file had that much.
fn read_whole(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
    match file.read_exact_at(bytes, offset) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
mod tests;
