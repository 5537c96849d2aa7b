//! Why a push came back without an answer from behind the gate.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::IN_FLIGHT;

/// Why there is no answer to pass back.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke.
    #[error("{name} cannot be reached: {reason}")]
    Unreachable {
        /// What and where it should be.
        name: Arc<str>,
        /// What happened.
        reason: String,
    },
    /// No answer in time. The push may have been stored all the same.
    #[error("{name} did not answer in time; whether it kept the push is not known")]
    TimedOut {
        /// What and where it is.
        name: Arc<str>,
    },
    /// Too many pushes wait for it already.
    #[error("{name} is busy with {IN_FLIGHT} other pushes; try again")]
    Busy {
        /// What and where it is.
        name: Arc<str>,
    },
    /// It failed so often that it is left alone for a moment.
    #[error("{name} has failed {failures} times in a row ({reason}) and is asked again in {} s", .wait.as_secs() + 1)]
    Resting {
        /// What and where it is.
        name: Arc<str>,
        /// How often.
        failures: u32,
        /// How it failed last.
        reason: String,
        /// Until then.
        wait: Duration,
    },
    /// An answer that is none to a push.
    #[error("{name} answered {status}, which {meaning}")]
    Odd {
        /// What and where it is.
        name: Arc<str>,
        /// The status.
        status: StatusCode,
        /// What that means here.
        meaning: &'static str,
    },
    /// A request that cannot be put to what stands there.
    #[error("VictoriaMetrics keeps what was pushed until its time is over; a group cannot be removed here")]
    NoRemoval,
}
