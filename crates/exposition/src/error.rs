//! What is wrong with a page, and where.

use std::fmt;

use crate::fault::Fault;

/// Why a page was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where on the page.
    pub place: Place,
    /// What is wrong there.
    pub fault: Fault,
}

/// A place on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of text, of which the first is 1.
    Line(usize),
    /// A message in protobuf.
    Family {
        /// Which of the page's families, of which the first is 1.
        number: usize,
        /// Its name; empty where that is not known.
        name: String,
        /// Which of its series, of which the first is 1; 0 where it is none of them.
        series: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Family { number, name, series } => {
                write!(f, "metric family {number}")?;
                if !name.is_empty() {
                    write!(f, " ({})", name.escape_debug())?;
                }
                if *series > 0 { write!(f, ", series {series}") } else { Ok(()) }
            }
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

impl std::error::Error for ParseError {}
