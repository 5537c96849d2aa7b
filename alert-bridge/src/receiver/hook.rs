//! A program of the operator's own, through a signed webhook. What it receives is told in docs/receivers.md.

mod body;
mod signature;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use ring::digest;
use tokio::time::Instant;

use self::body::Body;
pub use self::signature::{NotAKey, SigningKey};
use super::endpoint::Endpoint;
use super::pace::{Pace, retry_after};
use super::{Answer, Answering, Deed, Form, Receiver};
use crate::message::Message;
use crate::text;

const USER_AGENT: &str = concat!("noroshi-alert-bridge/", env!("CARGO_PKG_VERSION"));
const REASON_LIMIT: usize = 200;
/// Messages in one body. What waits longer comes with the next one.
const MESSAGES_LIMIT: usize = 100;
/// Alerts in one body, so that it stays below a megabyte or two.
const ALERTS_LIMIT: usize = 1000;

/// One receiver of signed webhooks.
pub struct Hook {
    client: reqwest::Client,
    url: Endpoint,
    key: SigningKey,
    pace: Pace,
}

impl Hook {
    /// Prepares to post to `url`, signing with `key`.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(url: Endpoint, key: SigningKey) -> anyhow::Result<Self> {
        Ok(Self { client: daemon::http::client(USER_AGENT)?, url, key, pace: Pace::default() })
    }

    async fn send(&self, messages: &[Message]) -> Answer {
        let body = match serde_json::to_vec(&Body::of(messages)) {
            Ok(body) => body,
            Err(error) => return Answer::Refused(format!("the message cannot be written as JSON: {error}")),
        };
        let (id, at) = (id(messages, &body), Timestamp::now());
        let request = self
            .client
            .post(self.url.expose())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", &id)
            .header("webhook-id", &id)
            .header("webhook-timestamp", at.as_second())
            .header("webhook-signature", self.key.sign(&id, at, &body))
            .body(body);
        match request.send().await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                let body = super::answer_body(response).await;
                self.read(status, &headers, &body)
            }
            // The error of a request carries its address, and an address may be a secret.
            Err(error) => Answer::Trouble(format!(
                "{:#}",
                anyhow::Error::new(error.without_url()).context("cannot reach the webhook")
            )),
        }
    }

    fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
        let said = text::clip(&text::line(&String::from_utf8_lossy(&body[..body.len().min(1024)])), REASON_LIMIT);
        let reason = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
        let pause = retry_after(headers);
        if let Some(pause) = pause {
            self.pace.wait(pause);
        }
        match status.as_u16() {
            200..=299 => Answer::Done { id: None, form: Form::AsComposed },
            429 | 503 if pause.is_some() => Answer::Wait,
            // A redirect is not followed: whoever moves the endpoint does not get the messages.
            300..=399 | 401 | 403 | 404 | 405 | 410 => Answer::Dead(reason),
            408 | 425 | 429 => Answer::Trouble(reason),
            400..=499 => Answer::Refused(reason),
            _ => Answer::Trouble(reason),
        }
    }
}

/// The same for every repetition of the same messages.
fn id(messages: &[Message], body: &[u8]) -> String {
    if let [Message { delivery, .. }] = messages
        && !delivery.is_empty()
        && delivery.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return delivery.clone();
    }
    let known = messages.iter().all(|message| !message.delivery.is_empty());
    let joined = messages.iter().map(|message| message.delivery.as_str()).collect::<Vec<_>>().join("\n");
    let digest = digest::digest(&digest::SHA256, if known { joined.as_bytes() } else { body });
    let hex: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{hex}")
}

impl Receiver for Hook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn opens_at(&self, _deed: Deed) -> Instant {
        self.pace.opens_at()
    }

    fn fits(&self, messages: &[Message]) -> usize {
        super::fit::count(messages, MESSAGES_LIMIT, ALERTS_LIMIT)
    }

    fn post<'a>(&'a self, messages: &'a [Message]) -> Answering<'a> {
        Box::pin(self.send(messages))
    }
}

#[cfg(test)]
mod tests;
