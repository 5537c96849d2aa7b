//! Records in a file: what a log and a block are made of.
//!
//! ```text
//! "NRec" │ length │ CRC-32 of length and body │ body
//! 4 bytes  4 bytes  4 bytes                     length bytes
//! ```
//!
//! Numbers are little-endian. Where a record does not hold, the next one that does is looked for, so that damage costs what it
//! touches and no more.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What a record begins with.
const MAGIC: [u8; 4] = *b"NRec";

/// Bytes before the body.
pub const HEAD_BYTES: usize = 12;

/// No record is longer.
pub const MOST_BYTES: usize = 4 << 20;

/// Looking for the next good record, as much is checked in vain at most: a file made of beginnings must not take for ever.
const MOST_IN_VAIN: u64 = 256 << 20;

/// Something that is read at any place: a file, or bytes in memory.
pub trait ReadAt {
    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// When there are fewer bytes, or they cannot be read.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let own = from.and_then(|rest| rest.get(..buffer.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(own);
        Ok(())
    }
}

/// What stands somewhere in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A record; its body is in [`Frames::body`].
    Record {
        /// Where it begins.
        offset: u64,
    },
    /// Bytes that are no record, with a good record behind them (or, in a file full of beginnings, nobody knows what).
    Damage {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// Bytes that are no record, and nothing good behind them: what a write leaves that was cut short, or damage.
    Tail {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
}

/// Reads records one after the other.
#[derive(Debug)]
pub struct Frames<'a, R> {
    source: &'a R,
    place: u64,
    end: u64,
    body: Vec<u8>,
    in_vain: u64,
}

/// Appends a record to `out`. `write` appends its body, [`MOST_BYTES`] at most.
pub fn write(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 8]);
    write(out);
    let length = out.len() - begin - HEAD_BYTES;
    debug_assert!(length <= MOST_BYTES);
    out[begin + 4..begin + 8].copy_from_slice(&(length as u32).to_le_bytes());
    let sum = checksum(length as u32, &out[begin + HEAD_BYTES..]);
    out[begin + 8..begin + HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// Returns the body of a whole record, if it is one.
#[must_use]
pub fn open(record: &[u8]) -> Option<&[u8]> {
    let (head, body) = record.split_first_chunk::<HEAD_BYTES>()?;
    let head = Head::new(head)?;
    (head.length as usize == body.len() && head.fits(body)).then_some(body)
}

struct Head {
    length: u32,
    sum: u32,
}

impl Head {
    fn new(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let [m0, m1, m2, m3, l0, l1, l2, l3, s0, s1, s2, s3] = *bytes;
        let head = Self { length: u32::from_le_bytes([l0, l1, l2, l3]), sum: u32::from_le_bytes([s0, s1, s2, s3]) };
        ([m0, m1, m2, m3] == MAGIC && head.length as usize <= MOST_BYTES).then_some(head)
    }

    fn fits(&self, body: &[u8]) -> bool {
        // A fuzzer would not get past it.
        cfg!(fuzzing) || checksum(self.length, body) == self.sum
    }
}

fn checksum(length: u32, body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length.to_le_bytes());
    sum.update(body);
    sum.finalize()
}

impl<'a, R: ReadAt> Frames<'a, R> {
    /// Reads `source` from `start` to `end`.
    pub fn new(source: &'a R, start: u64, end: u64) -> Self {
        Self { source, place: start, end, body: Vec::new(), in_vain: 0 }
    }

    /// Returns what comes next, if anything does.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_next(&mut self) -> io::Result<Option<Piece>> {
        if self.place >= self.end {
            return Ok(None);
        }
        let offset = self.place;
        if let Some(after) = self.record_at(offset)? {
            self.place = after;
            return Ok(Some(Piece::Record { offset }));
        }
        let next = self.next_good(offset + 1)?;
        self.place = next.unwrap_or(self.end);
        let bytes = self.place - offset;
        // Where the search was given up there may be more, which nobody should cut off.
        let is_tail = next.is_none() && self.in_vain <= MOST_IN_VAIN;
        Ok(Some(if is_tail { Piece::Tail { offset, bytes } } else { Piece::Damage { offset, bytes } }))
    }

    /// Returns the body of the record that came last.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads the record at `offset` into `body` and returns where it ends.
    fn record_at(&mut self, offset: u64) -> io::Result<Option<u64>> {
        let room = self.end.saturating_sub(offset);
        if room < HEAD_BYTES as u64 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.source.read_exact_at(&mut head, offset)?;
        let Some(head) = Head::new(&head) else { return Ok(None) };
        if u64::from(head.length) > room - HEAD_BYTES as u64 {
            return Ok(None);
        }
        self.body.resize(head.length as usize, 0);
        self.source.read_exact_at(&mut self.body, offset + HEAD_BYTES as u64)?;
        if !head.fits(&self.body) {
            self.in_vain += u64::from(head.length);
            return Ok(None);
        }
        Ok(Some(offset + HEAD_BYTES as u64 + u64::from(head.length)))
    }

    /// Returns where the first good record behind `from` begins.
    fn next_good(&mut self, from: u64) -> io::Result<Option<u64>> {
        const STRIDE: usize = 64 << 10;
        let mut window = vec![0; STRIDE];
        let mut from = from;
        while self.end.saturating_sub(from) >= HEAD_BYTES as u64 {
            let length = (self.end - from).min(STRIDE as u64) as usize;
            let bytes = &mut window[..length];
            self.source.read_exact_at(bytes, from)?;
            for place in 0..=length - MAGIC.len() {
                if bytes[place..].starts_with(&MAGIC) {
                    if self.in_vain > MOST_IN_VAIN {
                        return Ok(None);
                    }
                    let candidate = from + place as u64;
                    if self.record_at(candidate)?.is_some() {
                        return Ok(Some(candidate));
                    }
                }
            }
            // The last three bytes may be the beginning of one.
            from += (length - MAGIC.len() + 1) as u64;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(file: &[u8]) -> Vec<(Piece, Vec<u8>)> {
        let mut frames = Frames::new(&file, 0, file.len() as u64);
        let mut all = Vec::new();
        while let Some(piece) = frames.read_next().unwrap() {
            let body = if matches!(piece, Piece::Record { .. }) { frames.body().to_vec() } else { Vec::new() };
            all.push((piece, body));
        }
        all
    }

    fn file() -> Vec<u8> {
        let mut file = Vec::new();
        for body in ["one", "NRec", "three"] {
            write(&mut file, |out| out.extend_from_slice(body.as_bytes()));
        }
        file
    }

    #[test]
    fn every_wrong_byte_costs_one_record_and_is_reported() {
        let whole = file();
        let good: Vec<Vec<u8>> = pieces(&whole).into_iter().map(|(_, body)| body).collect();
        assert_eq!(good, [b"one".to_vec(), b"NRec".to_vec(), b"three".to_vec()]);

        for place in 0..whole.len() {
            let mut broken = whole.clone();
            broken[place] ^= 0x10;
            let found = pieces(&broken);
            let read: Vec<&Vec<u8>> = found.iter().map(|(_, body)| body).filter(|body| !body.is_empty()).collect();
            assert_eq!(read.len(), 2, "byte {place}");
            assert!(read.iter().all(|body| good.contains(body)));
            assert!(found.iter().any(|(piece, _)| !matches!(piece, Piece::Record { .. })), "byte {place}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_ends_in_a_tail() {
        let whole = file();
        for length in 1..whole.len() {
            let found = pieces(&whole[..length]);
            let on_a_border = [15, 31].contains(&length);
            assert_eq!(matches!(found.last().unwrap().0, Piece::Tail { .. }), !on_a_border, "{length}");
        }
    }
}
