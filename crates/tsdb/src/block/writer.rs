//! Writing a block.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use series::{Labels, Sample};

use super::about::{About, Name};
use super::{ABOUT, Block, END, PAGE, Place, SAMPLES, WORDS};
use crate::chunk;
use crate::frame::{self, HEAD_BYTES};
use crate::index::SeriesId;
use crate::varint;

/// Samples in a chunk: two hours at 15 s.
const CHUNK: usize = 480;

/// A record of samples or of words is about as long at most.
const RECORD_BYTES: usize = 256 << 10;

/// Series in a page: what one wrong byte may cost.
const PAGE_SERIES: usize = 128;

/// Writes a block, series by series, under another name until it is whole.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    dir: PathBuf,
    name: Name,
    about: About,
    file: BufWriter<File>,
    offset: u64,
    words: HashMap<Arc<str>, u64>,
    /// Words in the order of their numbers, as records have them.
    word_list: Vec<Arc<str>>,
    /// Series as pages have them; where pages end, but for the last one.
    pages: Vec<u8>,
    borders: Vec<usize>,
    places: Vec<Place>,
    record: Vec<u8>,
    is_whole: bool,
}

impl BlockWriter {
    /// Begins a block for a stretch of time.
    pub(crate) fn new(dir: &Path, name: Name, stretch: (i64, i64), replaces: Vec<Name>) -> io::Result<Self> {
        let path = draft(dir, name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self {
            dir: dir.to_owned(),
            name,
            about: About { stretch, span: (i64::MAX, i64::MIN), samples: 0, series: 0, replaces },
            file: BufWriter::with_capacity(64 << 10, file),
            offset: 0,
            words: HashMap::new(),
            word_list: Vec::new(),
            pages: Vec::new(),
            borders: Vec::new(),
            places: Vec::new(),
            record: Vec::new(),
            is_whole: false,
        })
    }

    /// Adds the samples of a series, their times rising. Each series comes once.
    pub(crate) fn add(&mut self, id: SeriesId, labels: &Labels, samples: &[Sample]) -> io::Result<()> {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Ok(()) };
        self.about.span = (self.about.span.0.min(first.timestamp), self.about.span.1.max(last.timestamp));
        self.about.samples += samples.len() as u64;
        self.about.series += 1;

        let mut own = Vec::new();
        let mut chunks = samples.chunks(CHUNK).peekable();
        while chunks.peek().is_some() {
            let (offset, mut record) = (self.offset, std::mem::take(&mut self.record));
            record.clear();
            frame::write(&mut record, |out| {
                out.push(SAMPLES);
                while out.len() < RECORD_BYTES
                    && let Some(samples) = chunks.next()
                {
                    chunk::encode(samples, out);
                }
            });
            own.push((offset, record.len() as u32));
            self.places.push(Place { id, length: record.len() as u32, offset });
            self.file.write_all(&record)?;
            self.offset += record.len() as u64;
            self.record = record;
        }
        self.list(labels, &own);
        Ok(())
    }

    fn list(&mut self, labels: &Labels, places: &[(u64, u32)]) {
        varint::write(labels.len() as u64, &mut self.pages);
        for (name, value) in labels.as_slice() {
            for word in [name, value] {
                let next = self.word_list.len() as u64;
                let number = *self.words.entry(Arc::clone(word)).or_insert(next);
                if number == next {
                    self.word_list.push(Arc::clone(word));
                }
                varint::write(number, &mut self.pages);
            }
        }
        varint::write(places.len() as u64, &mut self.pages);
        for (offset, length) in places {
            varint::write(*offset, &mut self.pages);
            varint::write(u64::from(*length), &mut self.pages);
        }
        let page = self.pages.len() - self.borders.last().copied().unwrap_or(0);
        if self.about.series.is_multiple_of(PAGE_SERIES as u64) || page >= RECORD_BYTES {
            self.borders.push(self.pages.len());
        }
    }

    /// Ends the block: from here on it is there, whatever happens to the machine.
    pub(crate) fn finish(mut self) -> io::Result<Block> {
        let (begin, mut end) = (self.offset, Vec::new());
        self.write_about(&mut end);
        self.write_words(&mut end);
        let mut from = 0;
        for border in self.borders.iter().copied().chain([self.pages.len()]) {
            if border > from {
                frame::write(&mut end, |out| {
                    out.push(PAGE);
                    out.extend_from_slice(&self.pages[from..border]);
                });
                from = border;
            }
        }
        self.write_words(&mut end);
        self.write_about(&mut end);
        frame::write(&mut end, |out| {
            out.push(END);
            out.extend_from_slice(&begin.to_le_bytes());
        });
        self.file.write_all(&end)?;
        self.file.flush()?;
        let file = self.file.get_ref().try_clone()?;
        file.sync_all()?;
        let path = self.name.path(&self.dir);
        fs::rename(draft(&self.dir, self.name), &path)?;
        self.is_whole = true;
        File::open(&self.dir)?.sync_all()?;
        let (about, places) = (self.about.clone(), std::mem::take(&mut self.places));
        Ok(Block::new(path, self.name, about, begin + end.len() as u64, file, places))
    }

    fn write_about(&self, out: &mut Vec<u8>) {
        frame::write(out, |out| {
            out.push(ABOUT);
            self.about.write(out);
        });
    }

    fn write_words(&self, out: &mut Vec<u8>) {
        let mut words = self.word_list.iter().enumerate().peekable();
        while let Some((first, _)) = words.peek() {
            let first = *first as u64;
            frame::write(out, |out| {
                let begin = out.len();
                out.push(WORDS);
                varint::write(first, out);
                while out.len() - begin < RECORD_BYTES
                    && let Some((_, word)) = words.next()
                {
                    varint::write_text(word, out);
                }
            });
        }
    }
}

/// What is not whole leaves nothing behind.
impl Drop for BlockWriter {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = fs::remove_file(draft(&self.dir, self.name));
        }
    }
}

fn draft(dir: &Path, name: Name) -> PathBuf {
    name.path(dir).with_extension("tmp")
}

const _: () = assert!(HEAD_BYTES + RECORD_BYTES < frame::MOST_BYTES);
