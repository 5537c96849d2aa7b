//! What a rule file says, once it has been understood.

mod check;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use promql::Query;

pub use self::read::{Problem, Refused};
use crate::template::Template;

/// A rule file.
#[derive(Clone, Debug, Default)]
pub struct RuleFile {
    /// Its groups, in the order of the file.
    pub groups: Vec<GroupRules>,
}

impl RuleFile {
    /// Returns the rules that have the name and the labels of one before them: most likely copied and forgotten. Nothing
    /// forbids them, in Prometheus either.
    #[must_use]
    pub fn duplicates(&self) -> Vec<Problem> {
        let mut seen: Vec<&Rule> = Vec::new();
        let mut duplicates = Vec::new();
        for group in &self.groups {
            for (place, rule) in group.rules.iter().enumerate() {
                if seen.iter().any(|other| rule.is_successor_of(other)) {
                    duplicates.push(Problem {
                        group: group.name.clone(),
                        rule: Some((place + 1, rule.name().to_owned())),
                        reason: "a rule before it has the same name and labels".to_owned(),
                    });
                }
                seen.push(rule);
            }
        }
        duplicates
    }
}

/// A group: rules that are evaluated one after the other.
#[derive(Clone, Debug)]
pub struct GroupRules {
    /// What it is called; once in a file.
    pub name: String,
    /// From one evaluation to the next, where the file says so.
    pub interval: Option<Duration>,
    /// How many alerts or series a rule may make before it fails instead; 0 is any number.
    pub limit: usize,
    /// How far back the rules look, so that late samples are there.
    pub query_offset: Duration,
    /// In the order in which they are evaluated.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// `record: …`
    Recording(RecordingRule),
    /// `alert: …`
    Alerting(AlertingRule),
}

/// Computes a series again and again, so that others need not.
#[derive(Clone, Debug)]
pub struct RecordingRule {
    /// The metric that is made.
    pub record: String,
    /// What it is made of.
    pub query: Query,
    /// Labels that are set on it; an empty value takes a label away.
    pub labels: BTreeMap<String, String>,
}

/// Tells of every series that a query returns.
#[derive(Clone, Debug)]
pub struct AlertingRule {
    /// What the alert is called.
    pub alert: String,
    /// What is wrong: every series that it returns is an alert.
    pub query: Query,
    /// For how long it must be so before the alert fires (`for`).
    pub hold: Duration,
    /// For how long the alert goes on firing when it is no longer so (`keep_firing_for`).
    pub keep_firing: Duration,
    /// Labels that are set on the alert; they win over those of the series.
    pub labels: BTreeMap<String, Template>,
    /// Texts for people.
    pub annotations: BTreeMap<String, Template>,
}

impl Rule {
    /// Returns what the rule is called: the alert, or the metric that it records.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Recording(rule) => &rule.record,
            Self::Alerting(rule) => &rule.alert,
        }
    }

    /// Returns the query.
    #[must_use]
    pub fn query(&self) -> &Query {
        match self {
            Self::Recording(rule) => &rule.query,
            Self::Alerting(rule) => &rule.query,
        }
    }

    /// Returns whether the other is the same rule in a newer file: state goes over from one to the other. As in
    /// Prometheus, the name and the labels decide, so that a better query or text loses nobody's `for`.
    #[must_use]
    pub fn is_successor_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Recording(one), Self::Recording(other)) => one.record == other.record && one.labels == other.labels,
            (Self::Alerting(one), Self::Alerting(other)) => one.alert == other.alert && one.labels == other.labels,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
