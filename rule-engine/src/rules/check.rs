//! What may stand in a rule file.

use std::collections::{BTreeMap, BTreeSet};

use promql::Query;
use series::METRIC_NAME;

use super::read::{File, Group, Problem, Rule as Raw};
use super::{AlertingRule, GroupRules, RecordingRule, Rule, RuleFile};
use crate::template::Template;

/// Makes rules of what the file says, or tells all that is wrong with it.
pub(super) fn file(file: File) -> Result<RuleFile, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    let mut groups = Vec::new();
    for raw in file.groups.unwrap_or_default() {
        let name = raw.name.clone().unwrap_or_default();
        if name.is_empty() {
            problems.push(of_group(&name, "a group needs a name"));
        } else if !names.insert(name.clone()) {
            problems.push(of_group(&name, "the file has two groups of this name"));
        }
        match group(raw, name) {
            Ok(group) => groups.push(group),
            Err(reasons) => problems.extend(reasons),
        }
    }
    if problems.is_empty() { Ok(RuleFile { groups }) } else { Err(problems) }
}

fn of_group(name: &str, reason: impl Into<String>) -> Problem {
    Problem { group: name.to_owned(), rule: None, reason: reason.into() }
}

fn group(raw: Group, name: String) -> Result<GroupRules, Vec<Problem>> {
    let (interval, query_offset) = (raw.interval(), raw.query_offset());
    let mut problems = Vec::new();
    let common = texts(raw.labels);
    problems.extend(bad_labels(&common).into_iter().map(|reason| of_group(&name, reason)));
    let mut rules = Vec::new();
    for (place, raw) in raw.rules.unwrap_or_default().into_iter().enumerate() {
        let called = raw.alert.clone().filter(|name| !name.is_empty()).or_else(|| raw.record.clone());
        match rule(raw, &common) {
            Ok(rule) => rules.push(rule),
            Err(reasons) => problems.extend(reasons.into_iter().map(|reason| Problem {
                group: name.clone(),
                rule: Some((place + 1, called.clone().unwrap_or_default())),
                reason,
            })),
        }
    }
    // Prometheus takes any number and reads those below zero as none.
    let limit = raw.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0);
    if problems.is_empty() { Ok(GroupRules { name, interval, limit, query_offset, rules }) } else { Err(problems) }
}

fn rule(raw: Raw, common: &BTreeMap<String, String>) -> Result<Rule, Vec<String>> {
    let mut problems = Vec::new();
    let (hold, keep_firing) = (raw.hold(), raw.keep_firing());
    let given = |name: Option<String>| name.filter(|name| !name.is_empty());
    let (record, alert) = (given(raw.record), given(raw.alert));
    let query = match given(raw.expr) {
        None => Err("`expr` is missing".to_owned()),
        Some(text) => Query::parse(&text).map_err(|reason| format!("`expr` cannot be parsed: {reason}")),
    };
    let query = query.map_err(|reason| problems.push(reason)).ok();
    let own = texts(raw.labels);
    problems.extend(bad_labels(&own));
    // A rule's own labels win over those of its group.
    let labels: BTreeMap<String, String> = common.clone().into_iter().chain(own).collect();
    let annotations = texts(raw.annotations);
    problems.extend(
        annotations
            .keys()
            .filter(|name| !is_label_name(name))
            .map(|name| format!("{name:?} cannot name an annotation")),
    );
    let rule = match (record, alert) {
        (Some(_), Some(_)) => {
            problems.push("it has both `record` and `alert`; make two rules of it".to_owned());
            None
        }
        (None, None) => {
            problems.push("it has neither `record` nor `alert`".to_owned());
            None
        }
        (Some(record), None) => {
            let never = [
                ("annotations", annotations.is_empty()),
                ("for", hold.is_zero()),
                ("keep_firing_for", keep_firing.is_zero()),
            ];
            let misplaced = never.iter().filter(|(_, is_absent)| !is_absent);
            problems.extend(misplaced.map(|(field, _)| format!("a recording rule has no `{field}`")));
            if !is_metric_name(&record) {
                problems.push(format!("{record:?} cannot name a metric"));
            }
            query.map(|query| Rule::Recording(RecordingRule { record, query, labels }))
        }
        (None, Some(alert)) => {
            let labels = templates("label", labels, &mut problems);
            let annotations = templates("annotation", annotations, &mut problems);
            query.map(|query| Rule::Alerting(AlertingRule { alert, query, hold, keep_firing, labels, annotations }))
        }
    };
    match rule {
        Some(rule) if problems.is_empty() => Ok(rule),
        _ => Err(problems),
    }
}

/// A name without a value has the empty text.
fn texts(pairs: Option<BTreeMap<String, Option<String>>>) -> BTreeMap<String, String> {
    pairs.unwrap_or_default().into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

fn templates(what: &str, texts: BTreeMap<String, String>, problems: &mut Vec<String>) -> BTreeMap<String, Template> {
    let mut templates = BTreeMap::new();
    for (name, text) in texts {
        match Template::parse(&text) {
            Ok(template) => {
                templates.insert(name, template);
            }
            Err(reason) => problems.push(format!("{what} {name:?}: {reason}")),
        }
    }
    templates
}

fn bad_labels(labels: &BTreeMap<String, String>) -> Vec<String> {
    let bad = labels.keys().filter(|name| !is_label_name(name) || *name == METRIC_NAME);
    bad.map(|name| format!("{name:?} cannot name a label here")).collect()
}

fn is_label_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn is_metric_name(name: &str) -> bool {
    // As a label, with colons.
    is_label_name(&name.replace(':', "_"))
}
