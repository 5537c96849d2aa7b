//! How much a query may cost.

use std::time::Duration;

/// Bounds of one query. Past one of them it ends with an error that names the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Samples read and values computed, in all.
    pub samples: u64,
    /// Steps of a range; Prometheus' own bound is 11,000.
    pub steps: usize,
    /// Time that it may take.
    pub time: Duration,
}

impl Default for Limits {
    /// Fits a machine of 1 GB: a computed value takes eight bytes and a read sample sixteen.
    fn default() -> Self {
        Self { samples: 20_000_000, steps: 11_000, time: Duration::from_secs(30) }
    }
}
