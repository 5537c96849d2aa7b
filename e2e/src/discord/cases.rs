//! What Discord answers to which request, as data: `testdata/discord-cases.json`.
//!
//! An [`Examiner`] puts a case to any server that speaks the webhook API: our double in our own tests, and another
//! implementation beside it when one is at hand (`discord-cases URL URL`).
//!
//! In a body `{"$repeat": ["x", 2001]}` is a long text and `{"$times": [{…}, 26]}` a long list; in a path `{message}`
//! is the message that the step before has made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

/// One request, what goes before it, and the answer that is right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is shown, as a sentence.
    pub name: String,
    /// Steps whose answers do not matter.
    #[serde(default)]
    pub before: Vec<Step>,
    /// The request in question.
    pub request: Step,
    /// Its answer.
    pub expect: Expected,
}

/// One request to the webhook of the case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    method: String,
    /// `v10`, or nothing for the form that people copy.
    version: Option<String>,
    /// What follows the webhook's token, or, with a `/` in front of `api`, a path of its own.
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    /// Sent as JSON.
    body: Option<Value>,
    /// Sent as it is.
    raw: Option<String>,
    times: usize,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            method: "POST".into(),
            version: Some("v10".into()),
            path: String::new(),
            query: "wait=true".into(),
            headers: BTreeMap::new(),
            body: None,
            raw: None,
            times: 1,
        }
    }
}

/// What matters of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    status: u16,
    /// Discord's own number of the error.
    code: Option<i64>,
    /// Of a 50035: `embeds.0.title BASE_TYPE_MAX_LENGTH`.
    #[serde(default)]
    errors: BTreeSet<String>,
    /// Members that the body must have, at least.
    body: Option<Value>,
    /// Headers that must have this value.
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// What a server answered, reduced to what two servers must have in common.
#[derive(Debug, PartialEq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Discord's own number of the error.
    pub code: Option<i64>,
    /// Path and code of each error.
    pub errors: BTreeSet<String>,
    /// What was not as expected besides these, one line each.
    pub misses: Vec<String>,
}

impl Case {
    /// Says what is wrong with the answer; nothing when it is right.
    #[must_use]
    pub fn judge(&self, answered: &Answered) -> Vec<String> {
        let Expected { status, code, errors, .. } = &self.expect;
        let mut faults = answered.misses.clone();
        if (answered.status, answered.code) != (*status, *code) {
            let (got, got_code) = (answered.status, answered.code);
            faults.push(format!("answered {got} (code {got_code:?}), not {status} (code {code:?})"));
        }
        if answered.errors != *errors {
            faults.push(format!("refused {:?}, not {errors:?}", answered.errors));
        }
        faults
    }
}

/// Returns all cases.
#[must_use]
pub fn all() -> Vec<Case> {
    serde_json::from_str(include_str!("../../testdata/discord-cases.json")).expect("the cases are well formed")
}

/// Puts cases to one server.
pub struct Examiner {
    base: String,
    client: reqwest::Client,
}

impl Examiner {
    /// Takes on the server at `base`, as in `http://127.0.0.1:23100`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    #[expect(clippy::disallowed_methods, reason = "some cases send no User-Agent, and the ready client always does")]
    pub fn new(base: &str) -> anyhow::Result<Self> {
        daemon::tls::install_provider();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(Self { base: base.to_owned(), client })
    }

    /// Puts `case` to the server, with a webhook that no other case uses.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, case: &Case) -> anyhow::Result<Answered> {
        let webhook = fresh_webhook();
        let mut message = String::new();
        for step in &case.before {
            for _ in 0..step.times {
                let (_, _, body) = self.send(&webhook, &message, step).await?;
                if let Some(id) = body["id"].as_str() {
                    message = id.to_owned();
                }
            }
        }
        let (status, headers, body) = self.send(&webhook, &message, &case.request).await?;

        let mut misses = Vec::new();
        if let Some(expected) = &case.expect.body {
            missing("body", &expand(expected), &body, &mut misses);
        }
        for (name, expected) in &case.expect.headers {
            let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if value != expected {
                misses.push(format!("header {name} is `{value}`, not `{expected}`"));
            }
        }
        let mut errors = BTreeSet::new();
        flatten("", &body["errors"], &mut errors);
        Ok(Answered { status, code: body["code"].as_i64(), errors, misses })
    }

    async fn send(&self, webhook: &str, message: &str, step: &Step) -> anyhow::Result<(u16, HeaderMap, Value)> {
        let path = match &step.version {
            _ if step.path.starts_with("/api/") => step.path.replace("{webhook}", webhook),
            Some(version) => format!("/api/{version}/webhooks/{webhook}{}", step.path),
            None => format!("/api/webhooks/{webhook}{}", step.path),
        };
        let url = format!("{}{}?{}", self.base, path.replace("{message}", message), step.query);
        let mut headers = BTreeMap::from([("user-agent", "noroshi-cases"), ("content-type", "application/json")]);
        headers.extend(step.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut request = self.client.request(step.method.parse()?, &url);
        for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        if let Some(body) = &step.body {
            request = request.body(expand(body).to_string());
        } else if let Some(raw) = &step.raw {
            request = request.body(raw.clone());
        }
        let answer = request.send().await.with_context(|| format!("no answer to {} {url}", step.method))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await?;
        Ok((status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

/// No two cases share a rate limit, not even in two runs against the same server.
fn fresh_webhook() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = jiff::Timestamp::now().as_millisecond();
    format!("{now}{:05}/tok-en_1", NEXT.fetch_add(1, Ordering::Relaxed) % 100_000)
}

/// Writes out `$repeat` and `$times`.
fn expand(value: &Value) -> Value {
    let count = |count: &Value| usize::try_from(count.as_u64().expect("a number")).expect("fits in memory");
    match value {
        Value::Object(object) => {
            if let Some([text, times]) = object.get("$repeat").and_then(Value::as_array).map(Vec::as_slice) {
                return text.as_str().expect("a text").repeat(count(times)).into();
            }
            if let Some([element, times]) = object.get("$times").and_then(Value::as_array).map(Vec::as_slice) {
                return vec![expand(element); count(times)].into();
            }
            object.iter().map(|(name, value)| (name.clone(), expand(value))).collect()
        }
        Value::Array(list) => list.iter().map(expand).collect(),
        other => other.clone(),
    }
}

/// Every `_errors` of the tree as `path CODE`.
fn flatten(at: &str, node: &Value, errors: &mut BTreeSet<String>) {
    for (step, below) in node.as_object().into_iter().flatten() {
        if step == "_errors" {
            for error in below.as_array().into_iter().flatten() {
                errors.insert(format!("{at} {}", error["code"].as_str().unwrap_or("?")).trim_start().to_owned());
            }
        } else {
            flatten(&if at.is_empty() { step.clone() } else { format!("{at}.{step}") }, below, errors);
        }
    }
}

/// Says which members of `expected` are not in `found`. Lists must agree in length.
fn missing(at: &str, expected: &Value, found: &Value, misses: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(members), Value::Object(_)) => {
            for (name, member) in members {
                missing(&format!("{at}.{name}"), member, &found[name], misses);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                missing(&format!("{at}.{index}"), expected, found, misses);
            }
        }
        _ if expected == found => {}
        _ => misses.push(format!("{at} is {found}, not {expected}")),
    }
}
