//! Groups of another Pushgateway, as its `/api/v1/metrics` tells them.
//!
//! That is all it gives: values, types, helps and times of the pushes, for ever the same. What it does not tell is lost on
//! the way: the order of a histogram's buckets (they are sorted here) and native histograms.

use std::collections::BTreeMap;
use std::sync::Arc;

use exposition::{Histogram, Kind, Summary, Value};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use serde::Deserialize;

use crate::config::Config;
use crate::grouping::{GroupKey, GroupingError};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::change::{Change, Outcome};
use crate::store::group::{Family, Group, Nanoseconds, PUSH_FAILURE_TIME, PUSH_TIME, Series, is_stamp};
use crate::store::labels;

/// What came of an import.
#[derive(Debug, Default, Deserialize)]
pub struct Imported {
    /// Groups that are here now as they were there.
    #[serde(rename = "imported")]
    pub taken: usize,
    /// Groups that were pushed to here later than there, and stay.
    pub newer_here: usize,
    /// Groups that do not fit to what is here, and why.
    pub refused: Vec<String>,
}

impl Imported {
    /// Reads the answer of `/api/v1/admin/import`.
    ///
    /// # Errors
    /// When it is another one.
    pub fn of_answer(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Answer {
            data: Imported,
        }
        serde_json::from_str::<Answer>(text).map(|answer| answer.data)
    }
}

/// Takes the groups of an answer of `/api/v1/metrics` into the data directory of a store that is not running.
///
/// # Errors
/// When the answer is none, or the directory cannot be used.
pub async fn into_directory(config: &Config, body: &[u8]) -> anyhow::Result<Imported> {
    let groups = groups(body)?;
    let store = Store::open(crate::settings(config), Metrics::register(&mut Registry::default()))?;
    let outcome = store.change(Change::Import(groups)).await?;
    tokio::task::spawn_blocking(move || drop(store)).await?;
    match outcome {
        Outcome::Imported { taken, newer_here, refused } => Ok(Imported { taken, newer_here, refused }),
        other => anyhow::bail!("the import came out otherwise than it can: {other:?}"),
    }
}

/// Why a body holds no groups.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no JSON of that form.
    #[error("this is not what a Pushgateway answers at /api/v1/metrics: {0}")]
    Json(#[from] serde_json::Error),
    /// It tells of an error.
    #[error("the other Pushgateway answers {0:?} instead of success")]
    NoSuccess(String),
    /// A group whose labels are none.
    #[error("group {number}: {reason}")]
    Labels {
        /// Which group, from 1.
        number: usize,
        /// What is wrong with its labels.
        reason: GroupingError,
    },
    /// Something in a family that is not as it should be.
    #[error("group {group}, family {family}: {reason}")]
    Family {
        /// The path of the group.
        group: String,
        /// The family.
        family: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    data: Vec<BTreeMap<String, Entry>>,
}

/// What stands under a key of a group: its labels, whether the last push succeeded, or a family.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Family(FamilyEntry),
    Success(#[expect(dead_code, reason = "the stamps say it")] bool),
    Labels(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct FamilyEntry {
    time_stamp: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    help: String,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    value: Option<String>,
    buckets: Option<BTreeMap<String, String>>,
    quantiles: Option<BTreeMap<String, String>>,
    count: Option<String>,
    sum: Option<String>,
}

/// Reads the groups of an answer.
///
/// # Errors
/// When it is none, or a group in it is not one; nothing is left out in silence.
pub fn groups(body: &[u8]) -> Result<Vec<Group>, ImportError> {
    let answer: Answer = serde_json::from_slice(body)?;
    if answer.status != "success" {
        return Err(ImportError::NoSuccess(answer.status));
    }
    answer.data.into_iter().enumerate().map(|(place, entries)| group(place + 1, entries)).collect()
}

fn group(number: usize, mut entries: BTreeMap<String, Entry>) -> Result<Group, ImportError> {
    let pairs = match entries.remove("labels") {
        Some(Entry::Labels(pairs)) => pairs,
        _ => BTreeMap::new(),
    };
    entries.remove("last_push_successful");
    let key = GroupKey::new(pairs).map_err(|reason| ImportError::Labels { number, reason })?;
    let (mut families, mut stamps) = (Vec::new(), [(0, 0); 2]);
    for (name, entry) in entries {
        let wrong = |reason| ImportError::Family { group: key.path(), family: name.clone(), reason };
        let Entry::Family(entry) = entry else { return Err(wrong("it is none")) };
        let pushed = nanoseconds(entry.time_stamp);
        if is_stamp(&name) {
            let value = entry.metrics.first().and_then(|metric| metric.value.as_ref()?.parse::<f64>().ok());
            let stamp = (moment(value.unwrap_or_default(), pushed), pushed);
            stamps[usize::from(name == PUSH_FAILURE_TIME)] = stamp;
            debug_assert!(name == PUSH_TIME || name == PUSH_FAILURE_TIME);
            continue;
        }
        let kind = kind(&entry.kind).ok_or_else(|| wrong("its type is none of the five"))?;
        let series: Result<Vec<Series>, &str> = entry.metrics.into_iter().map(|metric| series(kind, metric)).collect();
        let series = series.map_err(wrong)?.into();
        families.push(Arc::new(Family { name: name.into(), help: entry.help.into(), kind, pushed, series }));
    }
    let [success, failure] = stamps;
    Ok(Group::new(Arc::new(key), families, success.0, failure.0, (success.1, failure.1)))
}

fn kind(name: &str) -> Option<Kind> {
    [Kind::Counter, Kind::Gauge, Kind::Untyped, Kind::Histogram, Kind::Summary]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
}

fn series(kind: Kind, metric: Metric) -> Result<Series, &'static str> {
    let mut labels = labels::print(&metric.labels);
    let number = |text: &str| text.parse::<f64>().map_err(|_| "a value is no number");
    let count = || metric.count.as_deref().unwrap_or("0").parse::<u64>().map_err(|_| "a count is no number");
    let sum = || number(metric.sum.as_deref().unwrap_or("0"));
    let value: Value = match kind {
        Kind::Histogram => {
            let buckets = metric.buckets.as_ref().ok_or("a histogram has no buckets")?;
            let mut pairs = Vec::with_capacity(buckets.len());
            for (bound, count) in buckets {
                pairs.push((number(bound)?, count.parse().map_err(|_| "a bucket's count is no number")?));
            }
            pairs.sort_by(|(one, _), (other, _): &(f64, u64)| one.total_cmp(other));
            Histogram::new(pairs, sum()?, count()?).into()
        }
        Kind::Summary => {
            let quantiles = metric.quantiles.as_ref().ok_or("a summary has no quantiles")?;
            let mut pairs = Vec::with_capacity(quantiles.len());
            for (quantile, value) in quantiles {
                pairs.push((number(quantile)?, number(value)?));
            }
            pairs.sort_by(|(one, _), (other, _): &(f64, f64)| one.total_cmp(other));
            Summary::new(pairs, sum()?, count()?).into()
        }
        _ => number(metric.value.as_deref().ok_or("a series has no value")?)?.into(),
    };
    Ok(Series::new(&mut labels, &value))
}

fn nanoseconds(timestamp: Timestamp) -> Nanoseconds {
    Nanoseconds::try_from(timestamp.as_nanosecond()).unwrap_or_default()
}

/// Returns the moment of a stamp: to the nanosecond where the family was made then, from the seconds otherwise.
#[expect(clippy::cast_possible_truncation, reason = "a moment of this century")]
fn moment(seconds: f64, pushed: Nanoseconds) -> Nanoseconds {
    let told = (seconds * 1e9) as Nanoseconds;
    if seconds != 0.0 && told.abs_diff(pushed) < 1_000_000 { pushed } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_comes_with_all_it_has() {
        let body = br#"{"status":"success","data":[{"labels":{"job":"j","x":""},"last_push_successful":true,
            "m":{"time_stamp":"2026-11-22T07:23:47.859676828Z","type":"GAUGE","help":"h",
                 "metrics":[{"labels":{"instance":"","job":"j","x":"","a":"\"\n"},"value":"1e+06"}]},
            "h":{"time_stamp":"2026-11-22T07:23:47Z","type":"HISTOGRAM",
                 "metrics":[{"labels":{"job":"j"},"buckets":{"10":"2","+Inf":"3","5":"1"},"count":"3","sum":"4.5"}]},
            "push_time_seconds":{"time_stamp":"2026-11-22T07:23:47.859676828Z","type":"GAUGE",
                 "metrics":[{"labels":{"job":"j"},"value":"1.7953322278596768e+09"}]},
            "push_failure_time_seconds":{"time_stamp":"2026-11-22T07:23:47Z","type":"GAUGE",
                 "metrics":[{"labels":{"job":"j"},"value":"0"}]}}]}"#;
        let groups = groups(body).unwrap();
        let group = &groups[0];
        assert_eq!(group.success, 1_795_332_227_859_676_828);
        assert_eq!((group.failure, group.last_push_successful()), (0, true));
        let m = group.family("m").unwrap();
        assert_eq!(
            (m.series[0].labels(), m.series[0].number_text()),
            (r#"a="\"\n",instance="",job="j",x="""#, "1e+06")
        );
        let h = Histogram::new([(5.0, 1), (10.0, 2), (f64::INFINITY, 3)], 4.5, 3);
        assert_eq!(group.family("h").unwrap().series[0].value(), h.into());
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_reason() {
        for (body, reason) in [
            ("<html>", "this is not what a Pushgateway answers"),
            (r#"{"status":"error","data":[]}"#, "answers \"error\""),
            (r#"{"status":"success","data":[{"labels":{"a":"b"}}]}"#, "group 1: job name is required"),
            (
                r#"{"status":"success","data":[{"labels":{"job":"j"},"m":{"time_stamp":"2026-11-22T07:23:47Z",
                    "type":"GAUGE","metrics":[{"value":"x"}]}}]}"#,
                "group /metrics/job/j, family m: a value is no number",
            ),
        ] {
            let error = groups(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
