//! Pages made small.

use std::io::{Read as _, Write as _};

use flate2::read::DeflateDecoder;
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// A page shrinks to a sixth at the cheapest level already; the dearer ones take twice the time for a tenth less.
const LEVEL: Compression = Compression::fast();

/// Packs `bytes` as `Content-Encoding: gzip` wants it.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), LEVEL);
    // A vector takes everything.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

/// Packs `bytes` for our own files.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut packer = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 4), LEVEL);
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

/// Unpacks what [`deflate`] packed, if it is that and no more than `limit_bytes`.
pub fn inflate(packed: &[u8], limit_bytes: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).take(limit_bytes + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit_bytes).then_some(bytes)
}

/// Returns the checksum of all `parts` in a row.
pub fn checksum(parts: &[&[u8]]) -> u32 {
    let mut sum = Crc::new();
    for part in parts {
        sum.update(part);
    }
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn what_was_packed_is_unpacked() {
        let page = "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 1e+06\n".repeat(300);
        let packed = deflate(page.as_bytes());
        assert!(packed.len() * 6 < page.len());
        assert_eq!(inflate(&packed, page.len() as u64).unwrap(), page.as_bytes());
        let mut text = String::new();
        GzDecoder::new(gzip(page.as_bytes()).as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, page);
    }

    #[test]
    fn what_is_too_large_or_broken_is_not_unpacked() {
        let packed = deflate(&[0; 100_000]);
        assert_eq!(inflate(&packed, 99_999), None);
        assert_eq!(inflate(&packed[..packed.len() / 2], 100_000), None);
        assert_eq!(inflate(b"no such thing", 100), None);
    }
}
