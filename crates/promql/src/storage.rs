//! Where samples come from.

use series::{Labels, Matcher, Sample};

/// Something that keeps series.
pub trait Storage {
    /// Returns the series that all `matchers` accept and that may have samples from `start` to `end`, both included, in
    /// milliseconds since 1970. Each series comes once.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Vec<Box<dyn Stored + 'a>>, Unreadable>;
}

/// A stored series, read only when its turn comes: a query holds the samples of one series at a time.
pub trait Stored {
    /// Returns what the series is called.
    fn labels(&self) -> &Labels;

    /// Appends the samples from the selected time to `into`, oldest first, at most one a moment. Samples beyond the
    /// selected time do no harm.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    fn read(&self, into: &mut Vec<Sample>) -> Result<(), Unreadable>;
}

/// Why a storage gave nothing.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unreadable(#[from] pub Box<dyn std::error::Error + Send + Sync>);
