//! What must not stand for itself in a page.

use std::fmt::{Result, Write};

/// Writes a help: `\` and the line's end are escaped.
pub fn help(text: &str, out: &mut impl Write) -> Result {
    escape(text, out, |byte| matches!(byte, b'\\' | b'\n'))
}

/// Writes a label's value: `"` is escaped too.
pub fn label_value(text: &str, out: &mut impl Write) -> Result {
    escape(text, out, |byte| matches!(byte, b'\\' | b'\n' | b'"'))
}

/// Writes `text` in runs of what stands for itself. What is escaped is ASCII, so every cut is between two characters.
fn escape(text: &str, out: &mut impl Write, is_escaped: impl Fn(u8) -> bool) -> Result {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(&is_escaped) {
        let (plain, more) = rest.split_at(place);
        out.write_str(plain)?;
        out.write_str(match more.as_bytes()[0] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        })?;
        rest = &more[1..];
    }
    out.write_str(rest)
}
