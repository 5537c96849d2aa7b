//! From groups to a snapshot.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::reading::numbers;
use super::{SNAPSHOT, path, private, sync_dir};
use crate::store::group::Group;
use crate::store::record;

/// A snapshot is written in pieces of about this size.
const PIECE_BYTES: usize = 256 * 1024;

/// Writes a snapshot under another name, and gives it its own once it is on the medium. Returns its bytes.
pub fn write_snapshot(dir: &Path, number: u64, groups: &[Arc<Group>]) -> io::Result<u64> {
    let temporary = dir.join("snapshot.new");
    let written = write_groups(&temporary, number, groups);
    if written.is_err() {
        // It may be what fills the disk.
        let _ = fs::remove_file(&temporary);
    }
    let bytes = written?;
    fs::rename(&temporary, path(dir, "snapshot-", number))?;
    sync_dir(dir)?;
    Ok(bytes)
}

fn write_groups(path: &Path, number: u64, groups: &[Arc<Group>]) -> io::Result<u64> {
    let mut file = private(true).create(true).truncate(true).open(path)?;
    let mut piece = record::header(SNAPSHOT, number);
    let mut bytes = 0;
    for group in groups {
        record::group(group, &mut piece);
        if piece.len() >= PIECE_BYTES {
            file.write_all(&piece)?;
            bytes += piece.len() as u64;
            piece.clear();
        }
    }
    record::end(groups.len() as u64, &mut piece);
    file.write_all(&piece)?;
    file.sync_all()?;
    Ok(bytes + piece.len() as u64)
}

/// Removes the files that the snapshot of this number replaces.
pub fn remove_before(dir: &Path, number: u64) -> io::Result<()> {
    for prefix in ["snapshot-", "log-"] {
        let numbers = numbers(dir, prefix).map_err(io::Error::other)?;
        for old in numbers.into_iter().filter(|old| *old < number) {
            fs::remove_file(path(dir, prefix, old))?;
        }
    }
    Ok(())
}
