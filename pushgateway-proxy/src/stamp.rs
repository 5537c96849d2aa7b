//! Notices that a file was changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells one content of some files from the next, without reading them.
///
/// The inode is in it for editors and tools that write a new file and rename it within one tick of the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<Option<(u64, u64, i64, i64)>>);

impl Stamp {
    /// Returns the stamp of `files` as they are now; a file that is not there has one too.
    pub fn of<'a>(files: impl IntoIterator<Item = impl AsRef<Path> + 'a>) -> Self {
        Self(
            files
                .into_iter()
                .map(|file| {
                    let seen = std::fs::metadata(file).ok()?;
                    Some((seen.ino(), seen.len(), seen.mtime(), seen.mtime_nsec()))
                })
                .collect(),
        )
    }
}
