//! A recording rule at work.

use std::collections::BTreeSet;

use promql::Point;
use series::METRIC_NAME;

use crate::alerting::Moment;
use crate::ask::vector;
use crate::rules::RecordingRule;

/// Computes the samples of the rule.
///
/// # Errors
/// When the query fails, when two series would bear the same labels, or when there are more than the group allows.
pub(crate) fn evaluate(rule: &RecordingRule, moment: &Moment<'_>) -> Result<Vec<Point>, String> {
    let mut points = vector(&moment.settings.engine, moment.storage, &rule.query, moment.at)?;
    let mut seen = BTreeSet::new();
    for point in &mut points {
        point.labels = point.labels.with(METRIC_NAME, &rule.record);
        for (name, value) in &rule.labels {
            point.labels = point.labels.with(name, value);
        }
        if !seen.insert(point.labels.clone()) {
            return Err("vector contains metrics with the same labelset after applying rule labels".to_owned());
        }
    }
    if moment.limit > 0 && points.len() > moment.limit {
        return Err(format!("exceeded limit of {} with {} series", moment.limit, points.len()));
    }
    Ok(points)
}
