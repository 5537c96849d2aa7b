//! Some samples of one series, compressed.
//!
//! ```text
//! length │ count │ first time │ last − first │ kind │ header of times │ header of values │ bits of times │ bits of values
//! varint   varint   zigzag       varint        byte
//! ```
//!
//! `length` counts what follows it. Times are a sequence (see `chunk/sequence.rs`); values are a sequence of whole numbers if all of them are
//! decimal fractions of at most nine digits, and differences of bits otherwise, whatever the values are: each comes back
//! to the bit. Bits of `kind`: 0 decimal, 1–2 order of values, 3 order of times (0 step, 1 trend), 4–7 digits behind the
//! point. A checksum is for those who put chunks in files.

mod decimal;
mod sequence;
mod xor;

use series::Sample;

use self::sequence::{Order, Reader, Sequence};
use crate::bits::{BitReader, BitWriter};
use crate::error::Broken;
use crate::varint;

/// As many samples are in a chunk at most, so that a few wrong bytes cannot ask for all the memory.
pub const MOST_SAMPLES: usize = 4096;

/// A chunk whose head has been read.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    count: usize,
    first: i64,
    last: i64,
    /// From `kind` on.
    rest: &'a [u8],
}

/// Appends `samples`, their times rising, to `out`: as one chunk, or as several if there are more than [`MOST_SAMPLES`].
pub fn encode(samples: &[Sample], out: &mut Vec<u8>) {
    samples.chunks(MOST_SAMPLES).for_each(|samples| encode_one(samples, out));
}

fn encode_one(samples: &[Sample], out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    let mut body = Vec::with_capacity(32 + samples.len() * 2);
    varint::write(samples.len() as u64, &mut body);
    varint::write_signed(first.timestamp, &mut body);
    varint::write(last.timestamp.wrapping_sub(first.timestamp) as u64, &mut body);

    let numbers: Vec<i64> = samples.iter().map(|sample| sample.timestamp).collect();
    let times = Sequence::best(&numbers, &[Order::Step, Order::Trend]);
    let values = decimal::from_samples(samples)
        .map(|(numbers, digits)| (Sequence::best(&numbers, &[Order::Level, Order::Step, Order::Trend]), digits));
    let time_order = u8::from(times.order == Order::Trend) << 3;
    body.push(match &values {
        Some((values, digits)) => 1 | (values.order as u8) << 1 | time_order | digits << 4,
        None => time_order,
    });
    times.write_header(false, &mut body);
    if let Some((values, _)) = &values {
        values.write_header(true, &mut body);
    }
    let mut bits = BitWriter::new(&mut body);
    times.write_bits(&mut bits);
    match &values {
        Some((values, _)) => values.write_bits(&mut bits),
        None => xor::write(samples, &mut bits),
    }
    bits.finish();
    varint::write(body.len() as u64, out);
    out.extend_from_slice(&body);
}

impl<'a> Chunk<'a> {
    /// Reads the head of the chunk that `bytes` begin with, and moves them on to the next.
    ///
    /// # Errors
    /// When this is no chunk.
    pub fn next(bytes: &mut &'a [u8]) -> Result<Self, Broken> {
        let length = varint::read_length(bytes)?;
        let mut rest = varint::take(bytes, length)?;
        let count = usize::try_from(varint::read(&mut rest)?).map_err(|_| Broken)?;
        let first = varint::read_signed(&mut rest)?;
        let span = varint::read(&mut rest)?;
        let last = first.wrapping_add(span as i64);
        if !(1..=MOST_SAMPLES).contains(&count) || last < first {
            return Err(Broken);
        }
        Ok(Self { count, first, last, rest })
    }

    /// Returns how many samples there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the time of the first sample, in milliseconds since 1970.
    #[must_use]
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Returns the time of the last sample, in milliseconds since 1970.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Returns whether a sample may lie from `start` to `end`.
    #[must_use]
    pub fn overlaps(&self, start: i64, end: i64) -> bool {
        self.first <= end && self.last >= start
    }

    /// Appends the samples, their times rising.
    ///
    /// # Errors
    /// When this is no chunk. Nothing is appended then.
    pub fn read(&self, into: &mut Vec<Sample>) -> Result<(), Broken> {
        let begin = into.len();
        let read = self.try_read(into, begin);
        if read.is_err() {
            into.truncate(begin);
        }
        read
    }

    fn try_read(&self, into: &mut Vec<Sample>, begin: usize) -> Result<(), Broken> {
        let mut rest = self.rest;
        let [kind] = varint::take_array(&mut rest)?;
        let time_order = if kind & 8 == 0 { Order::Step } else { Order::Trend };
        let mut times = Reader::new(time_order, Some(self.first), &mut rest)?;
        let is_decimal = kind & 1 == 1;
        let values = match (is_decimal, kind >> 1 & 3) {
            (true, 0) => Some(Order::Level),
            (true, 1) => Some(Order::Step),
            (true, 2) => Some(Order::Trend),
            (false, 0) => None,
            _ => return Err(Broken),
        };
        let digits = kind >> 4;
        if digits > decimal::MOST_DIGITS || !is_decimal && digits > 0 {
            return Err(Broken);
        }
        let values = values.map(|order| Reader::new(order, None, &mut rest)).transpose()?;

        let mut bits = BitReader::new(rest);
        into.reserve(self.count);
        let mut before = None;
        for _ in 0..self.count {
            let timestamp = times.next(&mut bits)?;
            if before.is_some_and(|before| before >= timestamp) {
                return Err(Broken);
            }
            before = Some(timestamp);
            into.push(Sample { timestamp, value: 0.0 });
        }
        if before != Some(self.last) {
            return Err(Broken);
        }
        let samples = into.get_mut(begin..).ok_or(Broken)?;
        match values {
            Some(mut values) => {
                for sample in samples {
                    sample.value = decimal::to_value(values.next(&mut bits)?, digits);
                }
                Ok(())
            }
            None => xor::read(samples, &mut bits),
        }
    }
}

#[cfg(test)]
mod tests;
