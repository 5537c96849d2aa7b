//! What Discord's answer to one request means for the message and for the requests after it.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::delivery::Scope;
use crate::text;

/// How long to be silent when we are refused without being told for how long: that is Cloudflare in front of
/// Discord, and asking again prolongs it.
const BLOCKED_PAUSE: Duration = Duration::from_secs(60);
/// Nobody means a pause longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
const REASON_LIMIT: usize = 300;

/// One answer, reduced to what we act on.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What became of the message.
    pub verdict: Verdict,
    /// How long the next request must wait.
    pub pause: Option<Duration>,
}

/// What became of the message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It stands in the channel.
    Kept,
    /// Not yet: we asked too often.
    TooFast(Scope),
    /// Never in this form.
    Refused(String),
    /// Never through this webhook.
    Dead(String),
    /// Not now; what was said about it.
    Trouble(String),
}

/// What Discord says about a request that it did not carry out.
#[derive(Default, Deserialize)]
struct Complaint {
    code: Option<u64>,
    message: Option<String>,
    retry_after: Option<f64>,
    #[serde(default)]
    global: bool,
    errors: Option<serde_json::Value>,
}

impl Answer {
    /// Reads an answer. The body may be anything: a page of a proxy, half of a message, nothing.
    #[must_use]
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        // Kept is kept, even when the answer cannot be read: to send again would show it twice.
        if status.is_success() {
            return Self { verdict: Verdict::Kept, pause: spent(headers) };
        }
        let complaint = serde_json::from_slice::<Complaint>(body).ok();
        let reason = reason(status, complaint.as_ref());
        let complaint = complaint.unwrap_or_default();
        let verdict = match status.as_u16() {
            429 => {
                // Here the wait we are told overrides the bucket's headers, which may look healthy.
                let told = complaint.retry_after.and_then(duration).or_else(|| seconds(headers, "retry-after"));
                let scope = scope(headers, &complaint, told.is_some());
                return Self { verdict: Verdict::TooFast(scope), pause: Some(told.unwrap_or(BLOCKED_PAUSE)) };
            }
            401 | 403 | 404 => Verdict::Dead(reason),
            408 => Verdict::Trouble(reason),
            400..=499 => Verdict::Refused(reason),
            _ => Verdict::Trouble(reason),
        };
        Self { verdict, pause: spent(headers) }
    }
}

/// The wait until the webhook's bucket is full again, once this request took the last of it.
fn spent(headers: &HeaderMap) -> Option<Duration> {
    let remaining = seconds(headers, "x-ratelimit-remaining")?;
    if remaining.is_zero() { seconds(headers, "x-ratelimit-reset-after") } else { None }
}

fn scope(headers: &HeaderMap, complaint: &Complaint, told: bool) -> Scope {
    match headers.get("x-ratelimit-scope").map(|scope| scope.as_bytes()) {
        Some(b"shared") => Scope::Shared,
        Some(b"global") => Scope::Global,
        Some(_) => Scope::User,
        None if complaint.global || headers.contains_key("x-ratelimit-global") => Scope::Global,
        None if told || headers.contains_key("x-ratelimit-bucket") => Scope::User,
        None => Scope::Cloudflare,
    }
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    duration(headers.get(name)?.to_str().ok()?.trim().parse().ok()?)
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().map(|pause| pause.min(LONGEST_PAUSE))
}

/// `400 Bad Request: Invalid Form Body (50035) {"embeds":…}`
fn reason(status: StatusCode, complaint: Option<&Complaint>) -> String {
    let mut reason = status.to_string();
    if let Some(message) = complaint.and_then(|complaint| complaint.message.as_deref()) {
        reason.push_str(": ");
        reason.push_str(message);
    }
    if let Some(code) = complaint.and_then(|complaint| complaint.code).filter(|code| *code != 0) {
        reason.push_str(&format!(" ({code})"));
    }
    if let Some(errors) = complaint.and_then(|complaint| complaint.errors.as_ref()) {
        reason.push_str(&format!(" {errors}"));
    }
    text::clip(&text::line(&reason), REASON_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Answer::read(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn the_last_request_of_a_bucket_tells_how_long_the_next_must_wait() {
        let bucket =
            |left| read(200, &[("x-ratelimit-remaining", left), ("x-ratelimit-reset-after", "1.5")], "{}").pause;
        assert_eq!(bucket("1"), None);
        assert_eq!(bucket("0"), Some(Duration::from_millis(1500)));
        assert_eq!(read(204, &[], "").pause, None);
    }

    #[test]
    fn being_too_fast_says_for_how_long_and_whose_limit_it_was() {
        let told = r#"{"message":"slow down","retry_after":0.25,"global":false}"#;
        let quarter = Some(Duration::from_millis(250));
        for (headers, body, scope, pause) in [
            (&[("x-ratelimit-scope", "user"), ("retry-after", "1")][..], told, Scope::User, quarter),
            (&[("x-ratelimit-scope", "shared"), ("x-ratelimit-remaining", "4")], told, Scope::Shared, quarter),
            (&[], r#"{"retry_after":2,"global":true}"#, Scope::Global, Some(Duration::from_secs(2))),
            (&[("retry-after", "3")], "<html>", Scope::User, Some(Duration::from_secs(3))),
            (&[], "error code: 1015", Scope::Cloudflare, Some(BLOCKED_PAUSE)),
            (&[], r#"{"retry_after":-1}"#, Scope::Cloudflare, Some(BLOCKED_PAUSE)),
            (&[("x-ratelimit-scope", "user")], r#"{"retry_after":1e300}"#, Scope::User, Some(BLOCKED_PAUSE)),
            (&[("x-ratelimit-scope", "user")], r#"{"retry_after":1e9}"#, Scope::User, Some(LONGEST_PAUSE)),
        ] {
            assert_eq!(
                read(429, headers, body),
                Answer { verdict: Verdict::TooFast(scope), pause },
                "{headers:?} {body}"
            );
        }
    }

    #[test]
    fn every_other_answer_means_dead_refused_or_trouble() {
        let verdict = |status, body: &str| read(status, &[], body).verdict;
        let unknown = r#"{"message":"Unknown Webhook","code":10015}"#;
        assert_eq!(verdict(404, unknown), Verdict::Dead("404 Not Found: Unknown Webhook (10015)".into()));
        assert_eq!(verdict(401, ""), Verdict::Dead("401 Unauthorized".into()));
        assert_eq!(verdict(400, r#"{"embeds":["0"]}"#), Verdict::Refused("400 Bad Request".into()));
        assert_eq!(verdict(502, "<html>"), Verdict::Trouble("502 Bad Gateway".into()));
        assert_eq!(verdict(301, ""), Verdict::Trouble("301 Moved Permanently".into()));
        assert_eq!(verdict(200, "<html>not json"), Verdict::Kept);
    }
}
