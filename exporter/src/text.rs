//! A page as text.

use std::fmt::Write as _;

use exposition::Families;

/// What a series takes, its share of HELP and TYPE included: on a host some 120 bytes.
const SERIES_BYTES: usize = 144;

/// Writes `page` into room that was made for it at once: a text that grows is moved again and again, and each piece that it leaves
/// behind is another hole in our memory.
pub fn of(page: &Families) -> String {
    let mut text = String::with_capacity((page.series_count() + 16) * SERIES_BYTES);
    // A string takes everything.
    let _ = write!(text, "{page}");
    text
}
