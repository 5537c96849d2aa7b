//! The words of an action.

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A function or a keyword.
    Name(String),
    /// `.instance`
    Field(String),
    /// `$x`; `$` alone is the empty name.
    Variable(String),
    Dot,
    Text(String),
    Int(i64),
    Float(f64),
    Open,
    Close,
    Pipe,
    Declare,
    Assign,
    Comma,
}

/// A word, where it stands in the action, where it ends, and whether a blank goes before it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) spaced: bool,
}

/// Cuts an action into words.
///
/// # Errors
/// Where in the action something is wrong, and what.
pub(super) fn words(text: &str) -> Result<Vec<Token>, (usize, String)> {
    let mut tokens = Vec::new();
    let mut place = 0;
    let mut spaced = false;
    while let Some(first) = text.get(place..).and_then(|rest| rest.chars().next()) {
        if first.is_whitespace() {
            spaced = true;
            place += first.len_utf8();
            continue;
        }
        let start = place;
        let rest = text.get(place..).unwrap_or_default();
        let (word, length) = word(rest, first).map_err(|reason| (start, reason))?;
        place += length;
        tokens.push(Token { word, start, end: place, spaced });
        spaced = false;
    }
    Ok(tokens)
}

fn word(rest: &str, first: char) -> Result<(Word, usize), String> {
    let name_length = |from: usize| {
        let rest = rest.get(from..).unwrap_or_default();
        rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len())
    };
    let name = |from: usize| rest.get(from..from + name_length(from)).unwrap_or_default().to_owned();
    let next = rest.chars().nth(1);
    Ok(match first {
        '(' => (Word::Open, 1),
        ')' => (Word::Close, 1),
        '|' => (Word::Pipe, 1),
        ',' => (Word::Comma, 1),
        ':' if next == Some('=') => (Word::Declare, 2),
        '=' => (Word::Assign, 1),
        '$' => (Word::Variable(name(1)), 1 + name_length(1)),
        '.' if !next.is_some_and(|next| next.is_ascii_digit()) => {
            if name_length(1) == 0 {
                (Word::Dot, 1)
            } else {
                (Word::Field(name(1)), 1 + name_length(1))
            }
        }
        '"' => quoted(rest)?,
        '`' => {
            let end = rest.get(1..).and_then(|rest| rest.find('`')).ok_or("a text has no end")?;
            (Word::Text(rest.get(1..=end).unwrap_or_default().to_owned()), end + 2)
        }
        '\'' => {
            let (word, length) = letter(rest)?;
            (Word::Int(i64::from(u32::from(word))), length)
        }
        '0'..='9' | '.' | '+' | '-' => number(rest)?,
        letter if letter.is_alphabetic() || letter == '_' => (Word::Name(name(0)), name_length(0)),
        other => return Err(format!("unexpected `{other}`")),
    })
}

fn number(rest: &str) -> Result<(Word, usize), String> {
    let mut length = 0;
    for (place, letter) in rest.char_indices() {
        let is_sign = matches!(letter, '+' | '-');
        let before = rest.get(..place).unwrap_or_default();
        let is_hex = before.contains(['x', 'X']);
        let follows_exponent = before.ends_with(['e', 'E']) && !is_hex;
        if !(letter.is_alphanumeric() || letter == '_' || letter == '.' || is_sign && (place == 0 || follows_exponent))
        {
            break;
        }
        length = place + letter.len_utf8();
    }
    let written = rest.get(..length).unwrap_or_default();
    let bad = || format!("`{written}` is no number");
    let digits = written.replace('_', "");
    let (sign, unsigned) =
        digits.strip_prefix('-').map_or((1_i32, digits.strip_prefix('+').unwrap_or(&digits)), |rest| (-1, rest));
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = i64::from_str_radix(hex, 16).map_err(|_| bad())?;
        return Ok((Word::Int(i64::from(sign) * value), length));
    }
    if !unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
        return Err(bad());
    }
    if unsigned.contains(['.', 'e', 'E']) {
        let value: f64 = unsigned.parse().map_err(|_| bad())?;
        return Ok((Word::Float(f64::from(sign) * value), length));
    }
    let value: i64 = unsigned.parse().map_err(|_| bad())?;
    Ok((Word::Int(i64::from(sign) * value), length))
}

fn quoted(rest: &str) -> Result<(Word, usize), String> {
    let mut text = String::new();
    let mut place = 1;
    loop {
        let tail = rest.get(place..).unwrap_or_default();
        match tail.chars().next() {
            None | Some('\n') => return Err("a text has no end".to_owned()),
            Some('"') => return Ok((Word::Text(text), place + 1)),
            Some('\\') => {
                let (letter, length) = escape(tail)?;
                text.push(letter);
                place += length;
            }
            Some(letter) => {
                text.push(letter);
                place += letter.len_utf8();
            }
        }
    }
}

/// Reads `'x'`.
fn letter(rest: &str) -> Result<(char, usize), String> {
    let bad = || "a letter in single quotes is none; texts stand in double quotes".to_owned();
    let tail = rest.get(1..).unwrap_or_default();
    let (letter, length) = match tail.chars().next() {
        Some('\\') => escape(tail)?,
        Some(letter) if letter != '\'' => (letter, letter.len_utf8()),
        _ => return Err(bad()),
    };
    if tail.get(length..).is_some_and(|tail| tail.starts_with('\'')) { Ok((letter, length + 2)) } else { Err(bad()) }
}

/// Reads a backslash and what follows it.
fn escape(tail: &str) -> Result<(char, usize), String> {
    let kind = tail.chars().nth(1).ok_or("a text has no end")?;
    let coded = |length: usize| {
        let digits = tail.get(2..2 + length).unwrap_or_default();
        u32::from_str_radix(digits, 16)
            .ok()
            // A byte above 127 would be half a letter.
            .filter(|code| kind != 'x' || *code < 128)
            .and_then(char::from_u32)
            .map(|letter| (letter, 2 + length))
            .ok_or_else(|| format!("`\\{kind}{digits}` is no letter"))
    };
    Ok(match kind {
        'n' => ('\n', 2),
        't' => ('\t', 2),
        'r' => ('\r', 2),
        'a' => ('\x07', 2),
        'b' => ('\x08', 2),
        'f' => ('\x0c', 2),
        'v' => ('\x0b', 2),
        '\\' | '"' | '\'' => (kind, 2),
        'x' => coded(2)?,
        'u' => coded(4)?,
        'U' => coded(8)?,
        other => {
            return Err(format!("`\\{other}` is unknown in a text; write `\\\\{other}`, or the text in backquotes"));
        }
    })
}
