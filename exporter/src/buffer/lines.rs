//! Series as a store of series takes them: the group's labels on each line, and a time at its end.

use std::fmt::Write as _;

/// Returns the samples of `page` with `group` among their labels; as in a Pushgateway the group wins. Comments go.
pub fn with_labels(page: &str, group: &[(String, String)]) -> String {
    let mut extra = String::new();
    for (name, value) in group {
        let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        let _ = write!(extra, ",{name}=\"{value}\"");
    }
    let mut lines = String::with_capacity(page.len() * 2);
    for line in page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(end) = line.find(['{', ' ']) else { continue };
        let (name, rest) = line.split_at(end);
        let own = rest.strip_prefix('{').and_then(labels);
        let (own, value) = own.unwrap_or_else(|| (Vec::new(), rest));
        let kept = own.into_iter().filter(|label| !group.iter().any(|(name, _)| Some(name.as_str()) == name_of(label)));
        let mut all = kept.collect::<Vec<_>>().join(",");
        all.push_str(&extra);
        let all = all.trim_start_matches(',');
        let braces = if all.is_empty() { ("", "") } else { ("{", "}") };
        let _ = writeln!(lines, "{name}{}{all}{} {}", braces.0, braces.1, value.trim());
    }
    lines
}

/// Appends `lines` to `text`, each with this time.
pub fn stamp(lines: &str, at_ms: i64, text: &mut String) {
    for line in lines.lines() {
        let _ = writeln!(text, "{line} {at_ms}");
    }
}

/// Splits what follows a `{` into labels and what follows the `}`. A comma or brace may be part of a value.
fn labels(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut labels, mut begin, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' | '}' if !is_quoted => {
                labels.push(text.get(begin..index)?);
                begin = index + 1;
                if character == '}' {
                    labels.retain(|label| !label.is_empty());
                    return Some((labels, text.get(begin..)?));
                }
            }
            _ => {}
        }
    }
    None
}

fn name_of(label: &str) -> Option<&str> {
    Some(label.split_once('=')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_sample_gets_the_labels_of_the_group_and_its_time() {
        let page = "# HELP up Up.\n# TYPE up gauge\nup 1\nx{a=\"1\",b=\"} 2, \\\"{\"} NaN\n";
        let lines = with_labels(page, &group(&[("job", "host"), ("instance", "a\"b")]));
        let mut text = String::new();
        stamp(&lines, 1_700_000_000_123, &mut text);
        assert_eq!(
            text,
            "up{job=\"host\",instance=\"a\\\"b\"} 1 1700000000123\n\
             x{a=\"1\",b=\"} 2, \\\"{\",job=\"host\",instance=\"a\\\"b\"} NaN 1700000000123\n"
        );
    }

    #[test]
    fn a_label_of_the_group_wins_over_the_series_own() {
        let page = "up{job=\"x\",bot=\"y\",instance=\"z\"} 1\nup{job=\"only\"} 2\n";
        assert_eq!(
            with_labels(page, &group(&[("job", "host"), ("instance", "i")])),
            "up{bot=\"y\",job=\"host\",instance=\"i\"} 1\nup{job=\"host\",instance=\"i\"} 2\n"
        );
        assert_eq!(with_labels("up{job=\"x\"} 1\nup 2\n", &[]), "up{job=\"x\"} 1\nup 2\n");
    }
}
