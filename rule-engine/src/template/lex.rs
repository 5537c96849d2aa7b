//! Cutting a text into plain text and actions.

use super::BadTemplate;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// What stands between `{{` and `}}`, and where it begins.
    Action(String, usize),
}

pub(super) fn at(text: &str, place: usize, reason: impl Into<String>) -> BadTemplate {
    let before = text.get(..place).unwrap_or(text);
    BadTemplate { line: 1 + before.matches('\n').count(), reason: reason.into() }
}

/// Cuts `text`; blanks are trimmed where a `-` asks for it, and comments are left out.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, BadTemplate> {
    let mut pieces = Vec::new();
    let mut place = 0;
    let mut trims = false;
    loop {
        let rest = text.get(place..).unwrap_or_default();
        let opening = rest.find("{{");
        let mut plain = rest.get(..opening.unwrap_or(rest.len())).unwrap_or_default();
        if trims {
            plain = plain.trim_start_matches(BLANKS);
        }
        let Some(opening) = opening else {
            push_text(&mut pieces, plain);
            return Ok(pieces);
        };
        let start = place + opening;
        let mut inside = start + 2;
        if after(text, inside).starts_with('-') && after(text, inside + 1).starts_with(BLANKS) {
            plain = plain.trim_end_matches(BLANKS);
            inside += 2;
        }
        push_text(&mut pieces, plain);
        if after(text, inside).starts_with("/*") {
            let end = after(text, inside).find("*/").ok_or_else(|| at(text, start, "a comment has no end"))?;
            let rest = after(text, inside + end + 2);
            let (taken, trimmed) = if rest.starts_with("}}") {
                (2, false)
            } else if rest.starts_with(BLANKS) && after(rest, 1).starts_with("-}}") {
                (4, true)
            } else {
                return Err(at(text, start, "a comment ends before its action does"));
            };
            place = inside + end + 2 + taken;
            trims = trimmed;
            continue;
        }
        let end = closing(text, inside).ok_or_else(|| at(text, start, "`{{` has no `}}`"))?;
        let action = text.get(inside..end).unwrap_or_default();
        let shorter = action.strip_suffix('-').filter(|action| action.ends_with(BLANKS));
        trims = shorter.is_some();
        pieces.push(Piece::Action(shorter.unwrap_or(action).to_owned(), inside));
        place = end + 2;
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn after(text: &str, place: usize) -> &str {
    text.get(place..).unwrap_or_default()
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Returns where the `}}` stands that ends an action; one in quotes does not.
fn closing(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut place = from;
    while place < bytes.len() {
        match bytes[place] {
            b'}' if bytes.get(place + 1) == Some(&b'}') => return Some(place),
            quote @ (b'"' | b'`' | b'\'') => {
                place += 1;
                while *bytes.get(place)? != quote {
                    place += if bytes[place] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
                place += 1;
            }
            _ => place += 1,
        }
    }
    None
}
