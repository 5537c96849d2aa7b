//! Reading a page.
//!
//! ```text
//! bytes ─ Reader: line by line ─▶ Drafts: families as far as they are known ─ finish ─▶ raw families ─ checked ─▶ Families
//! ```
//!
//! The grammar is what a Pushgateway 1.5.1 takes, which is a little more and a little less than the format's page says:
//! only `\n` ends a line, the last line needs one, a blank before it is one too many, and a type is known in upper and
//! lower case. What is well formed and yet refused by a gateway (a timestamp, a series twice, two families whose series
//! would bear the same name) is refused here as well, once the rest turned out to be well formed.

mod cursor;
mod draft;
mod reader;

use self::reader::Reader;
use crate::error::{ParseError, Place};
use crate::families::Families;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::raw::Family;
use crate::strict;

/// Reads a page in the text format 0.0.4. Families without a series are left out.
///
/// Takes time in proportion to the page (times the logarithm of the number of its series, unless they are in order), and
/// memory in proportion to what the limits let through of it: a label costs about 100 bytes, however short it is.
///
/// # Errors
/// The first line that is not well formed or beyond a limit; otherwise the first that a gateway would refuse.
pub fn parse(page: &[u8], limits: &Limits) -> Result<Families, ParseError> {
    strict::check(loose(page, limits)?, |family, at| Place::Line(if at == 0 { family.at } else { at }))
}

/// Reads a page in the text format 0.0.4 that only has to be well formed: see [`loose`](crate::loose). Families without
/// a series are left out.
///
/// # Errors
/// The first line that is not well formed or beyond a limit.
pub fn loose<'page>(page: &'page [u8], limits: &Limits) -> Result<Vec<Family<'page>>, ParseError> {
    if page.len() > limits.bytes {
        let line = 1 + page[..limits.bytes].iter().filter(|byte| **byte == b'\n').count();
        return Err(ParseError { place: Place::Line(line), fault: Fault::TooManyBytes(limits.bytes) });
    }
    let mut reader = Reader::new(page, *limits);
    reader.read_all().map_err(|fault| ParseError { place: Place::Line(reader.line()), fault: *fault })?;
    Ok(reader.finish())
}

#[cfg(test)]
mod tests;
