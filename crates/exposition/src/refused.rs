//! What does not go onto a page, and why.

use std::fmt;

use crate::kind::Kind;
use crate::labels::{InvalidLabels, Labels};
use crate::name::{InvalidName, MetricName};

/// Why something does not go onto a page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// A name that names do not look like.
    Name(InvalidName),
    /// One label name given twice for one series.
    LabelTwice(String),
    /// The family is on the page already, with another type or help.
    OtherFamily(MetricName),
    /// The series has a value already.
    SeriesTwice(MetricName, Labels),
    /// The value is none for a family of this type: a number for a histogram, say.
    OtherValue(MetricName, Kind),
    /// The first family's series would bear names of the second's: `h` that is a histogram, and a gauge `h_count`.
    Collision(MetricName, MetricName),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(reason) => reason.fmt(f),
            Self::LabelTwice(name) => write!(f, "the label `{name}` is given twice"),
            Self::OtherFamily(name) => {
                write!(f, "the family `{name}` is on the page already, with another type or help")
            }
            Self::SeriesTwice(name, labels) => write!(f, "the series {name}{labels} has a value already"),
            Self::OtherValue(name, kind) => write!(f, "`{name}` is a {}, and this is no value for one", kind.as_str()),
            Self::Collision(name, other) => {
                write!(f, "the family `{name}` has series of the same name as the family `{other}`")
            }
        }
    }
}

impl std::error::Error for Refused {}

impl From<InvalidName> for Refused {
    fn from(reason: InvalidName) -> Self {
        Self::Name(reason)
    }
}

impl From<InvalidLabels> for Refused {
    fn from(reason: InvalidLabels) -> Self {
        match reason {
            InvalidLabels::Name(reason) => Self::Name(reason),
            InvalidLabels::Twice(name) => Self::LabelTwice(name),
        }
    }
}
