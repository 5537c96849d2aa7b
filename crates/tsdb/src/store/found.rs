//! What was found when a store was opened.

use std::path::PathBuf;

/// What was found when a store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes that do not read. What they said is lost; all else is there.
    pub damage: Vec<Damage>,
    /// The log's end that was cut off: what a power cut leaves of the last writes.
    pub torn: Option<Damage>,
    /// Files that were set aside, under the names that they have now.
    pub set_aside: Vec<PathBuf>,
    /// Samples of the log whose series is not known, because its record is damaged.
    pub nameless_samples: u64,
}

/// Bytes that do not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, as it was called then.
    pub file: PathBuf,
    /// Where they begin.
    pub offset: u64,
    /// How many; zero where it is only known that something is missing.
    pub bytes: u64,
}

impl Found {
    /// Returns whether all was as it had been written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}
