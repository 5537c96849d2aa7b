//! How much of a page is let through.

/// How much is read at most. Each bound is the last value that is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the page.
    pub bytes: usize,
    /// Lines that bear a value: a histogram has one for each bucket.
    pub series: usize,
    /// Labels of one series.
    pub labels: usize,
    /// Bytes of a metric's or a label's name.
    pub name_bytes: usize,
    /// Bytes of a label's value.
    pub value_bytes: usize,
}

impl Limits {
    /// No limits, as a Pushgateway has none: for pages that somebody else has measured.
    pub const NONE: Self = Self {
        bytes: usize::MAX,
        series: usize::MAX,
        labels: usize::MAX,
        name_bytes: usize::MAX,
        value_bytes: usize::MAX,
    };
}
