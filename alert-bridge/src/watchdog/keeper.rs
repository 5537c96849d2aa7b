//! The switch at work: with a clock, a memory on disk, and a way to people.

use std::sync::Arc;

use anyhow::Context as _;
use daemon::CancellationToken;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::{Config, Event, LOOK_EVERY, Memory, Watch, notice};
use crate::clock::Clock;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::outbox::kept::Kept;
use crate::outbox::{Outbox, Trouble};
use crate::webhook::Webhook;

/// Where the outbox keeps the memory.
const NAME: &str = "watchdog";
/// How old what is on disk may get: it only says since when it is silent.
const WRITE_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// The dead man's switch of a bridge; clones are the same one.
#[derive(Clone)]
pub struct Watchdog {
    state: Arc<Mutex<State>>,
    intake: Intake,
    outbox: Outbox,
    clock: Clock,
    metrics: Metrics,
}

struct State {
    watch: Watch,
    written: Memory,
    written_at: Timestamp,
}

impl Watchdog {
    /// Begins to listen, with what the last process remembered.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub async fn open(
        config: Config,
        intake: Intake,
        outbox: Outbox,
        clock: Clock,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let kept = outbox.kept(NAME).await.context("cannot read what the watchdog remembers")?;
        let memory = kept.and_then(|kept| {
            // What cannot be read is forgotten: the next sign of life begins anew.
            serde_json::from_str::<Memory>(&kept)
                .inspect_err(|error| warn!("the watchdog forgets everything: {error}"))
                .ok()
        });
        Ok(Self::new(config, memory.unwrap_or_default(), intake, outbox, clock, metrics))
    }

    /// Begins to listen with `memory`.
    pub fn new(config: Config, memory: Memory, intake: Intake, outbox: Outbox, clock: Clock, metrics: Metrics) -> Self {
        let now = clock.now();
        let state = State { watch: Watch::new(config, memory.clone(), now), written: memory, written_at: now };
        let (last, silent) = state.watch.state();
        metrics.watchdog(last, silent);
        Self { state: Arc::new(Mutex::new(state)), intake, outbox, clock, metrics }
    }

    /// Takes the sign of life out of `webhook`; returns whether there was one in it.
    ///
    /// # Errors
    /// When somebody has to be told that it is back, and that cannot be written down.
    pub async fn hear(&self, webhook: &mut Webhook) -> Result<bool, Trouble> {
        let mut state = self.state.lock().await;
        let Some(sources) = state.watch.take(webhook) else { return Ok(false) };
        let (mut watch, now) = (state.watch.clone(), self.clock.now());
        let events = sources.iter().filter_map(|source| watch.beat(source, now)).collect();
        self.settle(&mut state, watch, events, now).await?;
        Ok(true)
    }

    /// Looks until `stop` whether somebody has fallen silent.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => self.look().await,
            }
        }
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Err(trouble) = self.write(&mut state, now).await {
            warn!("the watchdog's memory is some seconds old: {trouble}");
        }
    }

    async fn look(&self) {
        let mut state = self.state.lock().await;
        let (mut watch, now) = (state.watch.clone(), self.clock.now());
        let events = watch.look(now);
        // It is looked again in a moment, and seen again.
        if let Err(trouble) = self.settle(&mut state, watch, events, now).await {
            warn!("the watchdog cannot write down what it saw: {trouble}");
        }
    }

    /// Makes `watch` the state once all `events` are on disk, with the memory that they were told.
    async fn settle(&self, state: &mut State, watch: Watch, events: Vec<Event>, now: Timestamp) -> Result<(), Trouble> {
        for event in &events {
            match event {
                Event::Silent { source, since, .. } => {
                    warn!("no sign of life from Prometheus and Alertmanager since {since} ({source})");
                }
                Event::Back { source, .. } => info!("Prometheus and Alertmanager are back ({source})"),
            }
            self.intake.webhook_keeping(&notice::webhook(event), kept(watch.memory())?).await?;
        }
        if !events.is_empty() {
            (state.written, state.written_at) = (watch.memory().clone(), now);
        }
        // The first sign of life of all arms the switch: a crash must not disarm it.
        let is_new = watch.memory().len() > state.written.len();
        state.watch = watch;
        if is_new || now.duration_since(state.written_at).abs() >= WRITE_EVERY {
            self.write(state, now).await?;
        }
        self.show(state);
        Ok(())
    }

    async fn write(&self, state: &mut State, now: Timestamp) -> Result<(), Trouble> {
        if state.watch.memory() != &state.written {
            self.outbox.keep(NAME, &kept(state.watch.memory())?.value).await?;
            state.written = state.watch.memory().clone();
        }
        state.written_at = now;
        Ok(())
    }

    fn show(&self, state: &State) {
        let (last, silent) = state.watch.state();
        self.metrics.watchdog(last, silent);
    }
}

fn kept(memory: &Memory) -> Result<Kept, Trouble> {
    let value = serde_json::to_string(memory).map_err(|error| Trouble::Other(error.to_string()))?;
    Ok(Kept { key: NAME.to_owned(), value })
}
