//! Which groups are meant: `{job="backup",instance=~"db-.*"}`, as in PromQL.

use std::fmt;

use regex_lite::Regex;

use crate::grouping::GroupKey;

/// A name that is none is refused here, not at the first group.
const NAME: &str = "a label is called [a-zA-Z_][a-zA-Z0-9_]*";

/// Picks groups by the labels in their path. A label that a group does not have is empty.
#[derive(Clone, Debug)]
pub struct Selector(Vec<Matcher>);

#[derive(Clone, Debug)]
struct Matcher {
    name: String,
    operator: Operator,
    value: String,
    pattern: Option<Regex>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at character {at} of the selector")]
pub struct SelectorError {
    reason: String,
    at: usize,
}

impl Selector {
    /// Reads a selector. Braces may be left out.
    ///
    /// # Errors
    /// When it is none, or would pick every group whatever its labels: as in Prometheus, one matcher at least must not
    /// match an empty label.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut reader = Reader { text, at: 0 };
        let matchers = reader.matchers()?;
        let selector = Self(matchers);
        if selector.0.iter().all(|matcher| matcher.matches("")) {
            return Err(
                reader.wrong("one matcher at least must not match an empty label, or every group would be meant")
            );
        }
        Ok(selector)
    }

    /// Returns whether the group is meant.
    #[must_use]
    pub fn picks(&self, key: &GroupKey) -> bool {
        self.0.iter().all(|matcher| matcher.matches(key.value(&matcher.name).unwrap_or_default()))
    }
}

impl Matcher {
    fn new(name: String, operator: Operator, value: String) -> Result<Self, String> {
        let pattern = match operator {
            Operator::Matches | Operator::MatchesNot => {
                let pattern = Regex::new(&format!("^(?s:{value})$"));
                Some(pattern.map_err(|error| format!("{value:?} is no regular expression: {error}"))?)
            }
            Operator::Equal | Operator::NotEqual => None,
        };
        Ok(Self { name, operator, value, pattern })
    }

    fn matches(&self, value: &str) -> bool {
        let is_match = self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value));
        match self.operator {
            Operator::Equal => self.value == value,
            Operator::NotEqual => self.value != value,
            Operator::Matches => is_match,
            Operator::MatchesNot => !is_match,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, reason: impl fmt::Display) -> SelectorError {
        let before = self.text.get(..self.at).unwrap_or_default();
        SelectorError { reason: reason.to_string(), at: before.chars().count() + 1 }
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, piece: &str) -> bool {
        let is_next = self.rest().starts_with(piece);
        if is_next {
            self.at += piece.len();
        }
        is_next
    }

    fn matchers(&mut self) -> Result<Vec<Matcher>, SelectorError> {
        self.blanks();
        let braced = self.take("{");
        let mut matchers = Vec::new();
        loop {
            self.blanks();
            if self.rest().is_empty() || (braced && self.rest().starts_with('}')) {
                break;
            }
            matchers.push(self.matcher()?);
            self.blanks();
            if !self.take(",") {
                break;
            }
        }
        if braced && !self.take("}") {
            return Err(self.wrong("a `,` or `}` should stand here"));
        }
        self.blanks();
        if self.rest().is_empty() { Ok(matchers) } else { Err(self.wrong("nothing should stand here any more")) }
    }

    fn matcher(&mut self) -> Result<Matcher, SelectorError> {
        let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !letter(byte) && !byte.is_ascii_digit()).unwrap_or(rest.len());
        if length == 0 || !rest.bytes().next().is_some_and(letter) {
            return Err(self.wrong(NAME));
        }
        let name = rest[..length].to_owned();
        self.at += length;
        self.blanks();
        let operators = [
            ("=~", Operator::Matches),
            ("!~", Operator::MatchesNot),
            ("!=", Operator::NotEqual),
            ("=", Operator::Equal),
        ];
        let operator = operators.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, operator)| operator);
        let operator = operator.ok_or_else(|| self.wrong("one of = != =~ !~ should stand here"))?;
        self.blanks();
        let begin = self.at;
        let value = self.value()?;
        Matcher::new(name, operator, value).map_err(|reason| {
            self.at = begin;
            self.wrong(reason)
        })
    }

    fn value(&mut self) -> Result<String, SelectorError> {
        let quote = self.rest().chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'));
        let quote = quote.ok_or_else(|| self.wrong("a value in quotes should stand here"))?;
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        let mut end = None;
        while let Some((place, character)) = characters.next() {
            match character {
                found if found == quote => {
                    end = Some(place + 1);
                    break;
                }
                '\\' if quote != '`' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, same @ ('\\' | '"' | '\''))) => value.push(same),
                    _ => {
                        return Err(self.wrong(
                            "in quotes, a backslash stands before \\ \" ' n r t alone; patterns are easier in `…`",
                        ));
                    }
                },
                other => value.push(other),
            }
        }
        match end {
            Some(end) => {
                self.at += end;
                Ok(value)
            }
            None => Err(self.wrong("this quote is never closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pairs: &[(&str, &str)]) -> GroupKey {
        GroupKey::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
    }

    fn picks(selector: &str, pairs: &[(&str, &str)]) -> bool {
        Selector::parse(selector).unwrap().picks(&key(pairs))
    }

    #[test]
    fn all_matchers_must_hold() {
        let group = [("job", "backup"), ("instance", "db-1")];
        for selector in [
            "{job=\"backup\"}",
            "job='backup', instance=~\"db-.*\",",
            "{job=~`back(up)?`, instance!=\"db-2\", site=\"\"}",
            "{job!~\"web|mail\",instance!=\"\"}",
        ] {
            assert!(picks(selector, &group), "{selector}");
        }
        for selector in ["{job=\"back\"}", "{job=~\"back\"}", "{job=\"backup\",instance=\"\"}", "{site=~\".+\"}"] {
            assert!(!picks(selector, &group), "{selector}");
        }
    }

    #[test]
    fn a_pattern_spans_lines_and_a_value_may_have_any_character() {
        assert!(picks("{a=~\"x.y\",job=\"j\"}", &[("job", "j"), ("a", "x\ny")]));
        assert!(picks("{a=\"\\\"\\\\\\n\"}", &[("job", "j"), ("a", "\"\\\n")]));
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_place() {
        for (text, reason, at) in [
            ("", "one matcher at least must not match an empty label", 1),
            ("{}", "one matcher at least", 3),
            ("{job=~\".*\"}", "one matcher at least", 12),
            ("{job}", "one of = != =~ !~ should stand here", 5),
            ("{job=backup}", "a value in quotes should stand here", 6),
            ("{job=\"a\"", "a `,` or `}` should stand here", 9),
            ("{job=\"a} ", "this quote is never closed", 6),
            ("{job=\"a\"}x", "nothing should stand here any more", 10),
            ("{1=\"a\"}", "a label is called", 2),
            ("{job=~\"(\"}", "is no regular expression", 7),
        ] {
            let error = Selector::parse(text).unwrap_err();
            assert!(error.reason.contains(reason) && error.at == at, "{text}: {error}");
        }
    }
}
