//! One for each receiver: takes events into its cards, and tells people what its cards have to tell.
//!
//! ```text
//!        ┌────────────────────────────────────────────────────────────────┐
//!        ▼                                                                │
//! take in what came ──▶ what is due, and when will the place take it? ──▶ wait for that, or for news
//!                                       │ now
//!                                       ▼
//!                     post │ short message │ edit ──▶ note in the outbox what was told
//! ```
//!
//! Only one thing is under way at a time, so a crash between the place's answer and our note of it repeats one message at
//! most. What is told is decided at the last moment: while the place makes us wait, more comes in and goes along.

mod backoff;
mod forget;
mod hold;
mod stand_in;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use daemon::CancellationToken;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{error, warn};

use self::backoff::Backoff;
pub use self::forget::Source;
use crate::clock::Clock;
use crate::incident::Following;
use crate::intake::Intake;
use crate::language::Language;
use crate::metrics::Metrics;
use crate::outbox::card::Agenda;
use crate::outbox::{Outbox, Trouble};
use crate::receiver::{Deed, Receiver};

/// So often the outbox is looked at, though nothing came in: `alert-bridge queue` may have changed it.
const TICK: Duration = Duration::from_secs(5);
/// Events that are taken in at once: what comes to the door meanwhile waits for that.
const TAKE_IN_COUNT: usize = 64;
const TAKE_IN_BYTES: usize = 1024 * 1024;
/// A message older than this can be edited a few times only.
const OLD: Duration = Duration::from_secs(3600);

/// The sender of one receiver.
pub struct Sender {
    name: String,
    receiver: Arc<dyn Receiver>,
    language: Language,
    fallback_after: Duration,
    following: Following,
    outbox: Outbox,
    intake: Intake,
    wake: Arc<Notify>,
    clock: Clock,
    metrics: Metrics,
    backoff: Backoff,
    /// Who knows what fires, if anybody does.
    source: Option<Arc<dyn Source>>,
    /// When forgotten cards were looked for last.
    swept: Option<Instant>,
    /// The last card that was looked at then; 0: all were.
    swept_to: i64,
    /// When the agenda was looked at last.
    looked: Option<Instant>,
    /// Whether others have been told that they stand in for this receiver.
    is_replaced: bool,
    /// How many cards one message may tell: fewer after one was refused, so that the one at fault is found; and after a try
    /// that brought no answer the same ones, so that no more than these can stand there twice.
    fold: usize,
}

/// What a sender tells, to whom.
pub struct Post {
    /// The receiver's name in the configuration.
    pub name: String,
    /// The receiver.
    pub receiver: Arc<dyn Receiver>,
    /// The language of its messages.
    pub language: Language,
    /// How long it may be unreachable before others take over.
    pub fallback_after: Duration,
}

/// What comes after a round.
enum Next {
    /// Another one, at once.
    Now,
    /// Another one then, or when something comes in.
    At(Instant),
}

impl Sender {
    /// Sets a sender up.
    #[must_use]
    pub fn new(
        post: Post,
        following: Following,
        outbox: Outbox,
        intake: Intake,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let wake = intake.wake(&post.name);
        let Post { name, receiver, language, fallback_after } = post;
        Self {
            name,
            receiver,
            language,
            fallback_after,
            following,
            outbox,
            intake,
            wake,
            clock,
            metrics,
            backoff: Backoff::default(),
            is_replaced: false,
            source: None,
            swept: None,
            swept_to: 0,
            looked: None,
            fold: usize::MAX,
        }
    }

    /// Asks `source` about cards that nobody tells of any more.
    #[must_use]
    pub fn asking(mut self, source: Arc<dyn Source>) -> Self {
        self.source = Some(source);
        self
    }

    /// Tells people what there is to tell, until `stop`; a message under way is finished.
    ///
    /// # Errors
    /// When the outbox is damaged: the next start sets it aside.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        self.begin().await;
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            let next = match self.round(&stop).await {
                Ok(next) => next,
                Err(Trouble::Stopping) => return Ok(()),
                Err(trouble @ Trouble::Damaged(_)) => return Err(trouble.into()),
                Err(trouble) => {
                    warn!(bridge.receiver = %self.name, "cannot look into the outbox: {trouble}");
                    Next::At(Instant::now() + Duration::from_secs(1))
                }
            };
            if let Next::At(moment) = next {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = self.wake.notified() => {}
                    () = sleep_until(moment.min(Instant::now() + TICK)) => {}
                }
            }
        }
    }

    /// Tells the receiver what was posted a moment ago: a restart is no reason to spend its budget twice.
    async fn begin(&mut self) {
        let now = self.clock.now();
        let Ok(since) = now.checked_sub(Duration::from_secs(600)) else { return };
        match self.outbox.posted_since(&self.name, since).await {
            Ok(moments) => {
                let age = |moment: &Timestamp| Duration::try_from(now.duration_since(*moment)).unwrap_or_default();
                self.receiver.remember(&moments.iter().map(age).collect::<Vec<_>>());
            }
            Err(trouble) => warn!(bridge.receiver = %self.name, "cannot look up what was posted before: {trouble}"),
        }
        // Whoever starts the bridge again has mended the address, or is about to see that it is still wrong.
        if let Err(trouble) = self.outbox.revive(&self.name).await {
            warn!(bridge.receiver = %self.name, "cannot try the receiver again: {trouble}");
        }
    }

    async fn round(&mut self, stop: &CancellationToken) -> Result<Next, Trouble> {
        loop {
            let taken = self.outbox.take_in(&self.name, TAKE_IN_COUNT, TAKE_IN_BYTES, self.following).await?;
            self.metrics.stale(taken.stale);
            if taken.events == 0 {
                break;
            }
        }
        self.forget_now_and_then().await?;
        // While nothing can be told, what comes in is only taken in; now and then somebody looks how much it is.
        let now = Instant::now();
        if let Some(until) = self.backoff.until()
            && self.looked.is_some_and(|looked| now < looked + TICK)
        {
            return Ok(Next::At(until));
        }
        self.looked = Some(now);
        let agenda = self.outbox.agenda(&self.name, self.clock.now()).await?;
        let waits = agenda.oldest.map_or(Duration::ZERO, |oldest| self.age(oldest));
        let is_dead = self.outbox.death(&self.name).await?.is_some();
        self.metrics.queue(&self.name, agenda.queued, waits, is_dead);
        if is_dead {
            self.hand_on(&agenda).await?;
            return Ok(Next::At(Instant::now() + TICK));
        }
        if self.backoff.lasts() >= self.fallback_after
            && self.backoff.until().is_some_and(|until| until > Instant::now())
        {
            // Until the next try; that one may bring something through again.
            self.announce_outage().await?;
            if self.hand_on(&agenda).await? {
                return Ok(Next::Now);
            }
        }
        let Some((moment, deed)) = self.next(&agenda) else { return Ok(Next::At(Instant::now() + TICK)) };
        let moment = self.backoff.until().map_or(moment, |until| until.max(moment));
        if moment > Instant::now() {
            return Ok(Next::At(moment));
        }
        match deed {
            Due::Post => self.post(stop).await?,
            Due::Notice => self.notice(stop).await?,
            Due::Edit(message) => self.edit(&message, stop).await?,
        }
        Ok(Next::Now)
    }

    /// What is to be done next, and when: what is new before what has changed, unless its way is closed for longer.
    fn next(&self, agenda: &Agenda) -> Option<(Instant, Due)> {
        let at = |due: Timestamp, deed| self.clock.instant(due).max(self.receiver.opens_at(deed));
        let post = agenda.post.map(|due| (at(due, Deed::Post), Due::Post));
        let notice = agenda.notice.map(|due| (at(due, Deed::Post), Due::Notice));
        let edit = agenda.edit.as_ref().map(|(due, message)| {
            let deed = if self.age(message.at) > OLD { Deed::EditOld } else { Deed::Edit };
            (at(*due, deed), Due::Edit(message.clone()))
        });
        // The first of equals is taken.
        [post, notice, edit].into_iter().flatten().min_by_key(|(moment, _)| (*moment).max(Instant::now()))
    }

    fn age(&self, moment: Timestamp) -> Duration {
        Duration::try_from(self.clock.now().duration_since(moment)).unwrap_or_default()
    }

    /// Writes that the place is gone, and tells it where somebody can still read it.
    async fn die(&mut self, reason: String) -> Result<(), Trouble> {
        error!(
            bridge.receiver = %self.name,
            "the receiver `{}` does not take messages any more: {reason}. Nothing is lost: what waits for it is told once \
             its address is mended and the bridge started again, or after `alert-bridge queue retry`.",
            self.name
        );
        self.outbox.bury(&self.name, &reason, self.clock.now()).await?;
        let others: Vec<String> = self.intake.routing().instead_of(&self.name).into_iter().map(str::to_owned).collect();
        if !others.is_empty() {
            let takes_over = !self.intake.routing().fallback(&self.name).is_empty();
            let note = self.language.receiver_is_dead(&self.name, &reason, takes_over, self.clock.now());
            self.intake.note_to(&note, others).await?;
        }
        Ok(())
    }
}

/// What can be due.
enum Due {
    Post,
    Notice,
    Edit(crate::outbox::card::Posted),
}

#[cfg(test)]
mod tests;
