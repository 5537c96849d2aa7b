//! What time it is: of the system, or of a test in which an hour takes a moment.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// A clock.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system's, which somebody may set.
    #[default]
    System,
    /// Begins at a moment and goes with the runtime's time.
    Runtime(Timestamp, Instant),
}

impl Clock {
    /// Returns a clock that goes with the runtime's time, which a test may stop.
    #[must_use]
    pub fn of_runtime(begin: Timestamp) -> Self {
        Self::Runtime(begin, Instant::now())
    }

    /// Returns what time it is.
    #[must_use]
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Runtime(begin, since) => begin.checked_add(since.elapsed()).unwrap_or(Timestamp::MAX),
        }
    }

    /// Returns the instant of `moment`; now, when it has passed.
    #[must_use]
    pub fn instant(self, moment: Timestamp) -> Instant {
        let wait: Duration = moment.duration_since(self.now()).try_into().unwrap_or_default();
        Instant::now() + wait
    }
}
