//! One value of a series at one moment.

/// A value and when it was so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// What was measured; [`STALE`] says that the series ended here.
    pub value: f64,
}

impl Sample {
    /// Returns `value` at `timestamp`, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn new(timestamp: i64, value: f64) -> Self {
        Self { timestamp, value }
    }
}

/// The NaN that marks the end of a series. It is Prometheus' own (`value.StaleNaN`), so that it means the same in what we
/// write to it. A signalling NaN: no arithmetic yields it, so it never stands for a computed value.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Returns whether `value` is [`STALE`]; other NaNs are values like any other.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_itself_is_stale() {
        assert!(is_stale(STALE));
        assert!(!is_stale(f64::NAN));
        assert!(!is_stale(STALE + 0.0), "arithmetic quietens it");
    }
}
