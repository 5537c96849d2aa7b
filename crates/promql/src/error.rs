//! Why a query has no answer.

use std::time::Duration;

use crate::storage::Unreadable;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query asks for what cannot be: two series under one name, say. The words are Prometheus' where it has some.
    #[error("{0}")]
    Invalid(String),
    /// The query uses something that we do not have.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// More samples than [`Limits::samples`](crate::Limits::samples).
    #[error("the query needs more than {0} samples; ask for less time, larger steps or fewer series")]
    TooManySamples(u64),
    /// More steps than [`Limits::steps`](crate::Limits::steps).
    #[error("the range has {steps} steps, more than {limit}; ask for less time or larger steps")]
    TooManySteps {
        /// What was asked for.
        steps: u64,
        /// What is allowed.
        limit: usize,
    },
    /// Longer than [`Limits::time`](crate::Limits::time).
    #[error("the query took longer than {0:?}")]
    TooSlow(Duration),
    /// The storage failed.
    #[error("cannot read the stored series")]
    Storage(#[from] Unreadable),
}

pub(crate) fn invalid(reason: impl Into<String>) -> Error {
    Error::Invalid(reason.into())
}
