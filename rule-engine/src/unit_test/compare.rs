//! Holding what came against what was expected.

use std::collections::BTreeMap;
use std::fmt::Write;

use series::Labels;

use super::file::{AlertTest, QueryTest};
use super::notation;

/// The texts of an alert: labels, then annotations.
pub(super) type Told = (BTreeMap<String, String>, BTreeMap<String, String>);

/// Compares alerts.
///
/// # Errors
/// What was expected and what came.
pub(super) fn alerts(test: &AlertTest, name: &str, mut got: Vec<Told>) -> Result<(), String> {
    let texts = |texts: &Option<super::file::Texts>| -> BTreeMap<String, String> {
        let given = texts.iter().flatten();
        given.map(|(name, value)| (name.clone(), value.clone().unwrap_or_default())).collect()
    };
    let mut expected: Vec<Told> = test
        .exp_alerts
        .iter()
        .flatten()
        .map(|alert| {
            let mut labels = texts(&alert.exp_labels);
            labels.insert("alertname".to_owned(), name.to_owned());
            (labels, texts(&alert.exp_annotations))
        })
        .collect();
    expected.sort();
    got.sort();
    if expected == got {
        return Ok(());
    }
    Err(format!("expected {}\n     got {}", list(&expected), list(&got)))
}

fn list(alerts: &[Told]) -> String {
    if alerts.is_empty() {
        return "no alert".to_owned();
    }
    let mut text = String::new();
    for (labels, annotations) in alerts {
        let _ = write!(text, "\n           labels {labels:?}\n           annotations {annotations:?}");
    }
    text
}

/// Compares samples. Not-a-number equals nothing, as in promtool.
///
/// # Errors
/// What was expected and what came, or what is wrong with what was expected.
pub(super) fn samples(test: &QueryTest, mut got: Vec<(Labels, f64)>, is_fuzzy: bool) -> Result<(), String> {
    let mut expected = Vec::new();
    for sample in test.exp_samples.iter().flatten() {
        let labels = notation::metric(sample.labels.as_deref().unwrap_or_default())?;
        expected.push((labels, sample.value.unwrap_or(0.0)));
    }
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    got.sort_by(|one, other| one.0.cmp(&other.0));
    let is_close =
        |one: f64, other: f64| one == other || is_fuzzy && (one.next_up() == other || one.next_down() == other);
    let are_equal = expected.len() == got.len()
        && expected.iter().zip(&got).all(|(one, other)| one.0 == other.0 && is_close(one.1, other.1));
    if are_equal {
        return Ok(());
    }
    let list = |samples: &[(Labels, f64)]| {
        let samples: Vec<String> = samples.iter().map(|(labels, value)| format!("{labels} {value}")).collect();
        if samples.is_empty() { "nothing".to_owned() } else { samples.join(", ") }
    };
    Err(format!("expected {}\n     got {}", list(&expected), list(&got)))
}
