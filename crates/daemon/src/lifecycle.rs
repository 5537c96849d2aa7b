//! From the start of all parts to the end of the last one.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Whether this process may be sent work. The admin page shows it, [`Lifecycle::run`] moves it.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Lights>);

#[derive(Default)]
struct Lights {
    running: AtomicBool,
    conditions: Mutex<Vec<(&'static str, Arc<AtomicBool>)>>,
}

/// Something that has to hold beside the process being up: that a part's upstream is there, say.
#[derive(Clone, Default)]
pub struct Condition(Arc<AtomicBool>);

impl Condition {
    /// Says whether it holds.
    pub fn set(&self, holds: bool) {
        self.0.store(holds, Ordering::Release);
    }
}

impl Readiness {
    /// Returns whether everything is built, nothing is stopping, and every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.obstacle().is_none()
    }

    /// Returns why this process may not be sent work, in a few words, if it may not.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        if !self.0.running.load(Ordering::Acquire) {
            return Some("starting or stopping");
        }
        let conditions = self.0.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.iter().find(|(_, holds)| !holds.load(Ordering::Acquire)).map(|(otherwise, _)| *otherwise)
    }

    /// Adds a condition, which does not hold yet; `otherwise` is what the page says while it does not.
    #[must_use]
    pub fn condition(&self, otherwise: &'static str) -> Condition {
        let condition = Condition::default();
        let light = (otherwise, Arc::clone(&condition.0));
        self.0.conditions.lock().unwrap_or_else(PoisonError::into_inner).push(light);
        condition
    }

    pub(crate) fn set(&self, ready: bool) {
        self.0.running.store(ready, Ordering::Release);
    }
}

/// Owns every task of a process: starts them, asks all to stop at once, and waits for the last.
///
/// A part that ends unasked is a failure with its name on it, and takes the process down in good order, so that
/// systemd starts a whole one again instead of leaving half of it alive.
pub struct Lifecycle {
    grace: Duration,
    stop: CancellationToken,
    readiness: Readiness,
    parts: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Lifecycle {
    /// Starts with no part; `grace` bounds the drain after a stop was asked for.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self { grace, stop: CancellationToken::new(), readiness: Readiness::default(), parts: JoinSet::new() }
    }

    /// Returns the light that goes on when [`Lifecycle::run`] begins and off when a stop begins.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Starts `part`; it gets the token that tells it to stop between two pieces of work.
    pub fn spawn<F>(&mut self, name: &'static str, part: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let part = part(self.stop.clone());
        self.parts.spawn(async move { (name, part.await) });
    }

    /// Runs until SIGTERM, SIGINT or the end of a part, then lets all parts finish what they have in hand.
    ///
    /// # Errors
    /// When a part failed, ended unasked, or was still busy after `grace`.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
        self.run_until(async move {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        })
        .await
    }

    async fn run_until(mut self, asked: impl Future<Output = &'static str>) -> anyhow::Result<()> {
        self.readiness.set(true);
        // Nobody listens outside systemd, and then there is nobody to miss it.
        let _ = sd_notify::notify(&[NotifyState::Ready]);

        let failure = tokio::select! {
            reason = asked => {
                info!("stopping on {reason}");
                None
            }
            Some(ended) = self.parts.join_next() => Some(unasked(ended)),
        };

        self.readiness.set(false);
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        self.stop.cancel();
        let drained = tokio::time::timeout(self.grace, drain(&mut self.parts)).await;
        match (failure, drained) {
            (Some(failure), _) => Err(failure),
            (None, Ok(result)) => result,
            (None, Err(_)) => {
                let left = self.parts.len();
                bail!("{left} part(s) were still busy {:?} after the stop and were cut off", self.grace)
            }
        }
    }
}

/// What to say of a part that ended while nobody had asked for it.
fn unasked(ended: Result<(&'static str, anyhow::Result<()>), tokio::task::JoinError>) -> anyhow::Error {
    let failure = match ended {
        Ok((name, Ok(()))) => anyhow!("{name} ended, though nobody asked it to"),
        Ok((name, Err(error))) => error.context(format!("{name} failed")),
        Err(panic) => anyhow!("a part panicked: {panic}"),
    };
    error!("stopping, because {failure:#}");
    failure
}

async fn drain(parts: &mut JoinSet<(&'static str, anyhow::Result<()>)>) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(ended) = parts.join_next().await {
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((name, Err(error))) => {
                warn!("{name} failed while stopping: {error:#}");
                result = Err(error.context(format!("{name} failed while stopping")));
            }
            Err(panic) => result = Err(anyhow!("a part panicked while stopping: {panic}")),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    fn lifecycle() -> Lifecycle {
        Lifecycle::new(Duration::from_secs(10))
    }

    #[tokio::test]
    async fn every_part_is_asked_to_stop_and_waited_for() {
        let mut lifecycle = lifecycle();
        let (done, mut finished) = tokio::sync::mpsc::unbounded_channel();
        for name in ["first", "second"] {
            let done = done.clone();
            lifecycle.spawn(name, |stop| async move {
                stop.cancelled().await;
                done.send(name)?;
                Ok(())
            });
        }

        lifecycle.run_until(ready("the test")).await.unwrap();

        let mut seen = [finished.recv().await.unwrap(), finished.recv().await.unwrap()];
        seen.sort_unstable();
        assert_eq!(seen, ["first", "second"]);
    }

    #[tokio::test]
    async fn a_part_that_ends_unasked_is_a_failure_with_its_name() {
        let mut lifecycle = lifecycle();
        let readiness = lifecycle.readiness();
        lifecycle.spawn("steady", |stop| async move {
            stop.cancelled().await;
            Ok(())
        });
        lifecycle.spawn("brittle", |_| async { Err(anyhow!("the disk is full")) });

        let error = lifecycle.run_until(pending()).await.unwrap_err();

        assert_eq!(format!("{error:#}"), "brittle failed: the disk is full");
        assert!(!readiness.is_ready());
    }

    #[test]
    fn a_process_is_ready_while_it_runs_and_every_condition_holds() {
        let readiness = Readiness::default();
        let upstream = readiness.condition("nobody is there");
        assert_eq!(readiness.obstacle(), Some("starting or stopping"));
        readiness.set(true);
        assert_eq!(readiness.obstacle(), Some("nobody is there"));
        upstream.set(true);
        assert!(readiness.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_never_stops_is_cut_off_after_the_grace() {
        let mut lifecycle = lifecycle();
        lifecycle.spawn("stubborn", |_| pending());

        let error = lifecycle.run_until(ready("the test")).await.unwrap_err();

        assert_eq!(error.to_string(), "1 part(s) were still busy 10s after the stop and were cut off");
    }
}
