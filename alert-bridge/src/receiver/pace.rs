//! When a place that speaks HTTP will take the next message.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// Nobody means a pause longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// A server's clock and ours do not tick together, and asking too early counts as one more offence.
const MARGIN: Duration = Duration::from_millis(50);

/// Remembers until when a place is to be left alone.
#[derive(Debug, Default)]
pub struct Pace {
    opens_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// Returns the moment from which on it may be asked.
    #[must_use]
    pub fn opens_at(&self) -> Instant {
        self.opens_at.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Instant::now)
    }

    /// Leaves it alone for `pause`.
    pub fn wait(&self, pause: Duration) {
        *self.opens_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + pause + MARGIN);
    }
}

/// Reads `Retry-After`: seconds, or a date.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("retry-after")?.to_str().ok()?.trim();
    let pause = match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE),
        Err(_) => {
            let date = rfc2822::parse(value).ok()?.timestamp();
            Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
        }
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_in_seconds_or_by_a_date() {
        let read = |value: &str| {
            retry_after(&[("retry-after".parse().unwrap(), value.parse().unwrap())].into_iter().collect())
        };
        assert_eq!(read("2"), Some(Duration::from_secs(2)));
        assert_eq!(read("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(read("99999999999"), Some(LONGEST_PAUSE));
        assert_eq!(read("-1"), Some(LONGEST_PAUSE));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!((read("soon"), read("")), (None, None));
    }
}
