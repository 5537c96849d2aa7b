//! What Slack's answer to one request means for the message and for the requests after it.
//!
//! Incoming webhooks answer in words: `ok`, or the name of what is wrong. Source: Slack's changelog of 2016-05-17.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::receiver::pace::retry_after;
use crate::receiver::{Answer, Form};
use crate::text;

/// One message a second in the long run: what Slack allows to a channel.
pub const PACE: Duration = Duration::from_secs(1);
const REASON_LIMIT: usize = 200;

/// Reads an answer to a message of this form, and how long the next one must wait. The body may be anything: a page of a
/// proxy, nothing.
#[must_use]
pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], form: Form) -> (Answer, Duration) {
    let word = text::clip(&text::line(&String::from_utf8_lossy(&body[..body.len().min(1024)])), REASON_LIMIT);
    let reason = if word.is_empty() { status.to_string() } else { format!("{status}: {word}") };
    let answer = match status.as_u16() {
        200..=299 => Answer::Done { id: None, form },
        429 => Answer::Wait,
        // The webhook, its channel or its app is gone, or may not post there any more.
        401 | 403 | 404 | 410 => Answer::Dead(reason),
        408 => Answer::Trouble(reason),
        400..=499 => Answer::Refused(reason),
        // `rollup_error` among them.
        _ => Answer::Trouble(reason),
    };
    (answer, retry_after(headers).unwrap_or(PACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_slacks_words_means_told_refused_dead_or_trouble() {
        let verdict = |status, word: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            read(status, &HeaderMap::new(), word.as_bytes(), Form::AsComposed).0
        };
        assert_eq!(verdict(200, "ok"), Answer::Done { id: None, form: Form::AsComposed });
        assert_eq!(verdict(400, "invalid_payload"), Answer::Refused("400 Bad Request: invalid_payload".into()));
        assert_eq!(verdict(403, "action_prohibited"), Answer::Dead("403 Forbidden: action_prohibited".into()));
        assert_eq!(verdict(404, "channel_not_found"), Answer::Dead("404 Not Found: channel_not_found".into()));
        assert_eq!(verdict(404, "no_service"), Answer::Dead("404 Not Found: no_service".into()));
        assert_eq!(verdict(410, "channel_is_archived"), Answer::Dead("410 Gone: channel_is_archived".into()));
        assert_eq!(verdict(500, "rollup_error"), Answer::Trouble("500 Internal Server Error: rollup_error".into()));
        assert_eq!(verdict(502, "<html>"), Answer::Trouble("502 Bad Gateway: <html>".into()));
    }

    #[test]
    fn slack_says_how_long_to_wait_and_otherwise_it_is_a_second() {
        let headers = [("retry-after".parse().unwrap(), "30".parse().unwrap())].into_iter().collect();
        let told = read(StatusCode::TOO_MANY_REQUESTS, &headers, b"rate_limited", Form::AsComposed);
        assert_eq!(told, (Answer::Wait, Duration::from_secs(30)));
        assert_eq!(read(StatusCode::OK, &HeaderMap::new(), b"ok", Form::AsComposed).1, PACE);
    }
}
