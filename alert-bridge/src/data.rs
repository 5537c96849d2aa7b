//! The directory for what the bridge keeps. This version keeps nothing; it makes sure that the next one can.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// Makes `directory` and proves that files can be written into it.
///
/// # Errors
/// When either fails.
pub fn prepare(directory: &Path) -> anyhow::Result<()> {
    let name = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("cannot make the data directory {name}"))?;
    // Asking for permissions would not find a full disk or a read-only mount.
    let probe = directory.join(".writable");
    fs::write(&probe, b"noroshi\n").and_then(|()| fs::remove_file(&probe)).with_context(|| {
        format!("cannot write into the data directory {name}; it must belong to the user that runs alert-bridge")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_made_and_left_empty() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        prepare(&directory).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_had_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = prepare(&file.path().join("below")).unwrap_err().to_string();
        assert!(error.starts_with("cannot make the data directory /"), "{error}");
    }
}
