//! How a store keeps what it is given.

use std::time::Duration;

/// How a store keeps what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// When the disk is told to put on the medium what was appended.
    pub sync: Sync,
    /// How long samples are kept, counted back from the newest. Blocks go as a whole, so some stay longer.
    pub retention: Duration,
    /// How many bytes the directory may take; the oldest blocks go first. `None`: no bound.
    pub retention_bytes: Option<u64>,
    /// How far beyond `now` a sample may lie.
    pub ahead: Duration,
    /// As many bytes of memory the newest samples take before they are written to a block ahead of time. While that
    /// is not possible they may take three times as much, then appends are refused.
    pub head_bytes: usize,
    /// What is refused.
    pub limits: Limits,
}

/// When what was appended is put on the medium. The kernel has it at once in any case: a killed process loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before an append returns; appends that wait at the same time share one wait.
    Always,
    /// This long after it at most: what a power cut may cost.
    Every(Duration),
    /// When the kernel likes.
    Never,
}

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series that are kept, at any time of the retention.
    pub series: usize,
    /// Labels of a series.
    pub labels: usize,
    /// Bytes of a label's name, and of its value.
    pub label_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: Sync::Every(Duration::from_secs(1)),
            retention: Duration::from_secs(15 * 24 * 3600),
            retention_bytes: None,
            ahead: Duration::from_secs(600),
            head_bytes: 20 << 20,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    /// A series costs some 500 bytes of memory: a tenth of a machine of 1 GB.
    fn default() -> Self {
        Self { series: 200_000, labels: 64, label_bytes: 4096 }
    }
}

/// A duration in milliseconds; one that is too long is the longest.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
