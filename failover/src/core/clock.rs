//! Moments and spans on one host's CLOCK_BOOTTIME, in whole microseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on this host's CLOCK_BOOTTIME. Moments of two hosts have nothing to do with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// A length of time, which may be negative (a deadline that has passed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Moment {
    /// Later than every deadline.
    pub const NEVER: Self = Self(i64::MAX / 4);

    /// Returns the moment at which the clock shows `micros` microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns what the clock shows, in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Returns a span of `micros` microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns a span of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1000)
    }

    /// Returns this span in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns this span `times` times.
    #[must_use]
    pub const fn times(self, times: i64) -> Self {
        Self(self.0 * times)
    }

    /// Returns this span as the rest of the program writes it; a negative one is none.
    #[must_use]
    pub fn to_duration(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        // A setting of 292 thousand years is as good as any longer one.
        Self(i64::try_from(duration.as_micros()).unwrap_or(Moment::NEVER.0).min(Moment::NEVER.0))
    }
}

/// Seconds with one decimal: `13.7 s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 + self.0.signum() * 50_000) / 100_000;
        let sign = if tenths < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{} s", tenths.abs() / 10, tenths.abs() % 10)
    }
}

impl Add<Span> for Moment {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0 + span.0)
    }
}

impl Sub<Span> for Moment {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0 - span.0)
    }
}

impl Sub for Moment {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0 - earlier.0)
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_as_seconds() {
        assert_eq!(Span::from_millis(13_701).to_string(), "13.7 s");
        assert_eq!(Span::from_millis(-250).to_string(), "-0.3 s");
        assert_eq!(Span::from(Duration::MAX).to_duration(), Span(Moment::NEVER.0).to_duration());
    }
}
