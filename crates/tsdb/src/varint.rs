//! Numbers and texts among bytes: LEB128, and a length before each text.

use crate::error::Broken;

pub(crate) fn write(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn read(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Broken)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Broken)
}

/// Small numbers of either sign become small numbers.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(crate) fn write_signed(value: i64, out: &mut Vec<u8>) {
    write(zigzag(value), out);
}

pub(crate) fn read_signed(bytes: &mut &[u8]) -> Result<i64, Broken> {
    read(bytes).map(unzigzag)
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    write(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn read_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, Broken> {
    let length = read_length(bytes)?;
    std::str::from_utf8(take(bytes, length)?).map_err(|_| Broken)
}

/// Reads a number of things that are yet to come and take a byte each at least: more than there are bytes is none.
pub(crate) fn read_length(bytes: &mut &[u8]) -> Result<usize, Broken> {
    let length = usize::try_from(read(bytes)?).map_err(|_| Broken)?;
    if length > bytes.len() { Err(Broken) } else { Ok(length) }
}

pub(crate) fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Broken> {
    let (own, rest) = bytes.split_at_checked(length).ok_or(Broken)?;
    *bytes = rest;
    Ok(own)
}

pub(crate) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Broken> {
    let (own, rest) = bytes.split_first_chunk().ok_or(Broken)?;
    *bytes = rest;
    Ok(*own)
}
