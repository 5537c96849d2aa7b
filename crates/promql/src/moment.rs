//! Moments and durations as milliseconds.

use std::time::Duration;

/// Keeps a duration within what the arithmetic on moments can hold: ten thousand years.
pub(crate) fn millis(duration: Duration) -> i64 {
    const LONGEST: i64 = 10_000 * 366 * 86_400_000;
    i64::try_from(duration.as_millis()).map_or(LONGEST, |millis| millis.min(LONGEST))
}
