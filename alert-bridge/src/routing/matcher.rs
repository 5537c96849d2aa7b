//! `severity="critical"`: one condition on a label, as Alertmanager writes it.

use std::fmt;

use regex_lite::Regex;
use serde::Deserialize;

use crate::text;

/// One condition on one label; a label that is not there counts as empty, as in Alertmanager.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Matcher {
    name: String,
    test: Test,
    /// As it was written.
    source: String,
}

#[derive(Clone)]
enum Test {
    Is(String),
    IsNot(String),
    /// Anchored at both ends, as in Prometheus.
    Fits(Regex),
    FitsNot(Regex),
}

impl Matcher {
    /// Returns whether the label that this is about has a value to its liking; `value_of` looks labels up.
    pub fn holds<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        let value = value_of(&self.name).unwrap_or_default();
        match &self.test {
            Test::Is(wanted) => value == wanted,
            Test::IsNot(wanted) => value != wanted,
            Test::Fits(pattern) => pattern.is_match(value),
            Test::FitsNot(pattern) => !pattern.is_match(value),
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl TryFrom<String> for Matcher {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("`{}` is no matcher: {why}", text::clip(&text::line(&source), 100)));
        let trimmed = source.trim();
        let Some(end) = trimmed.find(['=', '!']) else {
            return refuse(r#"write NAME="value", or with != (is not), =~ (fits the pattern) or !~ (does not fit it)"#);
        };
        let name = trimmed[..end].trim_end();
        if name.is_empty() || name.contains(|char: char| char.is_whitespace() || "\"{},~".contains(char)) {
            return refuse("its name must be that of one label");
        }
        let rest = &trimmed[end..];
        let Some((operator, value)) =
            ["=~", "!~", "!=", "="].into_iter().find_map(|operator| Some((operator, rest.strip_prefix(operator)?)))
        else {
            return refuse("behind the name comes =, !=, =~ or !~");
        };
        let value = match unquoted(value.trim()) {
            Ok(value) => value,
            Err(why) => return refuse(why),
        };
        let pattern = || Regex::new(&format!("^(?s:{value})$")).map_err(|error| error.to_string());
        let test = match operator {
            "=" => Ok(Test::Is(value)),
            "!=" => Ok(Test::IsNot(value)),
            "=~" => pattern().map(Test::Fits),
            _ => pattern().map(Test::FitsNot),
        };
        match test {
            Ok(test) => Ok(Self { name: name.to_owned(), test, source }),
            Err(why) => refuse(&why),
        }
    }
}

/// `"a\"b"` is `a"b`; a value without quotes is taken as it stands.
fn unquoted(value: &str) -> Result<String, &'static str> {
    let Some(inner) = value.strip_prefix('"') else {
        let stray = value.contains('"');
        return if stray { Err("a quote must stand at both ends of the value") } else { Ok(value.to_owned()) };
    };
    let (mut plain, mut chars) = (String::new(), inner.chars());
    while let Some(char) = chars.next() {
        match char {
            '"' if chars.as_str().is_empty() => return Ok(plain),
            '"' => return Err("something stands behind the closing quote; give each matcher an item of its own"),
            '\\' => match chars.next() {
                Some(quoted @ ('"' | '\\')) => plain.push(quoted),
                Some('n') => plain.push('\n'),
                // A pattern's own escape, as `\d` or `\.`.
                Some(other) => plain.extend(['\\', other]),
                None => break,
            },
            _ => plain.push(char),
        }
    }
    Err("its closing quote is missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(source: &str) -> Result<Matcher, String> {
        Matcher::try_from(source.to_owned())
    }

    fn holds(source: &str) -> bool {
        let labels = [("severity", "critical"), ("instance", "db-1"), ("odd", "a\"b\\c"), ("lines", "a\nb")];
        let value_of = |name: &str| labels.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        matcher(source).unwrap().holds(value_of)
    }

    #[test]
    fn the_four_operators_mean_what_they_mean_in_alertmanager() {
        for yes in [
            r#"severity="critical""#,
            "severity=critical",
            " severity = critical ",
            r#"severity!="info""#,
            r#"instance=~"db-.*|web-.*""#,
            r#"instance=~"db-\d""#,
            r#"instance!~"db""#,
            r#"odd="a\"b\\c""#,
            r#"lines=~"a.b""#,
            r#"team="""#,
            "team=",
            r#"team!="ops""#,
            r#"team=~"|ops""#,
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in
            [r#"severity="Critical""#, r#"instance=~"db""#, r#"instance=~"b-1""#, r#"instance!~"db-.*""#, "team=ops"]
        {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_quoted_with_the_reason() {
        for (wrong, why) in [
            ("severity", "write NAME"),
            ("", "write NAME"),
            ("=critical", "name must be"),
            ("{severity=critical}", "name must be"),
            ("severity!critical", "behind the name comes"),
            (r#"severity="critical"#, "closing quote is missing"),
            (r#"severity="a",team="b""#, "an item of its own"),
            (r#"severity=a""#, "both ends"),
            ("instance=~db-(", "db-("),
        ] {
            let refusal = matcher(wrong).unwrap_err();
            assert!(refusal.contains(why) && refusal.starts_with('`'), "{wrong}: {refusal}");
        }
    }
}
