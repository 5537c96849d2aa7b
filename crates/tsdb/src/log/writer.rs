//! Writing the log.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use series::{Labels, Sample};

use super::{HEADER, SAMPLES, SERIES, VERSION, write_labels, write_value};
use crate::frame;
use crate::varint;

/// A segment is no longer; then the next one begins.
const SEGMENT_BYTES: u64 = 32 << 20;

/// A record of samples is about as long at most.
const RECORD_BYTES: usize = 256 << 10;

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    dir: PathBuf,
    number: u64,
    /// None while the disk takes no new file.
    file: Option<Arc<File>>,
    /// Up to here all is well.
    length: u64,
}

impl Log {
    /// Returns a log that will begin with a segment behind `last`.
    pub(crate) fn new(dir: &Path, last: u64) -> Self {
        Self { dir: dir.to_owned(), number: last, file: None, length: 0 }
    }

    /// Returns the number of the segment.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns whether records must go to a new segment.
    pub(crate) fn is_full(&self) -> bool {
        self.file.is_none() || self.length >= SEGMENT_BYTES
    }

    /// Writes nothing more to the segment: what comes next goes to a new one.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// Begins the next segment and returns it.
    pub(crate) fn begin(&mut self, now: i64) -> io::Result<Arc<File>> {
        let number = self.number + 1;
        let path = path(&self.dir, number);
        let begun = begin(&self.dir, &path, now);
        if begun.is_err() {
            let _ = fs::remove_file(&path);
        }
        let (file, length) = begun?;
        let file = Arc::new(file);
        self.file = Some(Arc::clone(&file));
        self.number = number;
        self.length = length;
        Ok(file)
    }

    /// Swaps the segment's file for another.
    #[cfg(test)]
    pub(crate) fn swap_file(&mut self, file: File) -> Option<Arc<File>> {
        self.file.replace(Arc::new(file))
    }

    /// Adds records: all of them or, as far as anybody will ever read, none.
    pub(crate) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let file = self.file.as_ref().ok_or_else(|| io::Error::other("there is no segment to write to"))?;
        let written = file.write_all_at(records, self.length);
        if written.is_err() {
            // Half a record would look as if the process had been killed. The next write covers it, if this does not help.
            let _ = file.set_len(self.length);
        } else {
            self.length += records.len() as u64;
        }
        written
    }
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("log-{number:08}"))
}

fn begin(dir: &Path, path: &Path, now: i64) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut header = Vec::new();
    frame::write(&mut header, |out| {
        out.extend_from_slice(&[HEADER, VERSION]);
        varint::write_signed(now, out);
    });
    file.write_all_at(&header, 0)?;
    // The name of the file must outlive a power cut, too.
    File::open(dir)?.sync_all()?;
    Ok((file, header.len() as u64))
}

/// Makes records of what is appended.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    out: &'a mut Vec<u8>,
    /// Samples that make the next record.
    samples: Vec<u8>,
    number: i64,
    time: i64,
}

impl<'a> Records<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, samples: Vec::new(), number: 0, time: 0 }
    }

    /// Gives a series its number. It stands before all samples that are added later.
    pub(crate) fn series(&mut self, number: u32, labels: &Labels) {
        frame::write(self.out, |out| {
            out.push(SERIES);
            varint::write(u64::from(number), out);
            write_labels(labels, out);
        });
    }

    pub(crate) fn sample(&mut self, number: u32, sample: Sample) {
        varint::write_signed(i64::from(number) - self.number, &mut self.samples);
        varint::write_signed(sample.timestamp.wrapping_sub(self.time), &mut self.samples);
        write_value(sample.value, &mut self.samples);
        (self.number, self.time) = (i64::from(number), sample.timestamp);
        if self.samples.len() >= RECORD_BYTES {
            self.flush();
        }
    }

    pub(crate) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        if self.samples.is_empty() {
            return;
        }
        frame::write(self.out, |out| {
            out.push(SAMPLES);
            out.extend_from_slice(&self.samples);
        });
        self.samples.clear();
        (self.number, self.time) = (0, 0);
    }
}
