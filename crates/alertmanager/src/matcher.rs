//! What a silence asks of an alert's label.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One demand on the labels of an alert. A label that is missing counts as empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How its value is held against `value`.
    pub operator: Operator,
    /// The text or, for `=~` and `!~`, the regular expression that must match the whole of it.
    pub value: String,
}

/// How a label is held against a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
}

impl Operator {
    /// Returns it as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

/// Why a text is no matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMatcher {
    /// There is no operator in it.
    #[error("`{0}` is no matcher: write NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX")]
    NoOperator(String),
    /// What stands before the operator cannot be a label.
    #[error("`{0}` is no label: a name has letters, digits and underscores, and does not begin with a digit")]
    NotALabel(String),
    /// A quotation mark without its twin.
    #[error("the value of `{0}` begins with a quotation mark and does not end with one")]
    Unquoted(String),
}

impl Matcher {
    /// Returns `name = value`.
    #[must_use]
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), operator: Operator::Equal, value: value.into() }
    }
}

/// As Alertmanager's own configuration and `amtool` write it: `instance=~"web-.*"`, the quotation marks optional.
impl FromStr for Matcher {
    type Err = NotAMatcher;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let at = text.find(['=', '!']).ok_or_else(|| NotAMatcher::NoOperator(text.to_owned()))?;
        let (name, rest) = text.split_at(at);
        let (operator, value) = [Operator::Matches, Operator::MatchesNot, Operator::NotEqual, Operator::Equal]
            .into_iter()
            .find_map(|operator| Some((operator, rest.strip_prefix(operator.as_str())?)))
            .ok_or_else(|| NotAMatcher::NoOperator(text.to_owned()))?;
        let name = name.trim();
        let is_label = !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
        if !is_label {
            return Err(NotAMatcher::NotALabel(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), operator, value: unquote(name, value.trim())? })
    }
}

fn unquote(name: &str, value: &str) -> Result<String, NotAMatcher> {
    let Some(inner) = value.strip_prefix('"') else { return Ok(value.to_owned()) };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' if chars.as_str().is_empty() => return Ok(plain),
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(char @ ('"' | '\\')) => plain.push(char),
                // A regular expression's own: `\d`, `\.`
                Some(char) => plain.extend(['\\', char]),
                None => break,
            },
            char => plain.push(char),
        }
    }
    Err(NotAMatcher::Unquoted(name.to_owned()))
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{}\"{value}\"", self.name, self.operator.as_str())
    }
}

/// The API's form: two switches for the operator.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    name: String,
    value: String,
    is_regex: bool,
    // Left out by Alertmanager before 0.22, which knew only equality.
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            name: self.name.clone(),
            value: self.value.clone(),
            is_regex: matches!(self.operator, Operator::Matches | Operator::MatchesNot),
            is_equal: matches!(self.operator, Operator::Equal | Operator::Matches),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { name, value, is_regex, is_equal } = Wire::deserialize(deserializer)?;
        let operator = match (is_equal, is_regex) {
            (true, false) => Operator::Equal,
            (false, false) => Operator::NotEqual,
            (true, true) => Operator::Matches,
            (false, true) => Operator::MatchesNot,
        };
        Ok(Self { name, operator, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Matcher, String> {
        text.parse().map_err(|error: NotAMatcher| error.to_string())
    }

    #[test]
    fn a_matcher_is_read_as_amtool_reads_it() {
        for (text, operator, value) in [
            ("instance=web-1", Operator::Equal, "web-1"),
            (" instance = \"web 1\" ", Operator::Equal, "web 1"),
            ("instance!=web-1", Operator::NotEqual, "web-1"),
            ("instance=~\"web-.*\"", Operator::Matches, "web-.*"),
            ("instance=~web-\\d", Operator::Matches, "web-\\d"),
            ("instance=~\"web-\\d\"", Operator::Matches, "web-\\d"),
            ("instance!~a|b", Operator::MatchesNot, "a|b"),
            ("instance==x", Operator::Equal, "=x"),
            ("instance=", Operator::Equal, ""),
            ("instance=\"a\\\"b\\\\c\\nd\"", Operator::Equal, "a\"b\\c\nd"),
        ] {
            let matcher = parse(text).unwrap();
            assert_eq!(
                (matcher.name.as_str(), matcher.operator, matcher.value.as_str()),
                ("instance", operator, value)
            );
        }
    }

    #[test]
    fn what_is_no_matcher_is_told_how_one_looks() {
        insta::assert_snapshot!(parse("web-1").unwrap_err(), @"`web-1` is no matcher: write NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX");
        insta::assert_snapshot!(parse("in stance=x").unwrap_err(), @"`in stance` is no label: a name has letters, digits and underscores, and does not begin with a digit");
        insta::assert_snapshot!(parse("=x").unwrap_err(), @"`` is no label: a name has letters, digits and underscores, and does not begin with a digit");
        insta::assert_snapshot!(parse("a=\"x").unwrap_err(), @"the value of `a` begins with a quotation mark and does not end with one");
        assert!(parse("a=\"x\"y").is_err() && parse("a!x").is_err() && parse("1a=x").is_err());
    }

    #[test]
    fn the_api_has_two_switches_for_the_operator() {
        let json = serde_json::to_string(&parse("a!~b").unwrap()).unwrap();
        assert_eq!(json, r#"{"name":"a","value":"b","isRegex":true,"isEqual":false}"#);
        let old: Matcher = serde_json::from_str(r#"{"name":"a","value":"b","isRegex":true}"#).unwrap();
        assert_eq!(old.operator, Operator::Matches);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "[a-zA-Z_][a-zA-Z0-9_]{0,8}", value in any::<String>(), kind in 0..4usize) {
            let operator = [Operator::Equal, Operator::NotEqual, Operator::Matches, Operator::MatchesNot][kind];
            let matcher = Matcher { name, operator, value };
            prop_assert_eq!(&matcher.to_string().parse::<Matcher>().unwrap(), &matcher);
            let json = serde_json::to_string(&matcher).unwrap();
            prop_assert_eq!(serde_json::from_str::<Matcher>(&json).unwrap(), matcher);
        }
    }
}
