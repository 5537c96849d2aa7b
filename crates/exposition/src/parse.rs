//! Reading a page.
//!
//! ```text
//! bytes ─ Reader: line by line ─▶ Drafts: families as far as they are known ─ finish ─▶ Families
//! ```
//!
//! The grammar is what a Pushgateway 1.5.1 takes, which is a little more and a little less than the format's page says:
//! only `\n` ends a line, the last line needs one, a blank before it is one too many, and a type is known in upper and
//! lower case. What is well formed and yet refused by a gateway (a timestamp, a series twice, two families whose series
//! would bear the same name) is refused here as well, once the rest turned out to be well formed.

mod draft;
mod fault;
mod reader;

use std::fmt;

pub use self::fault::Fault;
use self::reader::Reader;
use crate::family::Families;

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

/// Why a page was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, of which the first is 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl std::error::Error for ParseError {}

/// Reads a page in the text format 0.0.4. Families without a series are left out.
///
/// Takes time in proportion to the page (times the logarithm of the number of its series), and memory in proportion to
/// what the limits let through of it: a label costs about 100 bytes, however short it is.
///
/// # Errors
/// The first line that is not well formed or beyond a limit; otherwise the first that a gateway would refuse.
pub fn parse(page: &[u8], limits: &Limits) -> Result<Families, ParseError> {
    if page.len() > limits.bytes {
        let line = 1 + page[..limits.bytes].iter().filter(|byte| **byte == b'\n').count();
        return Err(ParseError { line, fault: Fault::TooManyBytes(limits.bytes) });
    }
    let mut reader = Reader::new(page, limits);
    reader.read_all().map_err(|fault| ParseError { line: reader.line(), fault })?;
    reader.finish()
}

#[cfg(test)]
mod tests;
