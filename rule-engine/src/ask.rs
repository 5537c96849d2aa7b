//! Asking the query of a rule.

use promql::{Engine, Point, Query, Storage, Value};
use series::Labels;

/// Asks for the series of a query. A number is one series without labels.
///
/// # Errors
/// When the query fails, or is worth a text or a range.
pub(crate) fn vector(engine: &Engine, storage: &dyn Storage, query: &Query, at: i64) -> Result<Vec<Point>, String> {
    match engine.instant(storage, query, at).map_err(|reason| told(&reason))?.value {
        Value::Vector(points) => Ok(points),
        Value::Scalar(sample) => Ok(vec![Point { labels: Labels::empty(), sample }]),
        Value::Text(_) | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

/// An error with what is behind it.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
