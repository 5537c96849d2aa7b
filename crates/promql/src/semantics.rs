//! Where Prometheus' versions differ.

/// Whose reading of a query is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// Prometheus 2.x: a window holds the sample on its left edge too. What Debian 12 ships (2.42).
    V2,
    /// Prometheus 3.x: a window is open on the left, so that `[1m]` at a scrape interval of 15 s holds four samples, not
    /// sometimes five; and a rate near a counter's start is extrapolated to zero at most.
    #[default]
    V3,
}

impl Semantics {
    /// Returns whether a sample at `time` is younger than the left edge of a window.
    pub(crate) fn is_inside(self, time: i64, left_edge: i64) -> bool {
        match self {
            Self::V2 => time >= left_edge,
            Self::V3 => time > left_edge,
        }
    }
}
