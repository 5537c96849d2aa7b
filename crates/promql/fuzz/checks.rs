//! What has to hold for any query: run by the fuzz target on new ones, and by `tests/corpus.rs` on those that are kept.

use std::sync::LazyLock;
use std::time::Duration;

use promql::{Engine, Limits, Memory, Query, Range, Semantics, Value};
use series::{Labels, METRIC_NAME, STALE, Sample};

/// A moment of the past, in milliseconds; ten minutes of samples come before it.
const NOW: i64 = 1_760_000_000_000;

/// Limits that a small input can reach.
const TIGHT: Limits = Limits { samples: 20_000, steps: 50, time: Duration::from_secs(1) };

static STORAGE: LazyLock<Memory> = LazyLock::new(|| {
    let mut memory = Memory::new();
    let mut add = |pairs: &[(&str, &str)], value: fn(i64) -> f64| {
        let labels: Labels = pairs.iter().copied().collect();
        for place in 0..40 {
            memory.add(&labels, Sample::new(NOW - 600_000 + place * 15_000 + 7, value(place)));
        }
    };
    add(&[(METRIC_NAME, "up"), ("instance", "a"), ("job", "host")], |_| 1.0);
    add(&[(METRIC_NAME, "up"), ("instance", "b"), ("job", "host")], |place| if place > 20 { STALE } else { 1.0 });
    add(&[(METRIC_NAME, "c_total"), ("instance", "a")], |place| ((place * 7) % 180) as f64);
    add(&[(METRIC_NAME, "c_total"), ("instance", "b")], |place| if place % 9 == 0 { f64::NAN } else { place as f64 });
    add(&[(METRIC_NAME, "g")], |place| [f64::INFINITY, -0.0, 1e308, -1e308, 5e-324, 0.1][place as usize % 6]);
    add(&[(METRIC_NAME, "h_bucket"), ("le", "1")], |place| place as f64);
    add(&[(METRIC_NAME, "h_bucket"), ("le", "+Inf")], |place| (place * 2) as f64);
    add(&[(METRIC_NAME, "h_bucket"), ("le", "many")], |place| (place * 2) as f64);
    memory
});

/// Parses a text and, if it is a query, asks it both ways: it ends, with an answer or with words.
pub fn query(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(reason) => return assert!(!reason.to_string().is_empty()),
    };
    for semantics in [Semantics::V2, Semantics::V3] {
        let engine = Engine { semantics, limits: TIGHT, ..Engine::default() };
        match engine.instant(&*STORAGE, &query, NOW) {
            Ok(answer) => distinct(&answer.value),
            Err(reason) => assert!(!reason.to_string().is_empty()),
        }
        match engine.range(&*STORAGE, &query, Range { start: NOW - 300_000, end: NOW, step: 15_000 }) {
            Ok(answer) => distinct(&answer.value),
            Err(reason) => assert!(!reason.to_string().is_empty()),
        }
    }
}

/// No answer has two series of one name.
fn distinct(value: &Value) {
    let mut labels: Vec<&Labels> = match value {
        Value::Vector(points) => points.iter().map(|point| &point.labels).collect(),
        Value::Matrix(all) => all.iter().map(|points| &points.labels).collect(),
        Value::Scalar(_) | Value::Text(_) => return,
    };
    labels.sort();
    let many = labels.len();
    labels.dedup();
    assert_eq!(many, labels.len(), "two series of one name");
}
