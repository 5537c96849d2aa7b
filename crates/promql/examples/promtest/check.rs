//! Holding answers against what was expected.

use promql::{Engine, Query, Range, Semantics, Storage, Value};
use series::Labels;

use crate::script::{Evaluation, Expected, When};

pub struct Checker {
    engine: Engine,
}

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

impl Checker {
    pub fn new(semantics: Semantics) -> Self {
        Self { engine: Engine { semantics, ..Engine::default() } }
    }

    /// Asks the query and says what is wrong with the answer.
    pub fn check(&self, storage: &dyn Storage, evaluation: &Evaluation) -> Result<(), String> {
        let expected = &evaluation.expected;
        let query = match Query::parse(&evaluation.query) {
            Ok(query) => query,
            Err(_) if expected.fails => return Ok(()),
            Err(reason) => return Err(format!("not understood: {reason}")),
        };
        match evaluation.when {
            When::Instant(time) => {
                let value = match self.engine.instant(storage, &query, time) {
                    Ok(_) if expected.fails => return Err("should have failed".to_owned()),
                    Err(_) if expected.fails => return Ok(()),
                    Ok(answer) => answer.value,
                    Err(reason) => return Err(reason.to_string()),
                };
                compare(&value, expected)?;
                if expected.ordered || matches!(value, Value::Matrix(_) | Value::Text(_)) {
                    return Ok(());
                }
                let range = Range { start: time - MINUTE, end: time + MINUTE, step: MINUTE };
                let around =
                    self.engine.range(storage, &query, range).map_err(|reason| format!("as a range: {reason}"))?;
                let middle = at(around.value, time, expected.scalar.is_some());
                compare(&middle, expected).map_err(|reason| format!("as a range: {reason}"))
            }
            When::Range { start, end, step } => {
                let answer = self.engine.range(storage, &query, Range { start, end, step });
                match answer {
                    Ok(_) if expected.fails => Err("should have failed".to_owned()),
                    Err(_) if expected.fails => Ok(()),
                    Err(reason) => Err(reason.to_string()),
                    Ok(answer) => compare_range(answer.value, expected, start, step),
                }
            }
        }
    }
}

/// Returns what a range says of one of its moments, as an instant query would.
fn at(value: Value, time: i64, is_scalar: bool) -> Value {
    let Value::Matrix(all) = value else { return value };
    let mut points = all.into_iter().filter_map(|points| {
        let sample = points.samples.into_iter().find(|sample| sample.timestamp == time)?;
        Some(promql::Point { labels: points.labels, sample })
    });
    if is_scalar && let Some(point) = points.next() {
        return Value::Scalar(point.sample);
    }
    Value::Vector(points.collect())
}

fn compare(value: &Value, expected: &Expected) -> Result<(), String> {
    match value {
        Value::Text(text) => match &expected.text {
            Some(wanted) if wanted == text => Ok(()),
            _ => Err(format!("got the text {text:?}")),
        },
        Value::Scalar(sample) => match expected.scalar {
            Some(wanted) if is_close(wanted, sample.value) => Ok(()),
            wanted => Err(format!("got {} instead of {wanted:?}", sample.value)),
        },
        Value::Vector(points) => {
            let got: Vec<(Labels, Vec<Option<f64>>)> =
                points.iter().map(|point| (point.labels.clone(), vec![Some(point.sample.value)])).collect();
            compare_series(got, expected)
        }
        Value::Matrix(all) => {
            let got = all
                .iter()
                .map(|points| (points.labels.clone(), points.samples.iter().map(|sample| Some(sample.value)).collect()))
                .collect();
            compare_series(got, expected)
        }
    }
}

fn compare_range(value: Value, expected: &Expected, start: i64, step: i64) -> Result<(), String> {
    let Value::Matrix(all) = value else { return Err("got no range".to_owned()) };
    let got = all
        .into_iter()
        .map(|points| {
            let mut values: Vec<Option<f64>> = Vec::new();
            for sample in points.samples {
                let place = ((sample.timestamp - start) / step) as usize;
                values.resize(place, None);
                values.push(Some(sample.value));
            }
            (points.labels, values)
        })
        .collect();
    compare_series(got, expected)
}

fn compare_series(mut got: Vec<(Labels, Vec<Option<f64>>)>, expected: &Expected) -> Result<(), String> {
    // Nothing at the end of a row is the same as a shorter row.
    let mut wanted = expected.series.clone();
    for (_, values) in wanted.iter_mut().chain(&mut got) {
        while values.last() == Some(&None) {
            values.pop();
        }
    }
    if !expected.ordered {
        wanted.sort_by(|(one, _), (other, _)| one.cmp(other));
        got.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    let same = wanted.len() == got.len()
        && wanted.iter().zip(&got).all(|((name, values), (other, others))| {
            name == other
                && values.len() == others.len()
                && values.iter().zip(others).all(|(one, other)| match (one, other) {
                    (Some(one), Some(other)) => is_close(*one, *other),
                    (None, None) => true,
                    _ => false,
                })
        });
    if same { Ok(()) } else { Err(format!("got {got:?} instead of {wanted:?}")) }
}

/// As close as Prometheus' own tests ask for: one part in a million.
fn is_close(one: f64, other: f64) -> bool {
    if one.is_nan() || other.is_nan() {
        return one.is_nan() && other.is_nan();
    }
    if one == other {
        return true;
    }
    let sum = one.abs() + other.abs();
    let distance = (one - other).abs();
    if one == 0.0 || other == 0.0 || sum < f64::MIN_POSITIVE {
        return distance < 1e-6 * f64::MIN_POSITIVE;
    }
    distance / sum.min(f64::MAX) < 1e-6
}
