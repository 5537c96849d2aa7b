//! Zstandard, frame by frame.
//!
//! The decoder reads one frame and compares nothing, so the rest of RFC 8878 is here: several frames, those that are to
//! be skipped, the checksum, and the size that a frame says it has.

use std::io::{self, ErrorKind, Write};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{DecodeError, Encoding, Page};

/// The longest that the header of a frame can be: magic number, descriptor, window, dictionary and size.
const HEADER_BYTES: usize = 4 + 1 + 1 + 4 + 8;

/// The descriptor's bit that no frame sets.
const RESERVED: u8 = 0x08;

/// The descriptor's bit of frames whose window is all of their content.
const SINGLE_SEGMENT: u8 = 0x20;

/// Decompresses `body` to no more than `limit` bytes.
pub fn decode(body: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut page = Page::new(limit);
    let mut rest = body;
    while !rest.is_empty() {
        if let Some(after) = skippable(rest)? {
            rest = after;
            continue;
        }
        frame(&mut rest, &mut page)?;
    }
    Ok(page.bytes)
}

/// Returns what stands behind a frame that is to be skipped, if there is one here.
fn skippable(rest: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    let Some((&[first, 0x2a, 0x4d, 0x18], after)) = rest.split_first_chunk() else { return Ok(None) };
    if first & 0xf0 != 0x50 {
        return Ok(None);
    }
    let (length, after) = after.split_first_chunk().ok_or(DecodeError::CutOff(Encoding::Zstd))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| DecodeError::CutOff(Encoding::Zstd))?;
    Ok(Some(after.get(length..).ok_or(DecodeError::CutOff(Encoding::Zstd))?))
}

/// Takes one frame off the beginning of `rest`.
fn frame(rest: &mut &[u8], page: &mut Page) -> Result<(), DecodeError> {
    let corrupt = |reason: &str| DecodeError::Corrupt(Encoding::Zstd, reason.to_owned());
    let mut header = rest[..rest.len().min(HEADER_BYTES)].to_vec();
    let descriptor = header.get(4).copied().unwrap_or_default();
    let kept = narrow(&mut header, page.room());
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::MAX);
    let mut unread = &header[..];
    decoder.reset(&mut unread).map_err(fault)?;
    *rest = &rest[header.len() - unread.len()..];
    if descriptor & RESERVED != 0 {
        return Err(corrupt("a reserved bit is set"));
    }
    // A frame has a field for its size when it says so, and always when it has no window of its own.
    let said = (descriptor >> 6 != 0 || descriptor & SINGLE_SEGMENT != 0).then(|| decoder.content_size());
    let room = page.room() as u64;
    if said.is_some_and(|size| size > room) {
        return Err(DecodeError::TooLarge(page.limit));
    }
    let mut came_out = 0;
    while !decoder.is_finished() {
        // A block is 128 KiB at most, so the limit is passed by no more than that.
        decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1)).map_err(fault)?;
        came_out += drain(&mut decoder, page)?;
        // What came out lies behind a full window.
        if !decoder.is_finished() && came_out > 0 && came_out + kept.unwrap_or_default() > room {
            return Err(DecodeError::TooLarge(page.limit));
        }
    }
    came_out += drain(&mut decoder, page)?;
    if said.is_some_and(|size| size != came_out) {
        return Err(corrupt("a frame is not as long as it says"));
    }
    match decoder.get_checksum_from_data() {
        Some(sum) if decoder.get_calculated_checksum() != Some(sum) => Err(corrupt("invalid checksum")),
        _ => Ok(()),
    }
}

/// Makes the window that a header asks for no larger than what may come out, and returns its size if it has one.
///
/// Encoders that do not know how much will come ask for megabytes as a rule, and the decoder keeps as much back. Nothing
/// can refer further back than to the first byte, so a window that holds all that is let through serves as well.
fn narrow(header: &mut [u8], room: usize) -> Option<u64> {
    let [_, _, _, _, descriptor, window, ..] = header else { return None };
    if *descriptor & SINGLE_SEGMENT != 0 {
        return None;
    }
    let size = |window: u8| (1_u64 << (10 + (window >> 3))) / 8 * (8 + u64::from(window & 7));
    let enough = room.max(1 << 10).next_power_of_two();
    if size(*window) > enough as u64 {
        *window = (enough.trailing_zeros() as u8 - 10) << 3;
    }
    Some(size(*window))
}

/// Moves to the page what the window does not need any more.
fn drain(decoder: &mut FrameDecoder, page: &mut Page) -> Result<u64, DecodeError> {
    if decoder.can_collect() > page.room() {
        return Err(DecodeError::TooLarge(page.limit));
    }
    let written = decoder.collect_to_writer(page).map_err(|_| DecodeError::CutOff(Encoding::Zstd))?;
    Ok(written as u64)
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells a body that ends too soon from one that is wrong.
fn fault(error: FrameDecoderError) -> DecodeError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(own) = cause {
        if own.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof) {
            return DecodeError::CutOff(Encoding::Zstd);
        }
        cause = own.source();
    }
    match error {
        FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(_)) => {
            DecodeError::Corrupt(Encoding::Zstd, "invalid header".to_owned())
        }
        other => DecodeError::Corrupt(Encoding::Zstd, other.to_string()),
    }
}
