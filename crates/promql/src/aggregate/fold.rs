//! Aggregations that take one value after the other.

use super::Group;
use crate::rows::{ABSENT, Row, is_absent};
use crate::sum::Sum;

/// Takes in values and says at last what they come to.
pub(super) trait Fold: Clone {
    /// Begins with the first value.
    fn begin(first: f64) -> Self;
    /// Takes in another.
    fn add(&mut self, value: f64);
    fn result(&self) -> f64;
}

/// Folds each group, step by step.
pub(super) fn fold<F: Fold>(groups: Vec<Group>) -> Vec<Row> {
    groups
        .into_iter()
        .map(|group| {
            let steps = group.rows.first().map_or(0, |row| row.values.len());
            let mut folds: Vec<Option<F>> = vec![None; steps];
            // Row by row: the values of a row lie beside each other.
            for row in &group.rows {
                for (fold, value) in folds.iter_mut().zip(&row.values) {
                    if is_absent(*value) {
                        continue;
                    }
                    match fold {
                        Some(fold) => fold.add(*value),
                        None => *fold = Some(F::begin(*value)),
                    }
                }
            }
            let values = folds.iter().map(|fold| fold.as_ref().map_or(ABSENT, Fold::result)).collect();
            Row { labels: group.labels, values }
        })
        .collect()
}

/// `sum`, as Prometheus 2.42 adds.
#[derive(Clone)]
pub(super) struct PlainSum(f64);

impl Fold for PlainSum {
    fn begin(first: f64) -> Self {
        Self(first)
    }
    fn add(&mut self, value: f64) {
        self.0 += value;
    }
    fn result(&self) -> f64 {
        self.0
    }
}

/// `sum`, without losing the small ones.
#[derive(Clone)]
pub(super) struct CarefulSum(Sum);

impl Fold for CarefulSum {
    fn begin(first: f64) -> Self {
        Self([first].into_iter().collect())
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn result(&self) -> f64 {
        self.0.total()
    }
}

/// `avg`, as Prometheus 2.42 computes it.
#[derive(Clone)]
pub(super) struct PlainMean {
    mean: f64,
    count: f64,
}

impl Fold for PlainMean {
    fn begin(first: f64) -> Self {
        Self { mean: first, count: 1.0 }
    }
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.mean.is_infinite() && (value.is_finite() || value == self.mean) {
            return;
        }
        // Divided before it is added, so that it cannot overflow.
        self.mean += value / self.count - self.mean / self.count;
    }
    fn result(&self) -> f64 {
        self.mean
    }
}

/// `avg`: a careful sum divided once, or, should that overflow, what never does.
#[derive(Clone)]
pub(super) struct CarefulMean {
    sum: Sum,
    fallback: PlainMean,
}

impl Fold for CarefulMean {
    fn begin(first: f64) -> Self {
        Self { sum: [first].into_iter().collect(), fallback: PlainMean::begin(first) }
    }
    fn add(&mut self, value: f64) {
        self.sum.add(value);
        self.fallback.add(value);
    }
    fn result(&self) -> f64 {
        if self.sum.rough().is_infinite() { self.fallback.result() } else { self.sum.total() / self.fallback.count }
    }
}

/// `count`.
#[derive(Clone)]
pub(super) struct Count(u64);

impl Fold for Count {
    fn begin(_: f64) -> Self {
        Self(1)
    }
    fn add(&mut self, _: f64) {
        self.0 += 1;
    }
    fn result(&self) -> f64 {
        self.0 as f64
    }
}

/// `group`.
#[derive(Clone)]
pub(super) struct One;

impl Fold for One {
    fn begin(_: f64) -> Self {
        Self
    }
    fn add(&mut self, _: f64) {}
    fn result(&self) -> f64 {
        1.0
    }
}

/// `min`; a NaN gives way to any number.
#[derive(Clone)]
pub(super) struct Least(f64);

impl Fold for Least {
    fn begin(first: f64) -> Self {
        Self(first)
    }
    fn add(&mut self, value: f64) {
        if self.0 > value || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn result(&self) -> f64 {
        self.0
    }
}

/// `max`; a NaN gives way to any number.
#[derive(Clone)]
pub(super) struct Greatest(f64);

impl Fold for Greatest {
    fn begin(first: f64) -> Self {
        Self(first)
    }
    fn add(&mut self, value: f64) {
        if self.0 < value || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn result(&self) -> f64 {
        self.0
    }
}

/// `stdvar`, by Welford's method: one pass, no large squares.
#[derive(Clone)]
pub(super) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Fold for Variance {
    fn begin(first: f64) -> Self {
        // An infinity has no distance from itself.
        let squares = if first.is_finite() { 0.0 } else { f64::NAN };
        Self { count: 1.0, mean: first, squares }
    }
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }
    fn result(&self) -> f64 {
        self.squares / self.count
    }
}

/// `stddev`.
#[derive(Clone)]
pub(super) struct Deviation(Variance);

impl Fold for Deviation {
    fn begin(first: f64) -> Self {
        Self(Variance::begin(first))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn result(&self) -> f64 {
        self.0.result().sqrt()
    }
}
