//! The JSON API: what is kept, and deleting by selector.

use std::sync::Arc;

use axum::body::Body;
use exposition::{Number, Value};
use http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN};
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL};
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::{Map, Value as Json, json};

use crate::answer;
use crate::api::stream::Chunks;
use crate::grouping::GroupKey;
use crate::request::Target;
use crate::selector::{Selector, SelectorError};
use crate::store::group::{Family, Group, Nanoseconds, Series, seconds};
use crate::wording::kind_name;

/// Lets scripts of other origins read what is read only.
pub fn allow_origins(response: &mut Response<Body>) {
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
        (CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// Answers in the form that all of the API has.
#[must_use]
pub fn success(data: &Json) -> Response<Body> {
    answer::with(StatusCode::OK, answer::JSON, json!({"status": "success", "data": data}).to_string())
}

/// Answers that something is wrong, in the form that all of the API has.
#[must_use]
pub fn failure(status: StatusCode, kind: &str, reason: impl std::fmt::Display) -> Response<Body> {
    let body = json!({"status": "error", "errorType": kind, "error": reason.to_string()});
    answer::with(status, answer::JSON, body.to_string())
}

/// Answers with every group and all it has, one group after the other.
#[must_use]
pub fn metrics(groups: Vec<Arc<Group>>) -> Response<Body> {
    let mut groups = groups.into_iter();
    let mut state = 0;
    let pieces = std::iter::from_fn(move || {
        let mut piece = Vec::new();
        if state == 0 {
            piece.extend_from_slice(b"{\"status\":\"success\",\"data\":[");
        }
        while piece.len() < 64 * 1024 && state < 3 {
            match groups.next() {
                Some(group) => {
                    if state == 1 {
                        piece.push(b',');
                    }
                    state = 1;
                    // Writing to a vector cannot fail, nor can maps whose keys are text.
                    let _ = serde_json::to_writer(&mut piece, &group_json(&group));
                }
                None => {
                    piece.extend_from_slice(b"]}");
                    state = 3;
                }
            }
        }
        (!piece.is_empty()).then_some(piece)
    });
    answer::with(StatusCode::OK, answer::JSON, Chunks::body(pieces))
}

fn group_json(group: &Group) -> Json {
    let mut object = Map::new();
    for family in &group.families {
        object.insert(family.name.to_string(), family_json(family));
    }
    // A family of this name would hide them; upstream's are hidden in the same way.
    object.insert("labels".to_owned(), labels_json(&group.key));
    object.insert("last_push_successful".to_owned(), group.last_push_successful().into());
    Json::Object(object)
}

fn labels_json(key: &GroupKey) -> Json {
    Json::Object(key.iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

fn family_json(family: &Family) -> Json {
    let mut object = Map::new();
    object.insert("time_stamp".to_owned(), time(family.pushed).into());
    object.insert("type".to_owned(), kind_name(family.kind).into());
    if !family.help.is_empty() {
        object.insert("help".to_owned(), (*family.help).into());
    }
    object.insert("metrics".to_owned(), family.series.iter().map(series_json).collect());
    Json::Object(object)
}

fn series_json(series: &Series) -> Json {
    let mut object = Map::new();
    let labels = series.label_pairs().map(|(name, value)| (name.to_owned(), Json::from(&*value)));
    object.insert("labels".to_owned(), Json::Object(labels.collect()));
    let number = |value: f64| Json::from(Number(value).to_string());
    match series.as_distribution() {
        Some(Value::Histogram(histogram)) => {
            let buckets = histogram.own_buckets();
            let buckets = buckets.map(|(bound, count)| (Number(bound).to_string(), count.to_string().into()));
            object.insert("buckets".to_owned(), Json::Object(buckets.collect()));
            object.insert("count".to_owned(), histogram.count().to_string().into());
            object.insert("sum".to_owned(), number(histogram.sum()));
        }
        Some(Value::Summary(summary)) => {
            let quantiles = summary.quantiles().map(|(quantile, value)| (Number(quantile).to_string(), number(value)));
            object.insert("quantiles".to_owned(), Json::Object(quantiles.collect()));
            object.insert("count".to_owned(), summary.count().to_string().into());
            object.insert("sum".to_owned(), number(summary.sum()));
        }
        _ => {
            object.insert("value".to_owned(), series.number_text().into());
        }
    }
    Json::Object(object)
}

/// Returns a moment as RFC 3339 has it.
#[must_use]
pub fn time(moment: Nanoseconds) -> String {
    let timestamp = Timestamp::from_nanosecond(i128::from(moment)).unwrap_or_default();
    DateTimePrinter::new().timestamp_to_string(&timestamp)
}

/// Reads the selectors of `match[]`.
///
/// # Errors
/// When there is none, or one of them is none.
pub fn selectors(target: &Target) -> Result<Vec<Selector>, String> {
    let selectors: Result<Vec<Selector>, SelectorError> =
        target.parameters("match[]").map(|text| Selector::parse(&text)).collect();
    match selectors {
        Ok(selectors) if selectors.is_empty() => {
            Err("no match[] parameter: say which groups, as in match[]={job=\"backup\"}".to_owned())
        }
        Ok(selectors) => Ok(selectors),
        Err(error) => Err(format!("match[]: {error}")),
    }
}

/// Lists groups without what they hold.
#[must_use]
pub fn list<'a>(groups: impl Iterator<Item = &'a Arc<Group>>) -> Json {
    let object = |group: &Arc<Group>| {
        json!({
            "labels": labels_json(&group.key),
            "path": group.key.path(),
            "last_push_successful": group.last_push_successful(),
            "push_time_seconds": seconds(group.success),
            "push_failure_time_seconds": seconds(group.failure),
            "series": group.series_count(),
        })
    };
    groups.map(object).collect()
}
