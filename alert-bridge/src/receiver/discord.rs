//! A Discord channel, through a webhook.
//!
//! Discord has no way to recognise a repeated message. When an answer is lost on its way back, the message is sent again,
//! and may then stand in the channel twice: told twice is better than not told.

mod answer;
mod card;
mod fold;
mod http;
mod limits;
mod markdown;
mod payload;
mod style;
mod url;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, error};

use self::answer::{Reply, Verdict};
use self::http::{Call, Http, Post};
use self::limits::Budget;
pub(super) use self::card::relative;
pub use self::limits::{Rate, Shared};
pub use self::style::{AvatarUrl, BotName, Mentions, RoleId, Style, ThreadName};
pub use self::url::{NotAWebhook, WebhookUrl};
use super::{Answer, Answering, Deed, Form, Receiver};
use crate::message::Message;
use crate::metrics::Metrics;

/// An answer that takes longer than this is none.
const TIMEOUT: Duration = Duration::from_secs(15);

/// One webhook and everything we know about its limits.
pub struct Discord<P = Http> {
    discord: P,
    style: Style,
    metrics: Metrics,
    budget: Budget,
}

impl Discord {
    /// Prepares to post to `url`; `shared` is what all webhooks of this process have in common.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(url: WebhookUrl, style: Style, shared: Arc<Shared>, metrics: Metrics) -> anyhow::Result<Self> {
        Ok(Self { discord: Http::new(url)?, style, metrics, budget: Budget::new(shared) })
    }
}

impl<P: Post> Receiver for Discord<P> {
    fn kind(&self) -> &'static str {
        "discord"
    }

    fn edits(&self) -> bool {
        true
    }

    fn opens_at(&self, deed: Deed) -> Instant {
        self.budget.opens_at(deed)
    }

    fn fits(&self, messages: &[Message]) -> usize {
        fold::fits(messages, &self.style)
    }

    fn remember(&self, ages: &[Duration]) {
        self.budget.remember(ages);
    }

    fn post<'a>(&'a self, messages: &'a [Message]) -> Answering<'a> {
        Box::pin(self.post(messages))
    }

    fn edit<'a>(&'a self, id: &'a str, messages: &'a [Message]) -> Answering<'a> {
        Box::pin(async move {
            let payload = fold::edit(messages, &self.style);
            let broken = payload::violations(&payload);
            if !broken.is_empty() {
                return Answer::Refused(broken.join("; "));
            }
            self.ask(Call::Edit(id, &payload)).await
        })
    }
}

impl<P: Post> Discord<P> {
    /// Posts `messages` as they are meant to look; in bare words if they are refused so.
    async fn post(&self, messages: &[Message]) -> Answer {
        let payload = fold::post(messages, &self.style);
        let broken = payload::violations(&payload);
        let refused = if broken.is_empty() {
            match self.ask(Call::Create(&payload)).await {
                Answer::Refused(reason) => reason,
                answer => return answer,
            }
        } else {
            broken.join("; ")
        };
        let [message] = messages else { return Answer::Refused(refused) };
        error!("Discord does not take a card, so it goes out as plain text: {refused}");
        match self.ask(Call::Create(&card::plain(message, &self.style))).await {
            Answer::Done { id, .. } => Answer::Done { id, form: Form::PlainText },
            // It is told the next time round, as a card again.
            answer => answer,
        }
    }

    /// Makes one request, and learns what its answer says about those after it.
    async fn ask(&self, call: Call<'_>) -> Answer {
        let deed = if let Call::Create(_) = call { Deed::Post } else { Deed::Edit };
        self.budget.spend(deed);
        let Reply { verdict, limit, wait, kept } = match self.discord.call(call, Instant::now() + TIMEOUT).await {
            Ok(reply) => reply,
            Err(error) => return Answer::Trouble(format!("{:#}", anyhow::Error::new(error))),
        };
        self.budget.learn(deed, limit, kept.as_ref().and_then(|kept| kept.channel.as_deref()));
        match verdict {
            Verdict::Kept => Answer::Done { id: kept.map(|kept| kept.id), form: Form::AsComposed },
            Verdict::TooFast(scope) => {
                self.metrics.rate_limited(scope);
                let wait = wait.unwrap_or_default();
                debug!("Discord asks to wait {wait:?} ({} limit)", scope.as_str());
                self.budget.blocked(deed, scope, wait);
                Answer::Wait
            }
            Verdict::TooOld => Answer::TooOld(wait.unwrap_or_default()),
            Verdict::Gone => Answer::Gone,
            Verdict::Refused(reason) => Answer::Refused(reason),
            Verdict::Dead(reason) => Answer::Dead(reason),
            Verdict::Trouble(reason) => Answer::Trouble(reason),
        }
    }
}

/// Returns all of `text` so that it reads as it was written.
pub(super) fn escaped(text: &str) -> String {
    markdown::escape(text, usize::MAX)
}

#[cfg(test)]
mod tests;
