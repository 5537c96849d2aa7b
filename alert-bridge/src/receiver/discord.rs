//! A Discord channel, through a webhook.
//!
//! Discord has no way to recognise a repeated message. When an answer is lost on its way back, the message is sent again,
//! and may then stand in the channel twice: told twice is better than not told.

pub(crate) mod answer;
mod card;
mod fold;
pub(crate) mod http;
mod limits;
mod markdown;
pub(crate) mod payload;
mod style;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, error, warn};

use self::answer::{Reply, Verdict};
pub(super) use self::card::relative;
use self::http::{Call, Http, Post};
use self::limits::Budget;
pub use self::limits::{Rate, Shared};
use self::payload::Payload;
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
    /// Whether each message opens a post of a forum; the channel itself may have told us better than the configuration.
    forum: AtomicBool,
}

impl Discord {
    /// Prepares to post to `url`; `shared` is what all webhooks of this process have in common.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(url: WebhookUrl, style: Style, shared: Arc<Shared>, metrics: Metrics) -> anyhow::Result<Self> {
        let forum = style.thread_name.is_some().into();
        Ok(Self { discord: Http::new(url)?, style, metrics, budget: Budget::new(shared), forum })
    }
}

#[cfg(test)]
impl<P: Post> Discord<P> {
    /// Posts to a Discord that a test has made.
    pub(crate) fn over(discord: P, shared: Arc<Shared>) -> Self {
        let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
        Self { discord, style: Style::default(), metrics, budget: Budget::new(shared), forum: AtomicBool::new(false) }
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
        let thread = messages.first().and_then(thread);
        let there = messages.iter().take_while(|message| self::thread(message) == thread).count();
        fold::fits(&messages[..there], &self.style)
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
            match self.create(messages, payload).await {
                Answer::Refused(reason) => reason,
                answer => return answer,
            }
        } else {
            broken.join("; ")
        };
        let [message] = messages else { return Answer::Refused(refused) };
        error!("Discord does not take a card, so it goes out as plain text: {refused}");
        match self.create(messages, card::plain(message, &self.style)).await {
            Answer::Done { id, .. } => Answer::Done { id, form: Form::PlainText },
            // It is told the next time round, as a card again.
            answer => answer,
        }
    }

    /// Posts `payload`: in a forum in the post that it adds to, else as a post of its own. A channel that turns out to be of the
    /// other kind is asked again at once.
    async fn create(&self, messages: &[Message], payload: Payload) -> Answer {
        if let Some(thread) = messages.first().and_then(thread) {
            return self.ask(Call::Create(&payload, Some(thread))).await;
        }
        let forum = self.forum.load(Ordering::Relaxed);
        let answer = self.ask(Call::Create(&self.named(messages, payload.clone(), forum), None)).await;
        let found = self.forum.load(Ordering::Relaxed);
        if found == forum { answer } else { self.ask(Call::Create(&self.named(messages, payload, found), None)).await }
    }

    fn named(&self, messages: &[Message], payload: Payload, forum: bool) -> Payload {
        let name = self.style.thread_name.clone().unwrap_or_default();
        let thread_name = messages.first().filter(|_| forum).map(|message| name.of(message));
        Payload { thread_name, ..payload }
    }

    /// Notes what kind of channel it is, and tells the operator what to put into the configuration.
    fn learn_kind(&self, forum: bool, reason: &str) {
        if self.forum.swap(forum, Ordering::Relaxed) != forum {
            let advice = if forum { "is a forum: set `thread_name`" } else { "is no forum: leave `thread_name` out" };
            warn!("the channel {advice}. Messages go there all the same ({reason})");
        }
    }

    /// Makes one request, and learns what its answer says about those after it.
    async fn ask(&self, call: Call<'_>) -> Answer {
        let deed = if let Call::Create(..) = call { Deed::Post } else { Deed::Edit };
        self.budget.spend(deed);
        let Reply { verdict, limit, wait, kept } = match self.discord.call(call, Instant::now() + TIMEOUT).await {
            Ok(reply) => reply,
            Err(error) => return Answer::Trouble(format!("{:#}", anyhow::Error::new(error))),
        };
        self.budget.learn(deed, limit, kept.as_ref().and_then(|kept| kept.channel.as_deref()));
        match verdict {
            Verdict::Kept => {
                let opened = matches!(call, Call::Create(payload, _) if payload.thread_name.is_some());
                // A message in a thread is edited there.
                let id = kept.map(|kept| {
                    match kept.channel.filter(|channel| opened && channel.bytes().all(|byte| byte.is_ascii_digit())) {
                        Some(thread) => format!("{thread}/{}", kept.id),
                        None => kept.id,
                    }
                });
                Answer::Done { id, form: Form::AsComposed }
            }
            Verdict::IsAForum(reason) => {
                self.learn_kind(true, &reason);
                Answer::Refused(reason)
            }
            Verdict::IsNoForum(reason) => {
                self.learn_kind(false, &reason);
                Answer::Refused(reason)
            }
            Verdict::TooFast(scope) => {
                self.metrics.rate_limited(scope);
                let wait = wait.unwrap_or_default();
                debug!("Discord asks to wait {wait:?} ({} limit)", scope.as_str());
                self.budget.blocked(deed, scope, wait);
                Answer::Wait
            }
            Verdict::TooOld => Answer::TooOld(wait.unwrap_or_default()),
            Verdict::Gone => Answer::Gone,
            // Somebody has deleted or locked the post of one incident; that says nothing of the channel.
            Verdict::Nowhere(_) if call.names_a_thread() => Answer::Gone,
            Verdict::Nowhere(reason) => Answer::Dead(reason),
            Verdict::Refused(reason) => Answer::Refused(reason),
            Verdict::Dead(reason) => Answer::Dead(reason),
            Verdict::Trouble(reason) => Answer::Trouble(reason),
        }
    }
}

/// The post of a forum that `message` adds to.
fn thread(message: &Message) -> Option<&str> {
    message.beside.as_deref()?.split_once('/').map(|(thread, _)| thread)
}

/// Returns all of `text` so that it reads as it was written.
pub(super) fn escaped(text: &str) -> String {
    markdown::escape(text, usize::MAX)
}

#[cfg(test)]
mod tests;
