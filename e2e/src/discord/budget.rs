//! Discord's rate limits: how many requests are left, for whom, and when there are more.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::answer::Answer;

/// The code that tells this refusal from the other 429.
const OLD_EDIT: u64 = 30_046;

/// So many requests in so long, written `5/2` (five in two seconds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests in one window.
    pub requests: u32,
    /// Length of the window, which begins with its first request.
    pub window: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a rate like 5/2 (requests / seconds)");
        let (requests, seconds) = text.split_once('/').ok_or_else(bad)?;
        let rate = Self {
            requests: requests.parse().map_err(|_| bad())?,
            window: Duration::try_from_secs_f64(seconds.parse().map_err(|_| bad())?).map_err(|_| bad())?,
        };
        if rate.requests == 0 || rate.window.is_zero() { Err(bad()) } else { Ok(rate) }
    }
}

/// Which rate limits hold; `None` switches one off.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For each webhook and method.
    pub webhook: Option<Rate>,
    /// For all requests together. Discord counts by address; here all come from one.
    pub global: Option<Rate>,
    /// For new messages of a channel, over all its webhooks. 30/60 is seen in the wild.
    pub channel: Option<Rate>,
    /// For edits of a channel's messages that are older than an hour. Not documented; 3/20 is seen in the wild.
    pub old_edits: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |requests, seconds| Some(Rate { requests, window: Duration::from_secs(seconds) });
        Self { webhook: rate(5, 2), global: rate(50, 1), channel: None, old_edits: rate(3, 20) }
    }
}

impl Limits {
    /// Returns whether anything is taken.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.webhook.is_none() && self.global.is_none() && self.channel.is_none() && self.old_edits.is_none()
    }

    /// No limits at all: for tests of something else.
    #[must_use]
    pub fn off() -> Self {
        Self { webhook: None, global: None, channel: None, old_edits: None }
    }
}

/// Whose limit refused a request: `X-RateLimit-Scope`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scope {
    /// The webhook's own.
    User,
    /// The channel's, used up by all its webhooks. Counts against nobody.
    Shared,
    /// The sender's.
    Global,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Global => "global",
        }
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Owner {
    Everyone,
    Webhook { id: String, token: String, method: String },
    Channel(String),
    OldEdits(String),
}

struct Window {
    start: Instant,
    used: u32,
    /// Whether somebody was told already to wait for the next one.
    announced: bool,
}

/// The windows that are open.
#[derive(Default)]
pub(super) struct Budgets {
    windows: HashMap<Owner, Window>,
    early_retries: usize,
}

impl Budgets {
    /// Spends one request: the headers that go with its answer, or the 429.
    pub(super) fn spend(
        &mut self,
        limits: &Limits,
        method: &str,
        (id, token, channel): (&str, &str, &str),
    ) -> Result<Vec<(&'static str, String)>, Answer> {
        if let Some(rate) = limits.global {
            self.take(Owner::Everyone, rate).map_err(|wait| too_many(Scope::Global, wait))?;
        }
        let mut headers = Vec::new();
        if let Some(rate) = limits.webhook {
            let owner = Owner::Webhook { id: id.into(), token: token.into(), method: method.into() };
            let taken = self.take(owner.clone(), rate);
            let reset = rate.window.saturating_sub(self.windows[&owner].start.elapsed()).as_secs_f64();
            let now = jiff::Timestamp::now().as_duration().as_secs_f64();
            headers = vec![
                ("x-ratelimit-limit", rate.requests.to_string()),
                ("x-ratelimit-remaining", taken.unwrap_or_default().to_string()),
                ("x-ratelimit-reset", format!("{:.3}", now + reset)),
                ("x-ratelimit-reset-after", format!("{reset:.3}")),
                // The same for all webhooks, as on Discord: bucket, id and token together are the key.
                ("x-ratelimit-bucket", format!("webhook-{}", method.to_lowercase())),
            ];
            if let Err(wait) = taken {
                return Err(too_many(Scope::User, wait).with_headers(headers));
            }
        }
        if let (Some(rate), "POST") = (limits.channel, method) {
            self.take(Owner::Channel(channel.into()), rate)
                .map_err(|wait| too_many(Scope::Shared, wait).with_headers(headers.clone()))?;
        }
        Ok(headers)
    }

    /// Spends one edit of a message that is older than an hour.
    pub(super) fn spend_old_edit(&mut self, limits: &Limits, channel: &str) -> Result<(), Answer> {
        let Some(rate) = limits.old_edits else { return Ok(()) };
        self.take(Owner::OldEdits(channel.into()), rate).map(drop).map_err(|wait| {
            let refusal = too_many(Scope::Shared, wait);
            let mut body = refusal.body.unwrap_or_default();
            body["code"] = json!(OLD_EDIT);
            body["message"] = json!("Maximum number of edits to messages older than 1 hour reached. Try again later.");
            Answer { body: Some(body), ..refusal }
        })
    }

    /// Requests that came although an earlier 429 had said to wait longer.
    pub(super) fn early_retries(&self) -> usize {
        self.early_retries
    }

    /// What is left in the window, or how long to wait for the next.
    fn take(&mut self, owner: Owner, rate: Rate) -> Result<u32, Duration> {
        let fresh = || Window { start: Instant::now(), used: 0, announced: false };
        let window = self.windows.entry(owner).or_insert_with(fresh);
        if window.start.elapsed() >= rate.window {
            *window = fresh();
        }
        if window.used < rate.requests {
            window.used += 1;
            return Ok(rate.requests - window.used);
        }
        if window.announced {
            self.early_retries += 1;
        }
        window.announced = true;
        Err(rate.window.saturating_sub(window.start.elapsed()))
    }
}

/// The 429 of `scope`. `Retry-After` is whole seconds, the body is exact.
pub(super) fn too_many(scope: Scope, wait: Duration) -> Answer {
    let wait = wait.as_secs_f64().max(0.001);
    let message = match scope {
        Scope::Shared => "The resource is being rate limited.",
        Scope::User | Scope::Global => "You are being rate limited.",
    };
    let exact = (wait * 1000.0).round() / 1000.0;
    let mut answer =
        Answer::new(429, json!({ "message": message, "retry_after": exact, "global": scope == Scope::Global }));
    answer.headers.push(("retry-after", wait.ceil().to_string()));
    answer.headers.push(("x-ratelimit-scope", scope.as_str().to_owned()));
    if scope == Scope::Global {
        answer.headers.push(("x-ratelimit-global", "true".to_owned()));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: (&str, &str, &str) = ("1", "token", "2");

    fn header(answer: &Answer, name: &str) -> String {
        answer.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn the_sixth_request_within_two_seconds_is_told_to_wait_for_the_rest_of_them() {
        let (limits, mut budgets) = (Limits::default(), Budgets::default());
        for left in ["4", "3", "2", "1", "0"] {
            let headers = budgets.spend(&limits, "POST", HOOK).unwrap();
            assert!(headers.contains(&("x-ratelimit-remaining", left.to_owned())), "{headers:?}");
        }
        tokio::time::advance(Duration::from_millis(500)).await;

        let refused = budgets.spend(&limits, "POST", HOOK).unwrap_err();

        assert_eq!(refused.body.as_ref().unwrap()["retry_after"], 1.5);
        assert_eq!(header(&refused, "retry-after"), "2");
        assert_eq!(header(&refused, "x-ratelimit-scope"), "user");
        budgets.spend(&limits, "PATCH", HOOK).unwrap();
        budgets.spend(&limits, "POST", ("3", "token", "4")).unwrap();
        assert_eq!(budgets.early_retries(), 0);
        budgets.spend(&limits, "POST", HOOK).unwrap_err();
        assert_eq!(budgets.early_retries(), 1);
        tokio::time::advance(Duration::from_millis(1500)).await;
        budgets.spend(&limits, "POST", HOOK).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_channel_refuses_while_the_webhook_looks_healthy() {
        let limits = Limits { channel: Some("3/30".parse().unwrap()), ..Limits::default() };
        let mut budgets = Budgets::default();
        for hook in ["1", "2", "3"] {
            budgets.spend(&limits, "POST", (hook, "token", "one channel")).unwrap();
        }

        let refused = budgets.spend(&limits, "POST", ("4", "token", "one channel")).unwrap_err();

        assert_eq!(header(&refused, "x-ratelimit-scope"), "shared");
        assert_eq!(header(&refused, "x-ratelimit-remaining"), "4");
        assert_eq!(header(&refused, "retry-after"), "30");
    }

    #[tokio::test(start_paused = true)]
    async fn the_global_limit_says_that_it_is_global() {
        let limits = Limits { global: Some("2/1".parse().unwrap()), ..Limits::default() };
        let mut budgets = Budgets::default();
        budgets.spend(&limits, "POST", ("1", "t", "1")).unwrap();
        budgets.spend(&limits, "POST", ("2", "t", "2")).unwrap();

        let refused = budgets.spend(&limits, "POST", ("3", "t", "3")).unwrap_err();

        assert_eq!(refused.body.as_ref().unwrap()["global"], true);
        assert_eq!(header(&refused, "x-ratelimit-global"), "true");
    }

    #[test]
    fn a_rate_is_a_number_of_requests_and_seconds() {
        assert_eq!("5/2".parse(), Ok(Rate { requests: 5, window: Duration::from_secs(2) }));
        for bad in ["", "5", "5/", "/2", "0/2", "5/0", "5/-1", "five/2", "1/inf"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
