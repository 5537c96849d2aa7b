//! One push at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// What keeps others out for as long as it lives. The system gives it back when its holder ends in whatever way.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] Option<File>);

impl Lock {
    /// Keeps nobody out.
    #[must_use]
    pub fn open() -> Self {
        Self(None)
    }

    /// Takes the lock that stands beside the state file; `None` when another process has it.
    ///
    /// Where no lock can be made (a directory that cannot be written), nobody is kept out: a push twice is better than
    /// none.
    #[must_use]
    pub fn beside(state: &Path) -> Option<Self> {
        let mut name = state.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        if let Some(directory) = state.parent() {
            let _ = DirBuilder::new().recursive(true).mode(0o755).create(directory);
        }
        let open =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(state.with_file_name(name));
        let Ok(file) = open else { return Some(Self(None)) };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => Some(Self(Some(file))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_others_out_as_long_as_it_is_held() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("new/exporter.json");
        let held = Lock::beside(&state).unwrap();
        assert!(Lock::beside(&state).is_none());
        assert!(Lock::beside(&directory.path().join("other.json")).is_some());
        drop(held);
        assert!(Lock::beside(&state).is_some());
    }

    #[test]
    fn where_no_lock_can_be_made_nobody_is_kept_out() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let state = directory.path().join("file/exporter.json");
        let _held = Lock::beside(&state).unwrap();
        assert!(Lock::beside(&state).is_some());
    }
}
