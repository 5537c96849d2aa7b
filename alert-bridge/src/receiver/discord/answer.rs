//! What Discord's answer to one request means for the message and for the requests after it.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::scope::Scope;
use crate::text;

/// How long to be silent when we are refused without being told for how long: that is Cloudflare in front of
/// Discord, and asking again prolongs it.
const BLOCKED_PAUSE: Duration = Duration::from_secs(60);
/// Nobody means a pause longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
const REASON_LIMIT: usize = 300;
/// Discord's code for too many edits of a message older than an hour.
const OLD_EDIT: u64 = 30_046;
/// Discord's code for a message that is not there.
const UNKNOWN_MESSAGE: u64 = 10_008;

/// Discord's code for a channel or thread that is not there.
const UNKNOWN_CHANNEL: u64 = 10_003;
/// Discord's code for a thread that takes no messages any more.
const LOCKED_THREAD: u64 = 160_005;

/// Discord's code for a message to a forum channel with neither a thread nor a name for one.
const WANTS_A_THREAD: u64 = 220_001;
/// Discord's code for a message with both.
const TWO_THREADS: u64 = 220_002;
/// Discord's code for a name of a thread where there are no threads to be opened.
const NO_THREADS: u64 = 220_003;

/// One answer, reduced to what we act on.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What became of the message.
    pub verdict: Verdict,
    /// What is left of the webhook's limit.
    pub limit: Option<Limit>,
    /// How long we are told to wait.
    pub wait: Option<Duration>,
    /// The message, if it was kept and the answer says as what.
    pub kept: Option<Kept>,
}

/// What is left of a limit, and when it is whole again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Requests.
    pub remaining: u64,
    /// Time.
    pub reset_after: Duration,
}

/// A message in the channel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Kept {
    /// Its id: digits.
    pub id: String,
    /// The channel that it is in.
    #[serde(rename = "channel_id")]
    pub channel: Option<String>,
}

/// What became of the message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It stands in the channel.
    Kept,
    /// Not yet: we asked too often.
    TooFast(Scope),
    /// It is too old to be edited so often.
    TooOld,
    /// What was to be edited is gone.
    Gone,
    /// The channel or thread it was meant for is gone, or closed.
    Nowhere(String),
    /// Never in this form.
    Refused(String),
    /// The channel is a forum, and nothing said what the post is called.
    IsAForum(String),
    /// The channel is none, or the post is there already.
    IsNoForum(String),
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

impl Reply {
    /// Reads an answer. The body may be anything: a page of a proxy, half of a message, nothing.
    #[must_use]
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let limit = limit(headers);
        // Kept is kept, even when the answer cannot be read: to send again would show it twice.
        if status.is_success() {
            let kept = serde_json::from_slice::<Kept>(body).ok().filter(|kept| is_id(&kept.id));
            return Self { verdict: Verdict::Kept, limit, wait: None, kept };
        }
        let complaint = serde_json::from_slice::<Complaint>(body).ok();
        let reason = reason(status, complaint.as_ref());
        let complaint = complaint.unwrap_or_default();
        let told = complaint.retry_after.and_then(duration).or_else(|| seconds(headers, "retry-after"));
        let (verdict, wait) = match (status.as_u16(), complaint.code) {
            (429, Some(OLD_EDIT)) => (Verdict::TooOld, Some(told.unwrap_or(BLOCKED_PAUSE))),
            // Here the wait we are told overrides the bucket's headers, which may look healthy.
            (429, _) => {
                let scope = scope(headers, &complaint, told.is_some());
                (Verdict::TooFast(scope), Some(told.unwrap_or(BLOCKED_PAUSE)))
            }
            (400, Some(WANTS_A_THREAD)) => (Verdict::IsAForum(reason), None),
            (400, Some(TWO_THREADS | NO_THREADS)) => (Verdict::IsNoForum(reason), None),
            (400..=499, Some(UNKNOWN_CHANNEL | LOCKED_THREAD)) => (Verdict::Nowhere(reason), None),
            (404, Some(UNKNOWN_MESSAGE)) => (Verdict::Gone, None),
            (401 | 403 | 404, _) => (Verdict::Dead(reason), None),
            (408, _) => (Verdict::Trouble(reason), None),
            (400..=499, _) => (Verdict::Refused(reason), None),
            _ => (Verdict::Trouble(reason), None),
        };
        Self { verdict, limit, wait, kept: None }
    }
}

fn limit(headers: &HeaderMap) -> Option<Limit> {
    let remaining = headers.get("x-ratelimit-remaining")?.to_str().ok()?.trim().parse().ok()?;
    Some(Limit { remaining, reset_after: seconds(headers, "x-ratelimit-reset-after")? })
}

/// An id goes into a path, so it must be one.
fn is_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
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

    fn read(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Reply::read(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn an_answer_tells_what_is_left_and_which_message_it_is_about() {
        let bucket =
            |left| read(200, &[("x-ratelimit-remaining", left), ("x-ratelimit-reset-after", "1.5")], "{}").limit;
        assert_eq!(bucket("1"), Some(Limit { remaining: 1, reset_after: Duration::from_millis(1500) }));
        assert_eq!(bucket("0"), Some(Limit { remaining: 0, reset_after: Duration::from_millis(1500) }));
        assert_eq!(read(204, &[], "").limit, None);
        let kept = read(200, &[], r#"{"id":"9","channel_id":"7","content":""}"#).kept;
        assert_eq!(kept, Some(Kept { id: "9".into(), channel: Some("7".into()) }));
        for unreadable in ["", "{\"id\":", r#"{"id":"../x"}"#, r#"{"id":""}"#] {
            assert_eq!(
                read(200, &[], unreadable),
                Reply { verdict: Verdict::Kept, limit: None, wait: None, kept: None }
            );
        }
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
            let reply = read(429, headers, body);
            assert_eq!((reply.verdict, reply.wait), (Verdict::TooFast(scope), pause), "{headers:?} {body}");
        }
    }

    #[test]
    fn every_other_answer_means_dead_gone_refused_or_trouble() {
        let verdict = |status, body: &str| read(status, &[], body).verdict;
        let unknown = r#"{"message":"Unknown Webhook","code":10015}"#;
        assert_eq!(verdict(404, unknown), Verdict::Dead("404 Not Found: Unknown Webhook (10015)".into()));
        assert_eq!(verdict(404, r#"{"message":"Unknown Message","code":10008}"#), Verdict::Gone);
        assert_eq!(verdict(429, r#"{"message":"m","code":30046,"retry_after":3}"#), Verdict::TooOld);
        assert_eq!(verdict(401, ""), Verdict::Dead("401 Unauthorized".into()));
        assert_eq!(verdict(400, r#"{"embeds":["0"]}"#), Verdict::Refused("400 Bad Request".into()));
        assert_eq!(verdict(502, "<html>"), Verdict::Trouble("502 Bad Gateway".into()));
        assert_eq!(verdict(301, ""), Verdict::Trouble("301 Moved Permanently".into()));
        assert_eq!(verdict(200, "<html>not json"), Verdict::Kept);
    }
}
