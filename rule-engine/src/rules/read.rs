//! Reading a rule file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::{RuleFile, check};
use crate::duration::Written;
use crate::yaml;

/// Why a rule file was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file as it was named.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no YAML, or has a field that no rule file has.
    #[error("{file}: {reason}")]
    Malformed {
        /// The file as it was named.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// What it says cannot be. All problems of the file at once.
    #[error("{}", one_a_line(file, problems))]
    Invalid {
        /// The file as it was named.
        file: String,
        /// What is wrong.
        problems: Vec<Problem>,
    },
}

fn one_a_line(file: &str, problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{file}: {problem}")).collect::<Vec<_>>().join("\n")
}

/// Something in a rule file that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The group it is in.
    pub group: String,
    /// The rule, counted from 1, and what it is called; none where the group itself is wrong.
    pub rule: Option<(usize, String)>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {:?}", self.group)?;
        if let Some((place, name)) = &self.rule {
            write!(f, ", rule {place}, {name:?}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl RuleFile {
    /// Reads the rule file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, Refused> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file),
            Err(source) => Err(Refused::Unreadable { file, source }),
        }
    }

    /// Reads the rule file `text`; `file` is what errors call it. An empty file has no groups.
    ///
    /// # Errors
    /// When it is no YAML, has an unknown field, or says what cannot be: a query that is none, a group named twice.
    pub fn parse(text: &str, file: &str) -> Result<Self, Refused> {
        let malformed = |reason| Refused::Malformed { file: file.to_owned(), reason };
        let raw: File = yaml::read(text).map_err(malformed)?;
        check::file(raw).map_err(|problems| Refused::Invalid { file: file.to_owned(), problems })
    }
}

/// The file as it stands. A field without a value is the same as none.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) groups: Option<Vec<Group>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Group {
    pub(super) name: Option<String>,
    interval: Option<Written>,
    pub(super) limit: Option<i64>,
    query_offset: Option<Written>,
    pub(super) labels: Option<BTreeMap<String, Option<String>>>,
    pub(super) rules: Option<Vec<Rule>>,
}

impl Group {
    pub(super) fn interval(&self) -> Option<Duration> {
        self.interval.map(|interval| interval.0).filter(|interval| !interval.is_zero())
    }

    pub(super) fn query_offset(&self) -> Duration {
        self.query_offset.unwrap_or_default().0
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rule {
    pub(super) record: Option<String>,
    pub(super) alert: Option<String>,
    pub(super) expr: Option<String>,
    #[serde(rename = "for")]
    hold: Option<Written>,
    keep_firing_for: Option<Written>,
    pub(super) labels: Option<BTreeMap<String, Option<String>>>,
    pub(super) annotations: Option<BTreeMap<String, Option<String>>>,
}

impl Rule {
    pub(super) fn hold(&self) -> Duration {
        self.hold.unwrap_or_default().0
    }

    pub(super) fn keep_firing(&self) -> Duration {
        self.keep_firing_for.unwrap_or_default().0
    }
}
