//! Functions that change texts.

use regex::Regex;

/// How much memory a pattern may take once it is compiled, in bytes.
const PATTERN_LIMIT: usize = 1 << 20;

pub(super) fn pattern(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(PATTERN_LIMIT)
        .build()
        .map_err(|_| format!("error parsing regexp: `{pattern}`"))
}

/// As Go's `strings.Title`: a letter after what is no letter, digit or underscore is made large.
pub(super) fn title(text: &str) -> String {
    let mut before = ' ';
    text.chars()
        .map(|letter| {
            let begins = if before.is_ascii() {
                !(before.is_ascii_alphanumeric() || before == '_')
            } else {
                !before.is_alphanumeric() && before.is_whitespace()
            };
            before = letter;
            let mut upper = letter.to_uppercase();
            // One that would become two letters has no title case of its own here.
            match (begins, upper.len()) {
                (true, 1) => upper.next().unwrap_or(letter),
                _ => letter,
            }
        })
        .collect()
}

pub(super) fn html(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}
