//! The records of the log and of snapshots, and the frame around each of them.
//!
//! ```text
//! file:   NOROSHI 1 · kind · number     record: length (4) · CRC-32 of the rest (4) · kind (1) · …
//! ```

use std::sync::Arc;

use crate::grouping::GroupKey;
use crate::store::codec::{self, Unreadable};
use crate::store::group::{Family, Group, Nanoseconds};
use crate::store::state::{Mode, State};

/// How a file of ours begins; the last byte is the version of the format.
pub const MAGIC: [u8; 8] = *b"NOROSHI\x01";
/// Bytes before the first record: the magic, what kind of file it is, and its number.
pub const HEADER_BYTES: usize = 17;
/// Bytes before what a record says.
pub const FRAME_BYTES: usize = 8;

/// What stands where records will stand. No zero: zeros are what is left where a medium lost what it had.
pub const ROOM: u8 = 0xff;

/// One change of the store.
#[derive(Debug)]
pub enum Record {
    /// A push that was taken.
    Push { key: GroupKey, mode: Mode, now: Nanoseconds, families: Vec<Family> },
    /// A push that was refused.
    Failure { key: GroupKey, now: Nanoseconds },
    /// A group that went.
    Delete { key: GroupKey },
    /// A group as it is.
    Group(Box<Group>),
    /// Everything went.
    Wipe,
    /// The end of a snapshot, with the number of its groups.
    End(u64),
}

/// Why the rest of a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It ends in the middle of a record, as after a kill in the middle of a write.
    Torn,
    /// A checksum is wrong.
    Checksum,
    /// A record says what records do not say.
    Content,
}

/// Begins a file.
pub fn header(kind: u8, number: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(kind);
    out.extend_from_slice(&number.to_le_bytes());
    out
}

/// Writes a push; `encoded` are its families as [`codec::families`] writes them.
pub fn push(key: &GroupKey, mode: Mode, now: Nanoseconds, encoded: &[u8], out: &mut Vec<u8>) {
    framed(if mode == Mode::Replace { 1 } else { 0 }, out, |out| {
        codec::write_key(key, out);
        codec::write_stamp(now, out);
        out.extend_from_slice(encoded);
    });
}

/// Writes that a push was refused.
pub fn failure(key: &GroupKey, now: Nanoseconds, out: &mut Vec<u8>) {
    framed(2, out, |out| {
        codec::write_key(key, out);
        codec::write_stamp(now, out);
    });
}

/// Writes that a group went.
pub fn delete(key: &GroupKey, out: &mut Vec<u8>) {
    framed(3, out, |out| codec::write_key(key, out));
}

/// Writes a group as it is.
pub fn group(group: &Group, out: &mut Vec<u8>) {
    framed(4, out, |out| codec::write_group(group, out));
}

/// Writes that everything went.
pub fn wipe(out: &mut Vec<u8>) {
    framed(5, out, |_| {});
}

/// Writes the end of a snapshot of so many groups.
pub fn end(groups: u64, out: &mut Vec<u8>) {
    framed(6, out, |out| out.extend_from_slice(&groups.to_le_bytes()));
}

fn framed(kind: u8, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0; FRAME_BYTES]);
    out.push(kind);
    content(out);
    let length = u32::try_from(out.len() - begin - FRAME_BYTES).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(&out[begin + FRAME_BYTES..]);
    out[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
    out[begin + 4..begin + FRAME_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the next record of a file; `None` at its end, behind which there may be [`ROOM`].
///
/// # Errors
/// When it is not whole, and how.
pub fn next(bytes: &mut &[u8]) -> Result<Option<Record>, Broken> {
    // No record has the length with which this begins, so of all but the end four bytes are looked at here.
    if bytes.iter().all(|byte| *byte == ROOM) {
        return Ok(None);
    }
    let (frame, rest) = bytes.split_first_chunk::<FRAME_BYTES>().ok_or(Broken::Torn)?;
    let [a, b, c, d, e, f, g, h] = *frame;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let (content, rest) = rest.split_at_checked(length).ok_or(Broken::Torn)?;
    if crc32fast::hash(content) != u32::from_le_bytes([e, f, g, h]) {
        return Err(Broken::Checksum);
    }
    let record = read(content).map_err(|Unreadable| Broken::Content)?;
    *bytes = rest;
    Ok(Some(record))
}

fn read(content: &[u8]) -> Result<Record, Unreadable> {
    let (kind, mut rest) = content.split_first().ok_or(Unreadable)?;
    let bytes = &mut rest;
    let record = match kind {
        0 | 1 => {
            let (key, now) = (codec::read_key(bytes)?, codec::read_stamp(bytes)?);
            let mode = if *kind == 1 { Mode::Replace } else { Mode::Merge };
            Record::Push { key, mode, now, families: codec::read_families(bytes)? }
        }
        2 => Record::Failure { key: codec::read_key(bytes)?, now: codec::read_stamp(bytes)? },
        3 => Record::Delete { key: codec::read_key(bytes)? },
        4 => Record::Group(Box::new(codec::read_group(bytes)?)),
        5 => Record::Wipe,
        6 => {
            let (groups, rest) = bytes.split_first_chunk().ok_or(Unreadable)?;
            *bytes = rest;
            Record::End(u64::from_le_bytes(*groups))
        }
        _ => return Err(Unreadable),
    };
    if bytes.is_empty() { Ok(record) } else { Err(Unreadable) }
}

impl Record {
    /// Makes the change that was written.
    pub fn apply(self, state: &mut State) {
        match self {
            Self::Push { key, mode, now, families } => {
                state.push(&Arc::new(key), families, mode, now);
            }
            Self::Failure { key, now } => {
                state.fail(&Arc::new(key), now);
            }
            Self::Delete { key } => {
                state.set(&Arc::new(key), None);
            }
            Self::Group(group) => {
                let key = Arc::clone(&group.key);
                state.set(&key, Some(Arc::new(*group)));
            }
            Self::Wipe => {
                for group in state.slots().to_vec().into_iter().flatten() {
                    state.set(&group.key, None);
                }
            }
            Self::End(_) => {}
        }
    }
}

/// Returns what stands behind a record whose length can be believed and whose content cannot.
#[must_use]
pub fn skip(bytes: &[u8]) -> Option<&[u8]> {
    let (length, _) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    bytes.get(FRAME_BYTES + length..).filter(|rest| !rest.is_empty())
}
