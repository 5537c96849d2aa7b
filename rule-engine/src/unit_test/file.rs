//! What stands in a test file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::duration::Written;

/// Texts by name; one without a value is empty.
pub(super) type Texts = BTreeMap<String, Option<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) rule_files: Option<Vec<String>>,
    evaluation_interval: Option<Written>,
    pub(super) group_eval_order: Option<Vec<String>>,
    /// Numbers may differ in their last bit (Prometheus 3).
    pub(super) fuzzy_compare: Option<bool>,
    pub(super) tests: Option<Vec<Test>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Test {
    interval: Option<Written>,
    pub(super) input_series: Option<Vec<Input>>,
    pub(super) alert_rule_test: Option<Vec<AlertTest>>,
    pub(super) promql_expr_test: Option<Vec<QueryTest>>,
    pub(super) external_labels: Option<Texts>,
    pub(super) external_url: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Input {
    pub(super) series: Option<String>,
    pub(super) values: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertTest {
    eval_time: Option<Written>,
    pub(super) alertname: Option<String>,
    pub(super) exp_alerts: Option<Vec<ExpectedAlert>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedAlert {
    pub(super) exp_labels: Option<Texts>,
    pub(super) exp_annotations: Option<Texts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QueryTest {
    pub(super) expr: Option<String>,
    eval_time: Option<Written>,
    pub(super) exp_samples: Option<Vec<ExpectedSample>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedSample {
    pub(super) labels: Option<String>,
    pub(super) value: Option<f64>,
}

impl File {
    /// Returns the pause between two evaluations; a minute if the file does not say.
    pub(super) fn evaluation_interval(&self) -> Duration {
        set(self.evaluation_interval).unwrap_or(Duration::from_secs(60))
    }
}

impl Test {
    /// Returns the pause between two samples of the series; none if the test does not say.
    pub(super) fn interval(&self) -> Option<Duration> {
        set(self.interval)
    }
}

impl AlertTest {
    pub(super) fn eval_time(&self) -> Duration {
        self.eval_time.unwrap_or_default().0
    }
}

impl QueryTest {
    pub(super) fn eval_time(&self) -> Duration {
        self.eval_time.unwrap_or_default().0
    }
}

fn set(duration: Option<Written>) -> Option<Duration> {
    duration.map(|duration| duration.0).filter(|duration| !duration.is_zero())
}
