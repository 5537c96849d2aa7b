//! What Alertmanager posts: its webhook body, version 4.
//!
//! Strict where a wrong reading would tell people something untrue: states, times, labels and annotations must be
//! what they are said to be. Lenient where it costs nothing: unknown fields are passed over (Alertmanager adds some
//! with every other release), and what older releases did not send may be missing.
//!
//! A key that stands twice in one object is refused, for the fields that we read as for labels: taking the last
//! would turn a firing group into an empty one, and Alertmanager cannot write such a body.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::kind::Level;
use crate::text;

/// How much of a reason is passed on: a reason may quote a value, and a value may be megabytes long.
const REASON_LIMIT: usize = 300;

/// One notification about one group.
///
/// The group's own status is not in here: each alert has one, and with `max_alerts` the group's is not true.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", expecting = "the object that Alertmanager posts")]
pub struct Webhook {
    /// The receiver in Alertmanager's configuration, quoted as for a regular expression.
    pub receiver: String,
    /// The alerts of the group.
    pub alerts: Vec<Alert>,
    /// The same for every notification about this group.
    #[serde(default)]
    pub group_key: String,
    /// Alertmanager's own page, as it believes to be reached.
    #[serde(default, rename = "externalURL")]
    pub external_url: String,
    /// How many alerts of the group were left out (`max_alerts`).
    #[serde(default)]
    pub truncated_alerts: u64,
}

/// One alert of a group.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", expecting = "an alert with status, labels and startsAt")]
pub struct Alert {
    /// Whether it fires.
    pub status: Status,
    /// What it is and where.
    pub labels: Labels,
    /// What it says to people.
    #[serde(default)]
    pub annotations: Labels,
    /// Since when; may lie in the future.
    pub starts_at: Timestamp,
    /// Until when, for a resolved one; the year 1 for one that fires.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// The expression that found it, as a page.
    #[serde(default, rename = "generatorURL")]
    pub generator_url: String,
    /// The same for all notifications about this alert. Read so that a body with anything else here is refused.
    #[serde(default)]
    pub fingerprint: String,
}

impl Alert {
    /// Returns how bad it is.
    #[must_use]
    pub fn level(&self) -> Level {
        Level::of_severity(self.labels.shown("severity"))
    }
}

/// Whether an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Firing,
    /// It did.
    Resolved,
}

/// Names and their values; `null`, which Go writes for a map that was never made, is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Returns the value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the value of `name`, unless a reader would see nothing of it.
    #[must_use]
    pub fn shown(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !text::is_blank(value))
    }

    /// Returns all names with their values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        Self(labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Why a body is not a webhook: one line that says what to mend, since Alertmanager logs it.
#[derive(Debug, thiserror::Error)]
pub enum NotUnderstood {
    /// Nothing in it.
    #[error("the body is empty; Alertmanager's webhook_configs post JSON here")]
    Empty,
    /// What Prometheus posts to an Alertmanager.
    #[error(
        "this is a list of alerts as Prometheus sends it: point Prometheus at Alertmanager (alerting.alertmanagers), and \
         Alertmanager's webhook_configs here"
    )]
    FromPrometheus,
    /// Not JSON, or not what we know.
    #[error("not an Alertmanager webhook (version 4): {0}")]
    Malformed(String),
}

/// Reads a request body.
///
/// # Errors
/// When it is not a webhook of Alertmanager, with line and column where there are any.
pub fn parse(body: &[u8]) -> Result<Webhook, NotUnderstood> {
    if body.trim_ascii().is_empty() {
        return Err(NotUnderstood::Empty);
    }
    // Depth is bounded: serde_json gives up at 128 levels, and passes over unknown fields without recursion.
    serde_json::from_slice(body).map_err(|error| {
        if is_from_prometheus(body) {
            return NotUnderstood::FromPrometheus;
        }
        NotUnderstood::Malformed(reason(&error))
    })
}

/// The reason in one short line; the place, which stands at its end, is kept.
fn reason(error: &serde_json::Error) -> String {
    let full = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = full.strip_suffix(&place).unwrap_or(&full);
    text::clip(&text::line(what), REASON_LIMIT) + &place
}

/// Whether this is a list of objects with labels, which is what Prometheus posts to `/api/v2/alerts`.
fn is_from_prometheus(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct PushedAlert {
        #[expect(dead_code, reason = "that it is there is all we ask")]
        labels: IgnoredAny,
    }
    body.trim_ascii_start().starts_with(b"[") && serde_json::from_slice::<Vec<PushedAlert>>(body).is_ok()
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose values are strings")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Labels, A::Error> {
                let mut labels = BTreeMap::new();
                while let Some((name, value)) = pairs.next_entry::<String, String>()? {
                    if labels.contains_key(&name) {
                        return Err(de::Error::custom(format!("the name `{}` stands twice", text::clip(&name, 60))));
                    }
                    labels.insert(name, value);
                }
                Ok(Labels(labels))
            }
        }

        deserializer.deserialize_any(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALERT: &str = r#"{"status":"firing","labels":{"alertname":"X"},"startsAt":"2026-11-22T07:14:23Z"}"#;

    fn refusal(body: &str) -> String {
        parse(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_older_and_newer_releases_send_is_read() {
        let old = parse(format!(r#"{{"receiver":"r","alerts":[{ALERT}]}}"#).as_bytes()).unwrap();
        assert_eq!((old.alerts.len(), old.truncated_alerts, old.group_key.as_str()), (1, 0, ""));

        let new = format!(r#"{{"receiver":"r","alerts":[{ALERT}],"routeLabels":{{"a":[1]}},"groupKey":"k"}}"#);
        assert_eq!(parse(new.as_bytes()).unwrap().group_key, "k");
    }

    #[test]
    fn what_is_refused_is_said_in_one_line_with_its_place() {
        insta::assert_snapshot!(refusal("  "), @"the body is empty; Alertmanager's webhook_configs post JSON here");
        insta::assert_snapshot!(refusal("{}"), @"not an Alertmanager webhook (version 4): missing field `receiver` at line 1 column 2");
        insta::assert_snapshot!(refusal("null"), @"not an Alertmanager webhook (version 4): invalid type: null, expected the object that Alertmanager posts at line 1 column 4");
        insta::assert_snapshot!(refusal(r#"{"receiver":"r","alerts":[{}]}"#), @"not an Alertmanager webhook (version 4): missing field `status` at line 1 column 28");
        insta::assert_snapshot!(refusal(r#"{"receiver":"r","alerts":[],"alerts":[]}"#), @"not an Alertmanager webhook (version 4): duplicate field `alerts` at line 1 column 36");
        insta::assert_snapshot!(refusal(r#"[{"labels":{"alertname":"X"}}]"#), @"this is a list of alerts as Prometheus sends it: point Prometheus at Alertmanager (alerting.alertmanagers), and Alertmanager's webhook_configs here");
        let twice = ALERT.replace(r#""alertname":"X""#, r#""a":"1","a":"2""#);
        insta::assert_snapshot!(refusal(&format!(r#"{{"receiver":"r","alerts":[{twice}]}}"#)), @"not an Alertmanager webhook (version 4): the name `a` stands twice at line 1 column 71");
    }

    #[test]
    fn a_reason_never_carries_a_megabyte_of_the_body() {
        let body = format!(r#"{{"receiver":"r","alerts":"{}\n"}}"#, "x".repeat(1_000_000));
        let refusal = refusal(&body);
        assert!(refusal.len() < 500 && refusal.ends_with("column 1000029"), "{refusal}");
        assert!(!refusal.contains('\n'));
    }
}
