//! How queries are evaluated, and at which moments.

use std::time::Duration;

use crate::limits::Limits;
use crate::semantics::Semantics;

/// How queries are evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Whose reading is followed.
    pub semantics: Semantics,
    /// What a query may cost.
    pub limits: Limits,
    /// For how long a sample stands for its series; Prometheus: 5 min.
    pub lookback: Duration,
    /// Step of a subquery that names none (`[1h:]`); Prometheus: the global evaluation interval.
    pub subquery_step: Duration,
}

/// The moments of a range query, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First moment.
    pub start: i64,
    /// Last moment at most.
    pub end: i64,
    /// From one moment to the next; more than zero.
    pub step: i64,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            semantics: Semantics::default(),
            limits: Limits::default(),
            lookback: Duration::from_secs(300),
            subquery_step: Duration::from_secs(60),
        }
    }
}
