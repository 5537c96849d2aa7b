//! Whether the store can keep what is pushed, for those who ask after its health.

use std::io;
use std::sync::{Mutex, PoisonError};

use tracing::error;

use crate::metrics::Metrics;

/// Why nothing can be kept at present, if so.
#[derive(Debug)]
pub struct Trouble {
    reason: Mutex<Option<String>>,
    metrics: Metrics,
}

impl Trouble {
    /// All is well.
    #[must_use]
    pub fn none(metrics: Metrics) -> Self {
        metrics.broken(false);
        Self { reason: Mutex::new(None), metrics }
    }

    /// Notes that the disk did not take something.
    pub fn set(&self, error: &io::Error) {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.is_none() {
            error!("the store cannot be written, so pushes are answered 503: {error}");
        }
        *reason = Some(error.to_string());
        self.metrics.broken(true);
    }

    /// Notes that the disk took something.
    pub fn clear(&self) {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.take().is_some() {
            self.metrics.broken(false);
        }
    }

    /// Returns whether something is wrong.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
