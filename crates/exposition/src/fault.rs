//! What can be wrong with a page.

mod quoted;

use std::fmt;

pub(crate) use self::quoted::Character;
pub use self::quoted::Quoted;
use crate::kind::Kind;
use crate::labels::Labels;
use crate::name::MetricName;
use crate::refused::Refused;

/// What is wrong with a page. The words are the Pushgateway's where it has some, since people look those up.
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
    /// A label that Prometheus keeps for itself, or, where the format lets it through, of a name that is none.
    InvalidLabel(String, String),
    /// A value of another type than the family's.
    NotA(String, Kind),
    /// In protobuf: one label name given twice for one series.
    LabelsAlike(String, String),
    /// In protobuf: a label's value that is not UTF-8.
    NotUtf8(String, String, Quoted),
    /// The series came before.
    SeriesTwice(MetricName, Labels),
    /// Well formed, and yet not to be had on a page.
    Refused(Refused),
    /// In protobuf: the message ends before what it announced.
    CutOff,
    /// In protobuf: a length that takes more than five bytes to say.
    InvalidLength,
    /// In protobuf: not what messages are made of.
    Wire(String),
    /// In protobuf: a family without a name.
    NoName,
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
            Self::InvalidLabel(metric, label) => {
                write!(f, "collected metric \"{metric}\" has a label with an invalid name: {}", label.escape_debug())
            }
            Self::NotA(metric, kind) => {
                write!(f, "collected metric \"{metric}\" is not a {}", kind.as_str().to_ascii_uppercase())
            }
            Self::LabelsAlike(metric, label) => {
                write!(f, "collected metric \"{metric}\" has two or more labels with the same name: {label}")
            }
            Self::NotUtf8(metric, label, value) => {
                let label = label.escape_debug();
                write!(
                    f,
                    "collected metric \"{metric}\" has a label named \"{label}\" whose value is not utf8: {value}"
                )
            }
            Self::SeriesTwice(metric, labels) => {
                write!(f, "collected metric {metric}{labels} was collected before with the same name and label values")
            }
            Self::Refused(reason) => reason.fmt(f),
            Self::CutOff => f.write_str("unexpected EOF"),
            Self::InvalidLength => f.write_str("invalid varint32 encountered"),
            Self::Wire(what) => write!(f, "proto: {what}"),
            Self::NoName => f.write_str("the metric family has no name"),
            Self::TooManyBytes(limit) => write!(f, "the page is longer than {limit} bytes"),
            Self::TooManySeries(limit) => write!(f, "there are more than {limit} series"),
            Self::TooManyLabels(limit) => write!(f, "the series has more than {limit} labels"),
            Self::LongName(limit) => write!(f, "a name is longer than {limit} bytes"),
            Self::LongValue(limit) => write!(f, "a label's value is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for Fault {}

/// Whose fault it is, which decides how a gateway answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The bytes are not what the format allows: nothing is remembered of such a push.
    Malformed,
    /// Well formed, and yet no gateway serves it: the group's failure is remembered.
    Inconsistent,
    /// Larger than we were told to let through.
    TooLarge,
}

impl Fault {
    /// Returns which answer the fault deserves.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::HasTimestamp
            | Self::InvalidLabel(..)
            | Self::NotA(..)
            | Self::LabelsAlike(..)
            | Self::NotUtf8(..)
            | Self::SeriesTwice(..)
            | Self::Refused(_) => Class::Inconsistent,
            Self::TooManyBytes(_)
            | Self::TooManySeries(_)
            | Self::TooManyLabels(_)
            | Self::LongName(_)
            | Self::LongValue(_) => Class::TooLarge,
            _ => Class::Malformed,
        }
    }
}

impl From<Refused> for Fault {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}
