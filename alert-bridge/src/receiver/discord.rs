//! A Discord channel, through a webhook.
//!
//! Messages leave one after the other, because Discord counts requests by webhook: a bucket that is empty makes the
//! next message wait instead of being refused. What each answer says about limits holds for every message after it.
//!
//! Discord has no way to recognise a repeated message. When an answer is lost on its way back, the message is sent again,
//! and may then stand in the channel twice: told twice is better than not told.

mod answer;
mod card;
mod http;
mod markdown;
mod payload;
mod style;
mod url;

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use self::answer::Verdict;
use self::http::{Http, Post};
use self::payload::Payload;
pub use self::style::{AvatarUrl, BotName, Mentions, RoleId, Style};
pub use self::url::{NotAWebhook, WebhookUrl};
use super::Patience;
use crate::delivery::{Delivered, Undelivered};
use crate::message::Message;
use crate::metrics::Metrics;

/// The first pause after a failure; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Discord's clock and ours do not tick together, and asking too early counts as one more offence.
const MARGIN: Duration = Duration::from_millis(50);
/// How long a dead webhook is left alone. Too many requests to one get the whole machine blocked by Cloudflare; but a
/// permission can be given back, so it is not for ever.
const DEAD_PAUSE: Duration = Duration::from_secs(300);
/// What an answer under way may take beyond the sender's patience: cutting it off would leave us not knowing.
const ANSWER_GRACE: Duration = Duration::from_millis(1500);

/// One webhook and everything we know about its limits.
pub struct Discord<P = Http> {
    discord: P,
    style: Style,
    metrics: Metrics,
    gate: Mutex<Gate>,
}

/// Whether the next request may go out. Whoever holds it is the only sender.
#[derive(Default)]
struct Gate {
    open_at: Option<Instant>,
    dead: Option<Death>,
}

struct Death {
    until: Instant,
    reason: String,
}

impl Discord {
    /// Prepares to post to `url`.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(url: WebhookUrl, style: Style, metrics: Metrics) -> anyhow::Result<Self> {
        Ok(Self { discord: Http::new(url)?, style, metrics, gate: Mutex::default() })
    }
}

impl<P: Post> Discord<P> {
    /// Delivers `message`, trying again as long as `patience` lasts.
    ///
    /// # Errors
    /// When it does not stand in the channel; see the note on lost answers at the top of this module.
    pub async fn deliver(&self, message: &Message, patience: &Patience) -> Result<Delivered, Undelivered> {
        let card = card::card(message, &self.style);
        let broken = payload::violations(&card);
        let mut gate = patience.lasts_for(self.gate.lock()).await?;
        if broken.is_empty() {
            match self.settle(&mut gate, &card, patience).await {
                Err(Undelivered::Refused(reason)) => {
                    error!("Discord refused a card, so it goes out as plain text: {reason}");
                }
                settled => return settled.map(|()| Delivered::AsComposed),
            }
        } else {
            error!("a card breaks Discord's limits, so it goes out as plain text: {}", broken.join("; "));
        }
        let plain = card::plain(message, &self.style);
        self.settle(&mut gate, &plain, patience).await.map(|()| Delivered::AsPlainText)
    }

    /// Posts until Discord has said yes or no.
    async fn settle(&self, gate: &mut Gate, payload: &Payload, patience: &Patience) -> Result<(), Undelivered> {
        let mut pause = FIRST_PAUSE;
        loop {
            gate.pass(patience).await?;
            let trouble = match self.discord.post(payload, patience.until() + ANSWER_GRACE).await {
                Ok(answer) => {
                    gate.open_at = answer.pause.map(|pause| Instant::now() + pause + MARGIN);
                    match answer.verdict {
                        Verdict::Kept => return Ok(()),
                        Verdict::Refused(reason) => return Err(Undelivered::Refused(reason)),
                        Verdict::Dead(reason) => return Err(gate.die(reason)),
                        Verdict::TooFast(scope) => {
                            self.metrics.rate_limited(scope);
                            debug!("Discord asks to wait {:?} ({} limit)", answer.pause, scope.as_str());
                            continue;
                        }
                        Verdict::Trouble(reason) => reason,
                    }
                }
                Err(error) => format!("{:#}", anyhow::Error::new(error)),
            };
            warn!("could not deliver yet: {trouble}");
            patience.sleep_until(Instant::now() + pause).await.map_err(|ended| ended.because(trouble))?;
            pause *= 2;
        }
    }
}

impl Gate {
    /// Waits until a request may go out.
    async fn pass(&mut self, patience: &Patience) -> Result<(), Undelivered> {
        if let Some(death) = self.dead.as_ref().filter(|death| death.until > Instant::now()) {
            return Err(Undelivered::Dead(death.reason.clone()));
        }
        self.dead = None;
        match self.open_at {
            Some(open_at) => patience.sleep_until(open_at).await.map_err(|ended| ended.for_limit(open_at)),
            None => Ok(()),
        }
    }

    fn die(&mut self, reason: String) -> Undelivered {
        error!(
            "Discord does not take messages through this webhook: {reason}. Nothing reaches the channel until \
             DISCORD_ALERT_WEBHOOK_URL (or bridge.webhook_url_file) names a webhook that exists: make one in the channel's \
             settings under Integrations, then start again. This one is asked again in {DEAD_PAUSE:?}."
        );
        self.dead = Some(Death { until: Instant::now() + DEAD_PAUSE, reason: reason.clone() });
        Undelivered::Dead(reason)
    }
}

#[cfg(test)]
mod tests;
