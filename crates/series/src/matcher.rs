//! Choosing among series.

use std::fmt;

use regex::Regex;

use crate::Labels;

/// How a value is compared.
#[derive(Clone, Debug)]
pub enum Operator {
    /// `=`: the same.
    Equal,
    /// `!=`: another.
    NotEqual,
    /// `=~`: the whole value fits the pattern.
    Matches(Regex),
    /// `!~`: it does not.
    MatchesNot(Regex),
}

/// A condition on one label; a label that a series lacks counts as empty.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    value: String,
    operator: Operator,
}

/// Why a pattern is none.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no regular expression: {reason}")]
pub struct InvalidMatcher {
    pattern: String,
    reason: regex::Error,
}

/// How much memory a compiled pattern may take, in bytes: enough for any list of hosts, too little to hurt.
const PATTERN_LIMIT: usize = 1 << 20;

impl Matcher {
    /// Asks for `name` to be `value`.
    #[must_use]
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), operator: Operator::Equal }
    }

    /// Asks for `name` to be anything but `value`.
    #[must_use]
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), operator: Operator::NotEqual }
    }

    /// Asks for the whole value of `name` to fit `pattern`.
    ///
    /// # Errors
    /// When `pattern` is no regular expression, or one that takes too much memory.
    pub fn matches(name: impl Into<String>, pattern: impl Into<String>) -> Result<Self, InvalidMatcher> {
        let value = pattern.into();
        let operator = Operator::Matches(whole(&value)?);
        Ok(Self { name: name.into(), value, operator })
    }

    /// Asks for the value of `name` not to fit `pattern`.
    ///
    /// # Errors
    /// As [`matches`](Self::matches).
    pub fn matches_not(name: impl Into<String>, pattern: impl Into<String>) -> Result<Self, InvalidMatcher> {
        let value = pattern.into();
        let operator = Operator::MatchesNot(whole(&value)?);
        Ok(Self { name: name.into(), value, operator })
    }

    /// Returns the label that is looked at.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it is compared with: a value, or the pattern as it was written.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns how.
    #[must_use]
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Returns whether a label of this value passes; no label is the empty string.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        match &self.operator {
            Operator::Equal => value == self.value,
            Operator::NotEqual => value != self.value,
            Operator::Matches(pattern) => pattern.is_match(value),
            Operator::MatchesNot(pattern) => !pattern.is_match(value),
        }
    }

    /// Returns whether a series of these labels passes.
    #[must_use]
    pub fn accepts_series(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name))
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.operator {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Matches(_) => "=~",
            Operator::MatchesNot(_) => "!~",
        };
        write!(f, "{}{sign}{:?}", self.name, self.value)
    }
}

/// Prometheus anchors every pattern at both ends, and lets `.` match a line break.
fn whole(pattern: &str) -> Result<Regex, InvalidMatcher> {
    regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(PATTERN_LIMIT)
        .build()
        .map_err(|reason| InvalidMatcher { pattern: pattern.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_must_fit_the_whole_value() {
        let matcher = Matcher::matches("instance", "db|web").unwrap();

        assert!(matcher.accepts("db"));
        assert!(!matcher.accepts("db-1"));
    }

    #[test]
    fn a_label_that_is_not_there_is_empty() {
        let labels = Labels::empty();

        assert!(Matcher::equal("job", "").accepts_series(&labels));
        assert!(Matcher::matches("job", ".*").unwrap().accepts_series(&labels));
        assert!(!Matcher::not_equal("job", "").accepts_series(&labels));
    }

    #[test]
    fn a_pattern_that_would_take_the_memory_is_refused() {
        assert!(Matcher::matches("job", "(a{1000}){1000}").is_err());
        assert!(Matcher::matches("job", "(").unwrap_err().to_string().contains("`(`"));
    }
}
