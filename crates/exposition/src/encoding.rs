//! Bodies that were compressed on their way: gzip, snappy and zstd.
//!
//! ```text
//! Content-Encoding ─ Encoding::from_name ─▶ decode(encoding, body, limit) ─▶ the page, or why not
//! ```
//!
//! A body counts only when all of it is right: one that is cut off, whose checksum does not match, or behind whose end
//! something else stands is refused. What comes out is held to a limit while it comes out, so that a few kilobytes
//! which claim to be a gigabyte cost no more than about twice the limit and the decoder's own tables (less than 1 MiB).

mod zstd;

use std::fmt;
use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// gzip (RFC 1952), also several of them one behind the other.
    Gzip,
    /// Snappy in frames, <https://github.com/google/snappy/blob/main/framing_format.txt>, as Go's clients send it.
    Snappy,
    /// Zstandard (RFC 8878), also several frames one behind the other; without a dictionary.
    Zstd,
}

impl Encoding {
    /// Returns the encoding that `Content-Encoding` names so, in upper or lower case.
    ///
    /// A Pushgateway 1.5.1 knows `gzip` in lower case only and reads everything else as if it were not compressed; newer
    /// ones know `snappy` too.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Snappy, Self::Zstd].into_iter().find(|encoding| encoding.as_str().eq_ignore_ascii_case(name))
    }

    /// Returns its name as it stands in `Content-Encoding`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
        }
    }
}

/// Why a body could not be decoded.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is nothing: not even the header of what should be there.
    Empty,
    /// It ends before it should.
    CutOff(Encoding),
    /// It is no such thing, or not a right one.
    Corrupt(Encoding, String),
    /// More comes out of it than this many bytes.
    TooLarge(usize),
}

/// The words are those of Go's decoders where they have some: a Pushgateway passes them on.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("EOF"),
            Self::CutOff(_) => f.write_str("unexpected EOF"),
            Self::Corrupt(encoding, reason) => write!(f, "{}: {reason}", encoding.as_str()),
            Self::TooLarge(limit) => write!(f, "the body is longer than {limit} bytes once it is decompressed"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decompresses `body` to no more than `limit` bytes. An empty body is none for gzip, and an empty page for the others.
///
/// # Errors
/// [`DecodeError::TooLarge`] when more would come out, otherwise what is wrong with the body.
pub fn decode(encoding: Encoding, body: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    match encoding {
        Encoding::Gzip if body.is_empty() => Err(DecodeError::Empty),
        Encoding::Gzip => measured(encoding, || MultiGzDecoder::new(body), limit),
        Encoding::Snappy => measured(encoding, || snap::read::FrameDecoder::new(body), limit),
        Encoding::Zstd => zstd::decode(body, limit),
    }
}

/// Reads to the end. What turns out to be long is measured before any more of it is kept: a bomb costs time and no memory,
/// and a page is kept in one piece that is as long as it.
fn measured<D: Read>(encoding: Encoding, decoder: impl Fn() -> D, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut page = Page::new(limit.min(KEPT_BYTES));
    match read(encoding, decoder(), |bytes| page.push(bytes)) {
        Err(DecodeError::TooLarge(_)) if limit > KEPT_BYTES => {}
        read => return read.map(|()| page.bytes),
    }
    drop(page);
    let mut length = 0;
    read(encoding, decoder(), |bytes| {
        length += bytes.len();
        if length > limit { Err(DecodeError::TooLarge(limit)) } else { Ok(()) }
    })?;
    let mut bytes = Vec::with_capacity(length);
    read(encoding, decoder(), |more| {
        bytes.extend_from_slice(more);
        Ok(())
    })?;
    Ok(bytes)
}

/// Hands on all that comes out, piece by piece.
fn read(
    encoding: Encoding,
    mut decoder: impl Read,
    mut take: impl FnMut(&[u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match decoder.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&chunk[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(DecodeError::CutOff(encoding)),
            Err(error) => return Err(DecodeError::Corrupt(encoding, reason(&error, encoding))),
        }
    }
}

/// Returns what Go would say, where we know it.
fn reason(error: &io::Error, encoding: Encoding) -> String {
    match (encoding, error.to_string().as_str()) {
        (Encoding::Gzip, "invalid gzip header") => "invalid header".to_owned(),
        (Encoding::Gzip, text) if text.contains("checksum") => "invalid checksum".to_owned(),
        (_, text) => text.to_owned(),
    }
}

/// How much is decompressed at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// So much is kept before it is known how much there is.
const KEPT_BYTES: usize = 1 << 20;

/// What came out so far.
struct Page {
    bytes: Vec<u8>,
    limit: usize,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// Returns how many bytes may still come.
    fn room(&self) -> usize {
        self.limit - self.bytes.len()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        if bytes.len() > self.room() {
            return Err(DecodeError::TooLarge(self.limit));
        }
        let (length, capacity) = (self.bytes.len() + bytes.len(), self.bytes.capacity());
        if length > capacity {
            // Grows by halves and never beyond the limit: what is not used was not asked for.
            let capacity = (capacity + capacity / 2).max(length).min(self.limit);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
