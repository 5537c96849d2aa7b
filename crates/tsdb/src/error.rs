//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the directory.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// A file or the directory cannot be used.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What was written may not be on the medium. Nothing more is taken until [`upkeep`](crate::Store::upkeep) has written
    /// all that is in memory to a block.
    #[error("the disk could not be told to keep what was written; appends are refused until it is written anew")]
    Unsynced,
    /// Memory is full of samples that could not be written to a block.
    #[error("the newest samples take {bytes} bytes of memory and cannot be written to a block")]
    Backlog {
        /// How much they take.
        bytes: usize,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

/// Why a series or a sample is not taken. The rest of its batch is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is another value of this series at this time. The first one stays, as in Prometheus.
    #[error("the series has another value at this time already")]
    Conflict,
    /// The sample is older than what is kept.
    #[error("the sample is older than the retention")]
    TooOld,
    /// The sample lies further ahead of now than [`Options::ahead`](crate::Options::ahead).
    #[error("the sample's time lies in the future; is a clock wrong?")]
    TooFarAhead,
    /// A series without a label.
    #[error("a series needs a label")]
    NoLabels,
    /// The store has as many series as it may.
    #[error("there are {0} series already, which is the limit")]
    TooManySeries(usize),
    /// The series has too many labels.
    #[error("the series has {labels} labels, more than {limit}")]
    TooManyLabels {
        /// How many it has.
        labels: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A label's name or value is too long.
    #[error("a label's name or value is {bytes} bytes long, more than {limit}")]
    LabelTooLong {
        /// Its length.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// Bytes that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not what was written")]
pub struct Broken;
