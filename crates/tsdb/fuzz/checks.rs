//! What has to hold for any bytes: run by the fuzz targets on new ones, where checksums are not looked at, and by
//! `tests/corpus.rs` on those that are kept.

use series::Sample;
use tsdb::chunk::{Chunk, MOST_SAMPLES, encode};
use tsdb::frame::{Frames, Piece};
use tsdb::log::{self, Entry};
use tsdb::{Broken, block};

/// Reads chunks, as long as they are some: each is refused whole, or holds what it says and comes back from being written.
pub fn chunk(mut bytes: &[u8]) {
    while let Ok(chunk) = Chunk::next(&mut bytes) {
        let mut samples = vec![Sample::new(0, 0.0)];
        match chunk.read(&mut samples) {
            Ok(()) => {
                samples.remove(0);
                assert_eq!(samples.len(), chunk.count());
                rising(&samples);
                reads_back(&samples);
            }
            Err(Broken) => assert_eq!(samples.len(), 1),
        }
    }
}

/// Reads a log. What is read and what is not are the whole of it.
pub fn log(bytes: &[u8]) {
    let length = bytes.len() as u64;
    covers(bytes);
    let mut samples = 0;
    let gaps = log::replay(&bytes, length, |entry| {
        if let Entry::Samples(own) = entry {
            samples += own.len();
        }
    })
    .expect("bytes in memory can be read");
    assert!(samples <= bytes.len(), "a sample takes three bytes at least");
    assert!(gaps.damage.iter().chain(&gaps.tail).all(|(offset, bytes)| offset + bytes <= length));
}

/// Reads a block.
pub fn block(bytes: &[u8]) {
    let length = bytes.len() as u64;
    covers(bytes);
    let damage = block::survey(&bytes, length, |labels, samples| {
        assert!(!labels.is_empty());
        assert!(samples.len() <= bytes.len() * MOST_SAMPLES);
    })
    .expect("bytes in memory can be read");
    assert!(damage.iter().all(|(offset, bytes)| offset + bytes <= length));
}

fn covers(bytes: &[u8]) {
    let mut frames = Frames::new(&bytes, 0, bytes.len() as u64);
    let mut place = 0;
    while let Some(piece) = frames.read_next().expect("bytes in memory can be read") {
        let begin = match piece {
            Piece::Record { offset } => offset,
            Piece::Damage { offset, bytes } | Piece::Tail { offset, bytes } => {
                assert!(bytes > 0);
                offset
            }
        };
        assert_eq!(begin, place);
        place = match piece {
            Piece::Record { offset } => offset + 12 + frames.body().len() as u64,
            Piece::Damage { offset, bytes } | Piece::Tail { offset, bytes } => offset + bytes,
        };
    }
    assert_eq!(place, bytes.len() as u64);
}

fn rising(samples: &[Sample]) {
    assert!(samples.is_sorted_by(|one, other| one.timestamp < other.timestamp));
}

fn reads_back(samples: &[Sample]) {
    let (mut bytes, mut back) = (Vec::new(), Vec::new());
    encode(samples, &mut bytes);
    let chunk = Chunk::next(&mut bytes.as_slice()).expect("what was written is a chunk");
    chunk.read(&mut back).expect("and can be read");
    let same = samples
        .iter()
        .zip(&back)
        .all(|(one, other)| one.timestamp == other.timestamp && one.value.to_bits() == other.value.to_bits());
    assert!(same && samples.len() == back.len());
}
