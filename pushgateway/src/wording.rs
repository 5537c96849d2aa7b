//! Texts as Go's libraries write them, since people look up what a Pushgateway tells them.

use std::fmt::{self, Write as _};

use exposition::{Kind, Number, Value};

/// Returns bytes between quotes, as `%q` has them.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\u{7}' => text.push_str("\\a"),
                '\u{8}' => text.push_str("\\b"),
                '\u{b}' => text.push_str("\\v"),
                '\u{c}' => text.push_str("\\f"),
                // What Rust's Debug would not print as it is either.
                odd if odd != '\'' && odd.escape_debug().len() > 1 => {
                    let code = u32::from(odd);
                    let _ = match code {
                        0..0x20 | 0x7f => write!(text, "\\x{code:02x}"),
                        0x80..0x1_0000 => write!(text, "\\u{code:04x}"),
                        _ => write!(text, "\\U{code:08x}"),
                    };
                }
                plain => text.push(plain),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

/// Returns the type as errors and the API spell it.
#[must_use]
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "COUNTER",
        Kind::Gauge => "GAUGE",
        Kind::Summary => "SUMMARY",
        Kind::Histogram => "HISTOGRAM",
        _ => "UNTYPED",
    }
}

/// A series as the compact text form of protobuf shows it: `label:<name:"a" value:"1" > gauge:<value:1 > `.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a, N, V> {
    /// The labels in their order.
    pub labels: &'a [(N, V)],
    /// The value and what type it is of.
    pub value: Option<(Kind, &'a Value)>,
}

impl<N: AsRef<str>, V: AsRef<str>> fmt::Display for Metric<'_, N, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.labels {
            write!(f, "label:<name:{} value:{} > ", proto_string(name.as_ref()), proto_string(value.as_ref()))?;
        }
        match self.value {
            Some((_, Value::Histogram(histogram))) => {
                f.write_str("histogram:<")?;
                if histogram.count() > 0 {
                    write!(f, "sample_count:{} ", histogram.count())?;
                }
                if histogram.sum() != 0.0 {
                    write!(f, "sample_sum:{} ", proto_number(histogram.sum()))?;
                }
                for (bound, count) in histogram.own_buckets() {
                    write!(f, "bucket:<cumulative_count:{count} upper_bound:{} > ", proto_number(bound))?;
                }
                f.write_str("> ")
            }
            Some((_, Value::Summary(summary))) => {
                f.write_str("summary:<")?;
                if summary.count() > 0 {
                    write!(f, "sample_count:{} ", summary.count())?;
                }
                if summary.sum() != 0.0 {
                    write!(f, "sample_sum:{} ", proto_number(summary.sum()))?;
                }
                for (quantile, value) in summary.quantiles() {
                    let (quantile, value) = (proto_number(quantile), proto_number(value));
                    write!(f, "quantile:<quantile:{quantile} value:{value} > ")?;
                }
                f.write_str("> ")
            }
            Some((kind, Value::Number(number))) => {
                write!(f, "{}:<value:{} > ", kind_name(kind).to_ascii_lowercase(), proto_number(number.0))
            }
            _ => Ok(()),
        }
    }
}

fn proto_number(value: f64) -> String {
    match value {
        value if value.is_nan() => "nan".to_owned(),
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        value => Number(value).to_string(),
    }
}

/// Returns text between quotes, as the text form of protobuf has it.
#[must_use]
pub fn proto_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            b'"' => quoted.push_str("\\\""),
            b'\\' => quoted.push_str("\\\\"),
            0x20..0x7f => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Returns the reasons of a refusal as one text.
#[must_use]
pub fn all_of(reasons: &[String]) -> String {
    match reasons {
        [one] => one.clone(),
        several => {
            let mut text = format!("{} error(s) occurred:", several.len());
            for reason in several {
                text.push_str("\n* ");
                text.push_str(reason);
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_are_shown_as_go_shows_them() {
        assert_eq!(quoted(b"a\"\n\xff\x01\xe2\x82\xac\xc2\xa0'"), "\"a\\\"\\n\\xff\\x01€\\u00a0'\"");
    }

    #[test]
    fn a_series_is_shown_as_protobuf_text() {
        let labels = [("a", "é\"\n"), ("job", "j")];
        let value = Value::from(1e6);
        assert_eq!(
            Metric { labels: &labels, value: Some((Kind::Gauge, &value)) }.to_string(),
            "label:<name:\"a\" value:\"\\303\\251\\\"\\n\" > label:<name:\"job\" value:\"j\" > gauge:<value:1e+06 > "
        );
    }
}
