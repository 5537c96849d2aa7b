//! Pieces of a page, fit to stand in an error.

use std::fmt::{self, Write as _};

/// How much of a page is quoted in an error.
const QUOTED_BYTES: usize = 100;

/// A piece of the page as Go's `%q` shows it: one line, nothing that moves a cursor, and no more than 100 bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(String);

impl Quoted {
    /// Quotes the beginning of `piece`.
    pub(crate) fn new(piece: &[u8]) -> Self {
        let shown = &piece[..piece.len().min(QUOTED_BYTES)];
        let mut text = String::from("\"");
        for chunk in shown.utf8_chunks() {
            chunk.valid().chars().for_each(|character| escape(character, '"', &mut text));
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text.push_str(if shown.len() < piece.len() { "…\"" } else { "\"" });
        Self(text)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One character between single quotes.
pub struct Character(pub char);

impl fmt::Display for Character {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        escape(self.0, '\'', &mut text);
        write!(f, "'{text}'")
    }
}

fn escape(character: char, quote: char, text: &mut String) {
    let word = match character {
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '"' | '\'' => {
            if character == quote {
                text.push('\\');
            }
            return text.push(character);
        }
        _ => {
            let code = u32::from(character);
            // What Rust's Debug would not print as it is either.
            let is_odd = character.escape_debug().len() > 1;
            let _ = match code {
                0..0x20 | 0x7f => write!(text, "\\x{code:02x}"),
                0x80..0x1_0000 if is_odd => write!(text, "\\u{code:04x}"),
                _ if is_odd => write!(text, "\\U{code:08x}"),
                _ => return text.push(character),
            };
            return;
        }
    };
    text.push_str(word);
}
