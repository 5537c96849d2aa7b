//! Which series a block has, and where: read once, when it is opened.

use std::io;
use std::sync::Arc;

use series::Labels;

use super::about::About;
use super::{ABOUT, END, PAGE, SAMPLES, WORDS};
use crate::error::Broken;
use crate::frame::{self, Frames, HEAD_BYTES, Piece, ReadAt};
use crate::varint;

/// Bytes of the record that a block ends with: a head, the kind, and a place.
const END_BYTES: u64 = HEAD_BYTES as u64 + 9;

/// A series in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) labels: Labels,
    /// Where its records begin, and how long they are.
    pub(crate) places: Vec<(u64, u32)>,
}

/// What a block's end says, as far as it reads.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) about: Option<About>,
    pub(crate) series: Vec<Listed>,
    /// Bytes that do not read: where, and how many.
    pub(crate) damage: Vec<(u64, u64)>,
}

/// Bodies of records, until all words are known.
#[derive(Debug, Default)]
struct Parts {
    about: Option<About>,
    words: Vec<Option<Arc<str>>>,
    /// With their places.
    pages: Vec<(u64, Vec<u8>)>,
    damage: Vec<(u64, u64)>,
}

impl Table {
    /// Reads the table of a block of `length` bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(source: &impl ReadAt, length: u64) -> io::Result<Self> {
        let begin = end_record(source, length)?;
        let mut parts = Parts::default();
        if begin.is_none() {
            parts.damage.push((length.saturating_sub(END_BYTES), END_BYTES.min(length)));
        }
        let mut frames = Frames::new(source, begin.unwrap_or(0), length);
        while let Some(piece) = frames.read_next()? {
            match piece {
                Piece::Record { offset } => {
                    if parts.take(offset, frames.body()).is_err() {
                        parts.damage.push((offset, frames.body().len() as u64));
                    }
                }
                Piece::Damage { offset, bytes } | Piece::Tail { offset, bytes } => parts.damage.push((offset, bytes)),
            }
        }
        Ok(parts.join(length))
    }
}

impl Parts {
    fn take(&mut self, offset: u64, body: &[u8]) -> Result<(), Broken> {
        let (kind, mut rest) = body.split_first().ok_or(Broken)?;
        match *kind {
            SAMPLES | END => Ok(()),
            ABOUT => {
                self.about = Some(About::read(rest)?);
                Ok(())
            }
            PAGE => {
                self.pages.push((offset, rest.to_vec()));
                Ok(())
            }
            WORDS => {
                let first = usize::try_from(varint::read(&mut rest)?).map_err(|_| Broken)?;
                // Words come in their order, once or twice, some records perhaps missing in between: their number is
                // bounded by what a file can hold, not by what a few bytes claim.
                if first > self.words.len() + frame::MOST_BYTES {
                    return Err(Broken);
                }
                let mut place = first;
                while !rest.is_empty() {
                    let word = varint::read_text(&mut rest)?;
                    if self.words.len() <= place {
                        self.words.resize(place + 1, None);
                    }
                    if let Some(slot) = self.words.get_mut(place) {
                        slot.get_or_insert_with(|| word.into());
                    }
                    place += 1;
                }
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    fn join(mut self, length: u64) -> Table {
        let mut series = Vec::new();
        for (offset, page) in std::mem::take(&mut self.pages) {
            let mut rest = page.as_slice();
            while !rest.is_empty() {
                match self.listed(&mut rest, length) {
                    Ok(Some(listed)) => series.push(listed),
                    // A word of its labels is lost.
                    Ok(None) => self.damage.push((offset, 0)),
                    Err(Broken) => {
                        self.damage.push((offset, rest.len() as u64));
                        break;
                    }
                }
            }
        }
        Table { about: self.about, series, damage: self.damage }
    }

    fn listed(&self, bytes: &mut &[u8], length: u64) -> Result<Option<Listed>, Broken> {
        let count = varint::read_length(bytes)?;
        let mut labels = Vec::with_capacity(count);
        let mut lacks = false;
        for _ in 0..count {
            match (self.word(bytes)?, self.word(bytes)?) {
                (Some(name), Some(value)) => labels.push((name, value)),
                _ => lacks = true,
            }
        }
        let count = varint::read_length(bytes)?;
        let mut places = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = varint::read(bytes)?;
            let own = u32::try_from(varint::read(bytes)?).map_err(|_| Broken)?;
            let is_inside = offset.checked_add(u64::from(own)).is_some_and(|end| end <= length);
            if !is_inside || own as usize > HEAD_BYTES + frame::MOST_BYTES {
                return Err(Broken);
            }
            places.push((offset, own));
        }
        let labels: Labels = labels.into_iter().collect();
        Ok((!lacks && !labels.is_empty()).then_some(Listed { labels, places }))
    }

    fn word(&self, bytes: &mut &[u8]) -> Result<Option<Arc<str>>, Broken> {
        let number = usize::try_from(varint::read(bytes)?).map_err(|_| Broken)?;
        Ok(self.words.get(number).cloned().flatten())
    }
}

/// Returns where the first `about` begins.
fn end_record(source: &impl ReadAt, length: u64) -> io::Result<Option<u64>> {
    let Some(begin) = length.checked_sub(END_BYTES) else { return Ok(None) };
    let mut record = [0; END_BYTES as usize];
    source.read_exact_at(&mut record, begin)?;
    let place = match frame::open(&record).and_then(<[u8]>::split_first) {
        Some((&END, place)) => place.first_chunk().map(|place| u64::from_le_bytes(*place)),
        _ => None,
    };
    Ok(place.filter(|place| *place < begin))
}
