//! Which series of the left meets which of the right.

use std::collections::HashMap;

use promql_parser::parser::{BinModifier, LabelModifier, VectorMatchCardinality};
use series::{Labels, METRIC_NAME};

use super::operator::Operator;
use crate::error::{Error, invalid};
use crate::rows::{Row, is_absent, join};
use crate::semantics::Semantics;

/// `on`, `ignoring`, `group_left`, `group_right`.
#[derive(Debug)]
pub(super) struct Matching {
    /// `on`: only these count. Otherwise (`ignoring`) these do not.
    is_on: bool,
    names: Vec<String>,
    many: Many,
    /// Labels that the many take over from the one.
    include: Vec<String>,
    semantics: Semantics,
}

/// The side of which many series may meet one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Many {
    Neither,
    Left,
    Right,
}

impl Matching {
    pub(super) fn new(modifier: &BinModifier, semantics: Semantics) -> Result<Self, Error> {
        let (is_on, names) = match &modifier.matching {
            Some(LabelModifier::Include(names)) => (true, names.labels.clone()),
            Some(LabelModifier::Exclude(names)) => (false, names.labels.clone()),
            None => (false, Vec::new()),
        };
        let (many, include) = match &modifier.card {
            VectorMatchCardinality::ManyToOne(include) => (Many::Left, include.labels.clone()),
            VectorMatchCardinality::OneToMany(include) => (Many::Right, include.labels.clone()),
            VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => (Many::Neither, Vec::new()),
        };
        if let Some(twice) = is_on.then(|| include.iter().find(|name| names.contains(name))).flatten() {
            return Err(invalid(format!("label \"{twice}\" must not occur in ON and GROUP clause at once")));
        }
        Ok(Self { is_on, names, many, include, semantics })
    }

    /// Returns what must be the same on both sides.
    pub(super) fn signature(&self, labels: &Labels) -> Labels {
        if self.is_on {
            labels.filter(|name| self.names.iter().any(|other| other == name))
        } else {
            labels.filter(|name| name != METRIC_NAME && !self.names.iter().any(|other| other == name))
        }
    }

    /// Returns what the result of `many` and `one` is called.
    fn result(&self, operator: Operator, answers_bool: bool, many: &Labels, one: &Labels) -> Labels {
        let drops_name = operator.changes_meaning(self.semantics) || answers_bool;
        let mut labels = many.filter(|name| {
            let is_named = self.names.iter().any(|other| other == name);
            let is_kept = self.many != Many::Neither || self.is_on == is_named;
            is_kept && !(drops_name && name == METRIC_NAME)
        });
        for name in &self.include {
            labels = labels.with(name, one.get(name));
        }
        labels
    }
}

/// Computes `left operator right` for every pair that meets.
pub(super) fn combine(
    operator: Operator,
    answers_bool: bool,
    left: &[Row],
    right: &[Row],
    matching: &Matching,
) -> Result<Vec<Row>, Error> {
    let (many, one) = if matching.many == Many::Right { (right, left) } else { (left, right) };
    let mut groups: HashMap<Labels, Group<'_>> = HashMap::new();
    for row in one {
        groups.entry(matching.signature(&row.labels)).or_default().ones.push(row);
    }
    let steps = one.first().or(many.first()).map_or(0, |row| row.values.len());
    for (signature, group) in &mut groups {
        group.choose(steps, signature, matching)?;
    }

    let mut results = Vec::new();
    for row in many {
        let Some(group) = groups.get_mut(&matching.signature(&row.labels)) else { continue };
        for (place, one) in group.ones.iter().enumerate() {
            let labels = matching.result(operator, answers_bool, &row.labels, &one.labels);
            let mut result = Row::absent(labels, steps);
            for (step, value) in result.values.iter_mut().enumerate() {
                let (Some(&mine), Some(&yours)) = (row.values.get(step), one.values.get(step)) else { continue };
                if is_absent(mine) || is_absent(yours) || group.chosen.get(step) != Some(&Some(place)) {
                    continue;
                }
                let (left, right) = if matching.many == Many::Right { (yours, mine) } else { (mine, yours) };
                let Some(computed) = operator.apply(left, right, answers_bool) else { continue };
                if matching.many == Many::Neither && std::mem::replace(&mut group.met[step], true) {
                    return Err(invalid(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    ));
                }
                *value = computed;
            }
            if !result.is_empty() {
                results.push(result);
            }
        }
    }
    join(results, "multiple matches for labels: grouping labels must ensure unique matches")
}

/// The series of the one side that share a signature. At each step at most one of them may be there.
#[derive(Debug, Default)]
struct Group<'r> {
    ones: Vec<&'r Row>,
    /// Which of them it is, for each step.
    chosen: Vec<Option<usize>>,
    /// Whether it has met its partner, where only one is allowed.
    met: Vec<bool>,
}

impl Group<'_> {
    fn choose(&mut self, steps: usize, signature: &Labels, matching: &Matching) -> Result<(), Error> {
        self.chosen = vec![None; steps];
        self.met = vec![false; steps];
        for (place, row) in self.ones.iter().enumerate() {
            for (chosen, value) in self.chosen.iter_mut().zip(&row.values) {
                if is_absent(*value) {
                    continue;
                }
                let Some(other) = chosen.replace(place) else { continue };
                let side = if matching.many == Many::Right { "left" } else { "right" };
                let other = self.ones.get(other).map_or_else(Labels::empty, |row| row.labels.clone());
                return Err(invalid(format!(
                    "found duplicate series for the match group {signature} on the {side} hand-side of the operation: \
                     [{}, {other}];many-to-many matching not allowed: matching labels must be unique on one side",
                    row.labels
                )));
            }
        }
        Ok(())
    }
}
