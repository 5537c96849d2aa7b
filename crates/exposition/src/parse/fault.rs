//! What can be wrong with a line.

use std::fmt::{self, Write as _};

use crate::family::Refused;

/// How much of a page is quoted in an error.
const QUOTED_BYTES: usize = 100;

/// What is wrong with a line. The words are the Pushgateway's where it has some, since people look those up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The page ends before the line does.
    UnexpectedEnd,
    /// A line begins with something that begins no name.
    MetricName,
    /// HELP or TYPE is about something that is no name.
    MetricNameInComment,
    /// A label of the metric has no name.
    LabelName(String),
    /// Something else than `=` behind a label's name.
    NoEquals(char),
    /// Something else than a quote before a label's value.
    NoQuote(char),
    /// The label `__name__` is the metric's name.
    ReservedLabel,
    /// One label name given twice for one series.
    LabelTwice(String),
    /// A line end inside of a label's value.
    OpenValue(Quoted),
    /// A label's value that is not UTF-8.
    InvalidValue(Quoted),
    /// Something else than `,` or `}` behind a label's value.
    EndOfValue(Quoted),
    /// A backslash before something else than `\`, `n` and, in a label's value, `"`.
    Escape(char),
    /// No number where the value should stand.
    Number(Quoted),
    /// The label `le` of a histogram or `quantile` of a summary is no number.
    OwnLabel(&'static str, Quoted),
    /// Something else than a timestamp behind the value.
    Timestamp(Quoted),
    /// Something behind the timestamp.
    AfterTimestamp(Quoted),
    /// A type that this format does not have.
    Kind(Quoted),
    /// A second TYPE line, or one behind the first sample.
    SecondKind(String),
    /// A second HELP line.
    SecondHelp(String),
    /// A gateway keeps the last push, of whatever age, so a timestamp would be a lie soon.
    HasTimestamp,
    /// Well formed, and yet not to be had on a page.
    Refused(Refused),
    /// The page is longer than this.
    TooManyBytes(usize),
    /// There are more lines with values than this.
    TooManySeries(usize),
    /// The series has more labels than this.
    TooManyLabels(usize),
    /// A name is longer than this.
    LongName(usize),
    /// A label's value is longer than this.
    LongValue(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("unexpected end of input stream"),
            Self::MetricName => f.write_str("invalid metric name"),
            Self::MetricNameInComment => f.write_str("invalid metric name in comment"),
            Self::LabelName(metric) => write!(f, "invalid label name for metric \"{metric}\""),
            Self::NoEquals(found) => write!(f, "expected '=' after label name, found {}", Character(*found)),
            Self::NoQuote(found) => write!(f, "expected '\"' at start of label value, found {}", Character(*found)),
            Self::ReservedLabel => f.write_str("label name \"__name__\" is reserved"),
            Self::LabelTwice(metric) => write!(f, "duplicate label names for metric \"{metric}\""),
            Self::OpenValue(value) => write!(f, "label value {value} contains unescaped new-line"),
            Self::InvalidValue(value) => write!(f, "invalid label value {value}"),
            Self::EndOfValue(value) => write!(f, "unexpected end of label value {value}"),
            // The gateway shows the character as it is; a line end or an escape would make two log lines of one.
            Self::Escape(found) if found.is_control() => {
                write!(f, "invalid escape sequence '\\{}'", found.escape_default())
            }
            Self::Escape(found) => write!(f, "invalid escape sequence '\\{found}'"),
            Self::Number(found) => write!(f, "expected float as value, got {found}"),
            Self::OwnLabel(label, found) => write!(f, "expected float as value for '{label}' label, got {found}"),
            Self::Timestamp(found) => write!(f, "expected integer as timestamp, got {found}"),
            Self::AfterTimestamp(found) => write!(f, "spurious string after timestamp: {found}"),
            Self::Kind(found) => write!(f, "unknown metric type {found}"),
            Self::SecondKind(metric) => {
                write!(f, "second TYPE line for metric name \"{metric}\", or TYPE reported after samples")
            }
            Self::SecondHelp(metric) => write!(f, "second HELP line for metric name \"{metric}\""),
            Self::HasTimestamp => f.write_str("pushed metrics must not have timestamps"),
            Self::Refused(reason) => reason.fmt(f),
            Self::TooManyBytes(limit) => write!(f, "the page is longer than {limit} bytes"),
            Self::TooManySeries(limit) => write!(f, "there are more than {limit} series"),
            Self::TooManyLabels(limit) => write!(f, "the series has more than {limit} labels"),
            Self::LongName(limit) => write!(f, "a name is longer than {limit} bytes"),
            Self::LongValue(limit) => write!(f, "a label's value is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Refused> for Fault {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

/// A piece of the page as Go's `%q` shows it: one line, nothing that moves a cursor, and no more than 100 bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(String);

impl Quoted {
    /// Quotes the beginning of `piece`.
    pub(super) fn new(piece: &[u8]) -> Self {
        let shown = &piece[..piece.len().min(QUOTED_BYTES)];
        let mut text = String::from("\"");
        for chunk in shown.utf8_chunks() {
            chunk.valid().chars().for_each(|character| escape(character, '"', &mut text));
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text.push_str(if shown.len() < piece.len() { "…\"" } else { "\"" });
        Self(text)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One character between single quotes.
struct Character(char);

impl fmt::Display for Character {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        escape(self.0, '\'', &mut text);
        write!(f, "'{text}'")
    }
}

fn escape(character: char, quote: char, text: &mut String) {
    let word = match character {
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '"' | '\'' => {
            if character == quote {
                text.push('\\');
            }
            return text.push(character);
        }
        _ => {
            let code = u32::from(character);
            // What Rust's Debug would not print as it is either.
            let is_odd = character.escape_debug().len() > 1;
            let _ = match code {
                0..0x20 | 0x7f => write!(text, "\\x{code:02x}"),
                0x80..0x1_0000 if is_odd => write!(text, "\\u{code:04x}"),
                _ if is_odd => write!(text, "\\U{code:08x}"),
                _ => return text.push(character),
            };
            return;
        }
    };
    text.push_str(word);
}
