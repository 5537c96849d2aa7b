//! A Slack channel, through an incoming webhook.
//!
//! Slack answers without an id, so nothing can be edited: every change is a message of its own. One message a second is what
//! it allows, so what waits meanwhile goes out as one.

mod answer;
mod card;
mod markup;
mod payload;
mod style;

use tokio::time::Instant;
use tracing::error;

pub(super) use self::card::date;
use self::payload::Payload;
pub use self::style::{SlackMention, SlackMentions, SlackName, Style};
use super::endpoint::Endpoint;
use super::pace::Pace;
use super::{Answer, Answering, Deed, Form, Receiver};
use crate::message::Message;
use crate::template::Templates;

const USER_AGENT: &str = concat!("noroshi-alert-bridge/", env!("CARGO_PKG_VERSION"));

/// One incoming webhook.
pub struct Slack {
    client: reqwest::Client,
    url: Endpoint,
    style: Style,
    templates: Templates,
    pace: Pace,
}

impl Slack {
    /// Prepares to post to `url`.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(url: Endpoint, style: Style, templates: Templates) -> anyhow::Result<Self> {
        let client = daemon::http::client(USER_AGENT)?;
        Ok(Self { client, url, style, templates, pace: Pace::default() })
    }

    async fn settle(&self, messages: &[Message]) -> Answer {
        let card = card::card(messages, &self.style, &self.templates);
        let broken = payload::violations(&card);
        if broken.is_empty() {
            match self.send(&card, Form::AsComposed).await {
                Answer::Refused(reason) => error!("Slack refused a card, so it goes out as plain text: {reason}"),
                settled => return settled,
            }
        } else {
            error!("a card breaks Slack's limits, so it goes out as plain text: {}", broken.join("; "));
        }
        self.send(&card::plain(messages, &self.style), Form::PlainText).await
    }

    async fn send(&self, payload: &Payload, form: Form) -> Answer {
        let call = async {
            let response = self.client.post(self.url.expose()).json(payload).send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            // An answer that breaks off halfway is still an answer: its status is what counts.
            let body = super::answer_body(response).await;
            Ok::<_, reqwest::Error>(answer::read(status, &headers, &body, form))
        };
        match call.await {
            Ok((answer, pause)) => {
                self.pace.wait(pause);
                answer
            }
            // The error of a request carries its address, and with it the token.
            Err(error) => {
                Answer::Trouble(format!("{:#}", anyhow::Error::new(error.without_url()).context("cannot reach Slack")))
            }
        }
    }
}

impl Receiver for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn opens_at(&self, _deed: Deed) -> Instant {
        self.pace.opens_at()
    }

    fn fits(&self, messages: &[Message]) -> usize {
        card::fits(messages)
    }

    fn post<'a>(&'a self, messages: &'a [Message]) -> Answering<'a> {
        Box::pin(self.settle(messages))
    }
}

/// Returns all of `text` so that it reads as it was written.
pub(super) fn escaped(text: &str) -> String {
    markup::escape(text, usize::MAX)
}

#[cfg(test)]
mod tests;
