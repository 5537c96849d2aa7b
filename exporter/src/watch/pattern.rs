//! A regular expression over command lines.
//!
//! `regex-lite` is small and takes its time: some 10 µs for a long command line, which ten thousand processes make a
//! tenth of a second. Most patterns have a word in them without which nothing matches, and to look for that takes a
//! hundredth of it.

use regex_lite::Regex;
use serde::Deserialize;

/// A regular expression that compiles.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    regex: Regex,
    /// What stands in every text that matches; may be empty.
    word: String,
}

impl Pattern {
    /// Returns whether it is found in `text`.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        text.contains(&self.word) && self.regex.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern would match every process".to_owned());
        }
        let regex = Regex::new(&text).map_err(|error| format!("the pattern is no regular expression: {error}"))?;
        Ok(Self { regex, word: word(&text) })
    }
}

/// Returns the longest run of plain letters that a match cannot do without. Reads the pattern up to the first thing that
/// is not plain (a group, a class), and no pattern that has alternatives or flags.
fn word(pattern: &str) -> String {
    if pattern.contains('|') || pattern.contains("(?") {
        return String::new();
    }
    let mut runs = vec![String::new()];
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '(' | '[' | '{' | '*' | '?' => {
                // What stands before a `*` need not be there.
                if matches!(letter, '{' | '*' | '?') {
                    runs.last_mut().and_then(String::pop);
                }
                if matches!(letter, '(' | '[' | '{') {
                    break;
                }
                None
            }
            '.' | '^' | '$' | '+' => None,
            '\\' => match letters.next() {
                // `\<` and `\>` are the ends of a word.
                Some(escaped) if escaped.is_ascii_punctuation() && !matches!(escaped, '<' | '>') => Some(escaped),
                Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'b' | 'B' | 'A' | 'z') => None,
                _ => break,
            },
            plain => Some(plain),
        };
        match plain {
            Some(plain) => runs.last_mut().into_iter().for_each(|run| run.push(plain)),
            None => runs.push(String::new()),
        }
    }
    runs.into_iter().max_by_key(String::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_cannot_do_without_its_word() {
        for (pattern, expected) in [
            ("node .*index\\.js$", "index.js"),
            ("^/usr/bin/node ", "/usr/bin/node "),
            ("colou?r", "colo"),
            ("ab*", "a"),
            ("ab{0,2}cdef", "a"),
            ("ab+c", "ab"),
            ("a+", "a"),
            ("\\d+x", "x"),
            ("a\\x41", "a"),
            ("paper-[0-9.]+\\.jar", "paper-"),
            ("java(x)?", "java"),
            ("node|deno", ""),
            ("(?i)node", ""),
            (".*", ""),
            ("ü\\?", "ü?"),
            ("a\\b-{2}c", "a"),
        ] {
            assert_eq!(word(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn the_word_changes_no_answer() {
        let texts =
            ["", "a", "ac", "abc", "abbc", "color", "colour", "node index.js", "deno", "NODE", "x1x", "--", "java"];
        for pattern in [
            "ab*c",
            "ab?c",
            "ab+c",
            "ab{0}c",
            "colou?r",
            "node .*js",
            "node|deno",
            "(?i)node",
            "\\d+x",
            "-{2}",
            "a?",
            "[ab]c",
        ] {
            let whole = Pattern::try_from(pattern.to_owned()).unwrap();
            for text in texts {
                assert_eq!(whole.is_in(text), whole.regex.is_match(text), "{pattern} in {text}");
            }
        }
    }
}
