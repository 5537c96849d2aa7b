//! `absent`: one where there is nothing.

use std::collections::HashSet;

use promql_parser::parser::Expr;
use series::{Labels, METRIC_NAME, Operator};

use crate::error::Error;
use crate::evaluate::{Evaluator, unwrap_parens};
use crate::rows::{ABSENT, Row, is_absent};
use crate::select::matchers;

impl Evaluator<'_> {
    pub(super) fn absent(&self, expression: &Expr) -> Result<Vec<Row>, Error> {
        Ok(inverted(&self.vector(expression)?, labels(expression)?, self.steps.count()))
    }

    pub(super) fn absent_over_time(&self, expression: &Expr) -> Result<Vec<Row>, Error> {
        let rows = self.windows(expression, |_| Some(1.0))?;
        Ok(inverted(&rows, labels(expression)?, self.steps.count()))
    }
}

fn inverted(rows: &[Row], labels: Labels, steps: usize) -> Vec<Row> {
    let mut row = Row { labels, values: vec![1.0; steps] };
    for other in rows {
        for (value, other) in row.values.iter_mut().zip(&other.values) {
            if !is_absent(*other) {
                *value = ABSENT;
            }
        }
    }
    if row.is_empty() { Vec::new() } else { vec![row] }
}

/// Returns what the absent series would be called, as far as the selector says: labels that must equal something, unless
/// the selector names them again.
fn labels(expression: &Expr) -> Result<Labels, Error> {
    let selector = match unwrap_parens(expression) {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(selector) => &selector.vs,
        _ => return Ok(Labels::empty()),
    };
    let mut seen = HashSet::new();
    let mut labels = Labels::empty();
    for matcher in matchers(selector)? {
        if matcher.name() == METRIC_NAME {
            continue;
        }
        let is_first = seen.insert(matcher.name().to_owned());
        let value = if is_first && matches!(matcher.operator(), Operator::Equal) { matcher.value() } else { "" };
        labels = labels.with(matcher.name(), value);
    }
    Ok(labels)
}
