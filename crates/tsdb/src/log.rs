//! The log: what was appended since the last block, in the order in which it came.
//!
//! ```text
//! log-00000007   records (see frame.rs): a header, then series and samples in any order
//!   header   0 │ version 1 │ when it was begun
//!   series   1 │ number │ count of labels │ name, value …
//!   samples  2 │ for each: number − the one before │ time − the one before │ bytes of the value, zeros at its end left out
//! ```
//!
//! A series has a number in each segment of its own, written there before its first sample, so that each segment reads
//! alone.

mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use series::{Labels, Sample};

pub(crate) use self::writer::{Log, Records};
use crate::error::Broken;
use crate::frame::{Frames, Piece, ReadAt};
use crate::varint;

const VERSION: u8 = 1;
const HEADER: u8 = 0;
const SERIES: u8 = 1;
const SAMPLES: u8 = 2;

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The segment begins.
    Header {
        /// What the clock said, in milliseconds since 1970.
        now: i64,
    },
    /// From here on a number stands for a series.
    Series(u32, Labels),
    /// Samples, each with the number of its series.
    Samples(Vec<(u32, Sample)>),
}

/// What of a segment does not read, as places in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Bytes that are lost, with good ones behind them: where, and how many.
    pub damage: Vec<(u64, u64)>,
    /// The end of the segment that does not read.
    pub tail: Option<(u64, u64)>,
}

/// Reads a segment, calls `visit` with what stands there, and returns what does not read.
///
/// # Errors
/// When the file cannot be read.
pub fn replay(source: &impl ReadAt, length: u64, mut visit: impl FnMut(Entry)) -> io::Result<Gaps> {
    let mut frames = Frames::new(source, 0, length);
    let mut gaps = Gaps::default();
    while let Some(piece) = frames.read_next()? {
        match piece {
            Piece::Record { offset } => match read(frames.body()) {
                Ok(entry) => visit(entry),
                Err(Broken) => gaps.damage.push((offset, frames.body().len() as u64)),
            },
            Piece::Damage { offset, bytes } => gaps.damage.push((offset, bytes)),
            Piece::Tail { offset, bytes } => gaps.tail = Some((offset, bytes)),
        }
    }
    Ok(gaps)
}

/// Returns the segments in a directory by their numbers.
pub(crate) fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("log-"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read(mut body: &[u8]) -> Result<Entry, Broken> {
    let bytes = &mut body;
    let [kind] = varint::take_array(bytes)?;
    match kind {
        HEADER => {
            let [version] = varint::take_array(bytes)?;
            let now = varint::read_signed(bytes)?;
            if version == VERSION { Ok(Entry::Header { now }) } else { Err(Broken) }
        }
        SERIES => {
            let number = u32::try_from(varint::read(bytes)?).map_err(|_| Broken)?;
            let labels = read_labels(bytes)?;
            Ok(Entry::Series(number, labels))
        }
        SAMPLES => {
            let mut samples = Vec::with_capacity(bytes.len() / 4);
            let (mut number, mut time) = (0_i64, 0_i64);
            while !bytes.is_empty() {
                number = number.wrapping_add(varint::read_signed(bytes)?);
                time = time.wrapping_add(varint::read_signed(bytes)?);
                let value = read_value(bytes)?;
                samples.push((u32::try_from(number).map_err(|_| Broken)?, Sample::new(time, value)));
            }
            Ok(Entry::Samples(samples))
        }
        _ => Err(Broken),
    }
}

fn read_labels(bytes: &mut &[u8]) -> Result<Labels, Broken> {
    let count = varint::read_length(bytes)?;
    (0..count).map(|_| Ok((varint::read_text(bytes)?, varint::read_text(bytes)?))).collect()
}

fn write_labels(labels: &Labels, out: &mut Vec<u8>) {
    varint::write(labels.len() as u64, out);
    for (name, value) in labels.iter() {
        varint::write_text(name, out);
        varint::write_text(value, out);
    }
}

/// Whole numbers and short fractions end in zeros.
fn write_value(value: f64, out: &mut Vec<u8>) {
    let bytes = value.to_bits().to_be_bytes();
    let length = 8 - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    out.push(length as u8);
    out.extend_from_slice(&bytes[..length]);
}

fn read_value(bytes: &mut &[u8]) -> Result<f64, Broken> {
    let [length] = varint::take_array(bytes)?;
    let own = varint::take(bytes, usize::from(length))?;
    let mut all = [0; 8];
    all.get_mut(..own.len()).ok_or(Broken)?.copy_from_slice(own);
    Ok(f64::from_bits(u64::from_be_bytes(all)))
}

#[cfg(test)]
mod tests {
    use series::STALE;

    use super::*;
    use crate::frame;

    #[test]
    fn what_is_written_reads_back() {
        let labels: Labels = [("__name__", "up"), ("instance", "db-1")].into_iter().collect();
        let samples = vec![
            (7, Sample::new(i64::MAX, 1.0)),
            (u32::MAX, Sample::new(i64::MIN, STALE)),
            (0, Sample::new(0, 0.0)),
            (1, Sample::new(1, 0.1)),
        ];
        let mut file = Vec::new();
        let mut records = Records::new(&mut file);
        records.series(7, &labels);
        samples.iter().for_each(|(number, sample)| records.sample(*number, *sample));
        records.finish();

        let mut read = Vec::new();
        let gaps = replay(&file.as_slice(), file.len() as u64, |entry| read.push(entry)).unwrap();

        assert_eq!(gaps, Gaps::default());
        assert_eq!(read[0], Entry::Series(7, labels));
        let Entry::Samples(back) = &read[1] else { panic!("{read:?}") };
        let bits = |all: &[(u32, Sample)]| -> Vec<(u32, i64, u64)> {
            all.iter().map(|(number, sample)| (*number, sample.timestamp, sample.value.to_bits())).collect()
        };
        assert_eq!(bits(back), bits(&samples));
    }

    #[test]
    fn a_record_that_says_nonsense_is_a_gap() {
        let mut file = Vec::new();
        frame::write(&mut file, |out| out.extend_from_slice(&[SAMPLES, 2, 2, 9]));

        let gaps = replay(&file.as_slice(), file.len() as u64, |entry| panic!("{entry:?}")).unwrap();

        assert_eq!(gaps.damage.len(), 1);
    }
}
