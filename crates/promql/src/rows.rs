//! What an expression is worth at every step of a range.

use std::collections::HashMap;

use series::{Labels, STALE, is_stale};

use crate::error::{Error, invalid};

/// Stands where a series has no value at a step. No arithmetic yields it, see [`STALE`].
pub(crate) const ABSENT: f64 = STALE;

pub(crate) fn is_absent(value: f64) -> bool {
    is_stale(value)
}

/// A series with a value, or [`ABSENT`], for each step.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<f64>,
}

/// What an expression is worth. Every vector of numbers has one for each step.
#[derive(Debug)]
pub(crate) enum Evaluated {
    Scalar(Vec<f64>),
    Vector(Vec<Row>),
    Text(String),
}

impl Row {
    pub(crate) fn absent(labels: Labels, steps: usize) -> Self {
        Self { labels, values: vec![ABSENT; steps] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(|value| is_absent(*value))
    }

    /// Replaces each value that is there.
    pub(crate) fn map(&mut self, mut change: impl FnMut(usize, f64) -> f64) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if !is_absent(*value) {
                *value = change(step, *value);
            }
        }
    }
}

/// Joins rows that have come to bear the same labels, which is fine as long as no two have a value at one step.
pub(crate) fn join(rows: Vec<Row>, clash: &str) -> Result<Vec<Row>, Error> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(rows.len());
    let mut joined: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let place = *places.entry(row.labels.clone()).or_insert(joined.len());
        let Some(other) = joined.get_mut(place) else {
            joined.push(row);
            continue;
        };
        for (mine, yours) in other.values.iter_mut().zip(row.values) {
            if is_absent(yours) {
                continue;
            }
            if !is_absent(*mine) {
                return Err(invalid(clash));
            }
            *mine = yours;
        }
    }
    Ok(joined)
}

/// What Prometheus says of two series of one name.
pub(crate) const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";
