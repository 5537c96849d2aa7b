//! A regular expression over command lines.

use regex_lite::Regex;
use serde::Deserialize;

/// A regular expression that compiles and does not match everything.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Returns whether it is found in `text`.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern would match every process".to_owned());
        }
        Regex::new(&text).map(Self).map_err(|error| format!("the pattern is no regular expression: {error}"))
    }
}
