//! What the values of a family mean.

use crate::value::Value;

/// What the values of a family mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only ever grows, but for a fresh start at 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Nobody said.
    Untyped,
    /// Counts of observations below bounds.
    Histogram,
    /// Quantiles of observations.
    Summary,
}

impl Kind {
    /// Returns the word that stands in a TYPE line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Untyped => "untyped",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }

    /// Returns the type that `word` stands for in a TYPE line; upper and lower case are the same there.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Untyped, Self::Histogram, Self::Summary]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }

    /// Returns what is put behind the family's name to name its series, beside the name alone.
    pub(crate) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Histogram => &["_bucket", "_count", "_sum"],
            Self::Summary => &["_count", "_sum"],
            Self::Counter | Self::Gauge | Self::Untyped => &[],
        }
    }

    /// Returns the label that tells the lines of one series apart.
    pub(crate) fn own_label(self) -> Option<&'static str> {
        match self {
            Self::Histogram => Some("le"),
            Self::Summary => Some("quantile"),
            Self::Counter | Self::Gauge | Self::Untyped => None,
        }
    }

    /// Returns whether a series of such a family can have this value.
    pub(crate) fn takes(self, value: &Value) -> bool {
        match value {
            Value::Number(_) => matches!(self, Self::Counter | Self::Gauge | Self::Untyped),
            Value::Histogram(_) => self == Self::Histogram,
            Value::Summary(_) => self == Self::Summary,
        }
    }
}
