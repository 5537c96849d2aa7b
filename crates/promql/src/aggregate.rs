//! Many series into one: `sum by (instance) (…)`.

mod fold;
mod pick;

use std::collections::HashMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUM, T_TOPK,
};
use promql_parser::parser::{AggregateExpr, LabelModifier};
use series::{Labels, METRIC_NAME};

use crate::error::{Error, invalid};
use crate::evaluate::Evaluator;
use crate::rows::Row;
use crate::semantics::Semantics;

/// Which labels tell groups apart.
#[derive(Debug)]
struct Grouping {
    /// `by`: only these. Otherwise (`without`) all but these.
    is_by: bool,
    names: Vec<String>,
}

impl Grouping {
    fn new(modifier: Option<&LabelModifier>) -> Self {
        match modifier {
            None => Self { is_by: true, names: Vec::new() },
            Some(LabelModifier::Include(names)) => Self { is_by: true, names: names.labels.clone() },
            Some(LabelModifier::Exclude(names)) => Self { is_by: false, names: names.labels.clone() },
        }
    }

    fn key(&self, labels: &Labels) -> Labels {
        labels.filter(|name| {
            let is_named = self.names.iter().any(|other| other == name);
            if self.is_by { is_named } else { !is_named && name != METRIC_NAME }
        })
    }
}

/// The rows of one group, in the order in which they came.
struct Group {
    labels: Labels,
    rows: Vec<Row>,
}

impl Evaluator<'_> {
    pub(crate) fn aggregate(&self, aggregate: &AggregateExpr) -> Result<Vec<Row>, Error> {
        let operator = aggregate.op.id();
        let grouping = Grouping::new(aggregate.modifier.as_ref());
        let parameter = aggregate.param.as_deref();
        let missing = || invalid(format!("aggregation operator {} needs a parameter", aggregate.op));
        let rows = self.vector(&aggregate.expr)?;
        self.run.spend(rows.len().saturating_mul(self.steps.count()))?;

        if operator == T_COUNT_VALUES {
            let label = self.text(parameter.ok_or_else(missing)?)?;
            return pick::count_values(rows, &label, &grouping, self.steps.count());
        }
        let groups = group(rows, &grouping);
        let is_old = self.run.engine.semantics == Semantics::V2;
        Ok(match operator {
            _ if operator == T_SUM && is_old => fold::fold::<fold::PlainSum>(groups),
            _ if operator == T_SUM => fold::fold::<fold::CarefulSum>(groups),
            _ if operator == T_AVG && is_old => fold::fold::<fold::PlainMean>(groups),
            _ if operator == T_AVG => fold::fold::<fold::CarefulMean>(groups),
            _ if operator == T_COUNT => fold::fold::<fold::Count>(groups),
            _ if operator == T_MIN => fold::fold::<fold::Least>(groups),
            _ if operator == T_MAX => fold::fold::<fold::Greatest>(groups),
            _ if operator == T_GROUP => fold::fold::<fold::One>(groups),
            _ if operator == T_STDVAR => fold::fold::<fold::Variance>(groups),
            _ if operator == T_STDDEV => fold::fold::<fold::Deviation>(groups),
            _ if operator == T_QUANTILE => {
                let shares = self.scalar(parameter.ok_or_else(missing)?)?;
                shares.iter().for_each(|share| self.warn_of_share(*share));
                pick::quantile(groups, &shares)
            }
            _ if operator == T_TOPK || operator == T_BOTTOMK => {
                let counts = self.scalar(parameter.ok_or_else(missing)?)?;
                let order = if operator == T_TOPK { pick::Order::Greatest } else { pick::Order::Least };
                pick::extremes(groups, &counts, order)?
            }
            _ => return Err(Error::Unsupported(format!("the aggregation `{}`", aggregate.op))),
        })
    }

    pub(crate) fn warn_of_share(&self, share: f64) {
        if !(0.0..=1.0).contains(&share) {
            self.run.warn(format!("PromQL warning: quantile value should be between 0 and 1, got {share}"));
        }
    }
}

fn group(rows: Vec<Row>, grouping: &Grouping) -> Vec<Group> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let labels = grouping.key(&row.labels);
        let place = *places.entry(labels.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { labels, rows: vec![row] }),
        }
    }
    groups
}
