//! Aggregations that must see all values of a step at once.

use std::cmp::Ordering;
use std::collections::HashMap;

use series::Labels;

use super::{Group, Grouping};
use crate::error::{Error, invalid};
use crate::function::quantile_of;
use crate::rows::{Row, is_absent};

/// `quantile`; `shares` has one for each step.
pub(super) fn quantile(groups: Vec<Group>, shares: &[f64]) -> Vec<Row> {
    groups
        .into_iter()
        .map(|group| {
            let mut row = Row::absent(group.labels, shares.len());
            let mut values = Vec::with_capacity(group.rows.len());
            for (step, (result, share)) in row.values.iter_mut().zip(shares).enumerate() {
                values.clear();
                values.extend(present(&group.rows, step).map(|(_, value)| value));
                if !values.is_empty() {
                    *result = quantile_of(*share, &mut values);
                }
            }
            row
        })
        .collect()
}

/// Which end is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Greatest,
    Least,
}

impl Order {
    /// Orders the wanted ones first and NaN last.
    fn compare(self, one: f64, other: f64) -> Ordering {
        match (one.is_nan(), other.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
                if self == Self::Greatest { order.reverse() } else { order }
            }
        }
    }
}

/// `topk` and `bottomk`; `counts` has one for each step. Series keep their labels; at one step they come out in order.
pub(super) fn extremes(groups: Vec<Group>, counts: &[f64], order: Order) -> Result<Vec<Row>, Error> {
    for count in counts {
        #[expect(clippy::cast_precision_loss, reason = "the bound that Prometheus has, whatever it rounds to")]
        let fits = *count >= i64::MIN as f64 && *count <= i64::MAX as f64;
        if !fits {
            return Err(invalid(format!("Scalar value {count} overflows int64")));
        }
    }
    let mut results = Vec::new();
    for group in groups {
        let mut rows: Vec<Row> =
            group.rows.iter().map(|row| Row::absent(row.labels.clone(), row.values.len())).collect();
        let mut ranking = Vec::new();
        for (step, count) in counts.iter().enumerate() {
            let mut found: Vec<(usize, f64)> = present(&group.rows, step).collect();
            found.sort_by(|(_, one), (_, other)| order.compare(*one, *other));
            found.truncate(if *count < 1.0 { 0 } else { *count as usize });
            for (place, value) in &found {
                if let Some(cell) = rows.get_mut(*place).and_then(|row| row.values.get_mut(step)) {
                    *cell = *value;
                }
            }
            if step == 0 {
                ranking = found.into_iter().map(|(place, _)| place).collect();
            }
        }
        // The order only means something for an instant query, which has one step.
        let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
        let ranked: Vec<Row> = ranking.into_iter().filter_map(|place| rows.get_mut(place)?.take()).collect();
        results.extend(ranked.into_iter().chain(rows.into_iter().flatten()).filter(|row| !row.is_empty()));
    }
    Ok(results)
}

/// `count_values`: how often each value occurs, the value standing in the label `label`.
pub(super) fn count_values(rows: Vec<Row>, label: &str, grouping: &Grouping, steps: usize) -> Result<Vec<Row>, Error> {
    if !crate::function::is_label_name(label) {
        return Err(invalid(format!("invalid label name {label:?}")));
    }
    let mut names = grouping.names.clone();
    if grouping.is_by {
        names.push(label.to_owned());
    }
    let grouping = Grouping { is_by: grouping.is_by, names };
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut results: Vec<Row> = Vec::new();
    for row in rows {
        for (step, value) in row.values.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
            let labels = grouping.key(&row.labels.with(label, &written(*value)));
            let place = *places.entry(labels.clone()).or_insert(results.len());
            if place == results.len() {
                results.push(Row::absent(labels, steps));
            }
            if let Some(count) = results.get_mut(place).and_then(|row| row.values.get_mut(step)) {
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
        }
    }
    Ok(results)
}

/// Writes a number as Go's `FormatFloat(v, 'f', -1, 64)`.
fn written(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

fn present(rows: &[Row], step: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
    rows.iter().enumerate().filter_map(move |(place, row)| {
        Some((place, row.values.get(step).copied().filter(|value| !is_absent(*value))?))
    })
}
