//! Series into histograms.

use std::collections::HashMap;

use series::Labels;

use crate::error::Error;
use crate::function::Bucket;
use crate::rows::{ABSENT, Row, SAME_LABELS, is_absent, join};

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";

/// Puts the buckets of each histogram together and computes one value of them, step by step.
pub(super) fn of_each(rows: Vec<Row>, compute: impl Fn(usize, Vec<Bucket>) -> f64) -> Result<Vec<Row>, Error> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<(Labels, Vec<(f64, Row)>)> = Vec::new();
    for row in rows {
        // What is no bucket does not take part.
        let Some(bound) = bound(row.labels.get(BOUND)) else { continue };
        // The metric's name counts: buckets of two metrics make two histograms, which then may not bear the same labels.
        let labels = row.labels.filter(|name| name != BOUND);
        let place = *places.entry(labels.clone()).or_insert(histograms.len());
        match histograms.get_mut(place) {
            Some((_, buckets)) => buckets.push((bound, row)),
            None => histograms.push((labels, vec![(bound, row)])),
        }
    }
    let rows = histograms
        .into_iter()
        .map(|(labels, buckets)| {
            let steps = buckets.first().map_or(0, |(_, row)| row.values.len());
            let values = (0..steps)
                .map(|step| {
                    let there: Vec<Bucket> = buckets
                        .iter()
                        .filter_map(|(upper_bound, row)| {
                            let count = row.values.get(step).copied().filter(|count| !is_absent(*count))?;
                            Some(Bucket { upper_bound: *upper_bound, count })
                        })
                        .collect();
                    if there.is_empty() { ABSENT } else { compute(step, there) }
                })
                .collect();
            Row { labels: labels.without_metric(), values }
        })
        .collect();
    join(rows, SAME_LABELS)
}

/// Reads a bound as Go does: `+Inf` and `inf` in any case, and no blanks.
fn bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}
