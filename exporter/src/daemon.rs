//! Pushing for as long as the machine is up.
//!
//! ```text
//!            ┌─ every interval ── collect ─▶ deliver
//! one loop ──┼─ a connection to `listen` ── collect ─▶ answer
//!            ├─ SIGHUP ── read the configuration anew; a bad one is refused and the old one stays
//!            └─ SIGTERM ── one last push, which says that the stop was meant
//! ```
//!
//! Nothing else runs beside this loop, so the watchdog that it feeds is the life of the whole process.

mod page;
mod words;

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::words::Words;
use crate::config::Loopback;
use crate::delivery::Delivery;
use crate::exporter::Exporter;
use crate::stopping::Stopping;

/// How long the last push may take.
const FAREWELL: Duration = Duration::from_secs(5);
/// A tick that never comes, for those who feed no watchdog: long, since there is no interval without end.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the configuration decides, and what a SIGHUP replaces.
pub struct Plan {
    /// What reads this host.
    pub exporter: Exporter,
    /// Where pages go.
    pub delivery: Delivery,
    /// Pause between two pushes.
    pub interval: Duration,
    /// Where pages are given on request.
    pub listen: Option<Loopback>,
}

/// Reads the configuration anew.
pub type Reload<'a> = &'a mut dyn FnMut(&mut dyn FnMut(String)) -> anyhow::Result<Plan>;

/// The exporter as a service.
pub struct Daemon {
    exporter: Rc<Exporter>,
    delivery: Delivery,
    interval: Duration,
    listen: Option<Loopback>,
    listener: Option<TcpListener>,
}

/// What woke the loop.
enum Event {
    Tick,
    Feed,
    Hangup,
    Stop(&'static str),
}

impl Daemon {
    /// Takes what `plan` says, and binds the listener.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn build(plan: Plan) -> anyhow::Result<Self> {
        let Plan { exporter, delivery, interval, listen } = plan;
        let listener = match listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let delivery = delivery.every(interval);
        Ok(Self { exporter: Rc::new(exporter), delivery, interval, listen, listener })
    }

    /// Runs until SIGTERM or SIGINT. Must be run in a [`tokio::task::LocalSet`].
    ///
    /// # Errors
    /// When signals cannot be watched. A push that fails is told and the next one tried.
    pub async fn run(mut self, reload: Reload<'_>, say: &mut dyn FnMut(String)) -> anyhow::Result<()> {
        let watch = |kind, name| signal(kind).with_context(|| format!("cannot watch for {name}"));
        let mut terminate = watch(SignalKind::terminate(), "SIGTERM")?;
        let mut interrupt = watch(SignalKind::interrupt(), "SIGINT")?;
        let mut hangup = watch(SignalKind::hangup(), "SIGHUP")?;
        let mut ticks = ticks(self.interval);
        // Twice in the time that systemd waits.
        let mut feeds = interval(sd_notify::watchdog_enabled().map_or(NEVER, |limit| limit / 2));
        feeds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut words = Words::default();
        say(format!("pushing to {} every {:?}", self.delivery.gateway(), self.interval));
        notify(&[NotifyState::Ready]);
        loop {
            match self.next(&mut ticks, &mut feeds, &mut hangup, &mut terminate, &mut interrupt).await {
                // In the arm: never cut off halfway.
                Event::Tick => self.push(&mut words, say).await,
                Event::Feed => {}
                Event::Hangup => {
                    if self.reload(reload, say).await {
                        ticks = self::ticks(self.interval);
                    }
                }
                Event::Stop(signal) => {
                    notify(&[NotifyState::Stopping]);
                    say(format!("stopping on {signal}"));
                    self.say_farewell(say).await;
                    return Ok(());
                }
            }
            notify(&[NotifyState::Watchdog]);
        }
    }

    async fn next(
        &self,
        ticks: &mut Interval,
        feeds: &mut Interval,
        hangup: &mut Signal,
        terminate: &mut Signal,
        interrupt: &mut Signal,
    ) -> Event {
        tokio::select! {
            _ = terminate.recv() => Event::Stop("SIGTERM"),
            _ = interrupt.recv() => Event::Stop("SIGINT"),
            _ = hangup.recv() => Event::Hangup,
            _ = ticks.tick() => Event::Tick,
            _ = feeds.tick() => Event::Feed,
            () = page::serve(self.listener.as_ref(), &self.exporter) => Event::Feed,
        }
    }

    async fn push(&mut self, words: &mut Words, say: &mut dyn FnMut(String)) {
        let mut warnings = Vec::new();
        let warn = &mut |warning| warnings.push(warning);
        let result = self.exporter.push_as(&mut self.delivery, Some(Stopping::No), warn).await;
        words.tell(warnings, result, say);
    }

    async fn say_farewell(&mut self, say: &mut dyn FnMut(String)) {
        let warn = &mut |_| ();
        let push = self.exporter.push_as(&mut self.delivery, Some(Stopping::Yes), warn);
        match tokio::time::timeout(FAREWELL, push).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => say(format!("warning: nobody was told of this stop: {error:#}")),
            Err(_) => say(format!("warning: nobody was told of this stop: it took longer than {FAREWELL:?}")),
        }
    }

    /// Returns whether there is a new plan.
    async fn reload(&mut self, reload: Reload<'_>, say: &mut dyn FnMut(String)) -> bool {
        let mut states = vec![NotifyState::Reloading];
        states.extend(NotifyState::monotonic_usec_now().ok());
        notify(&states);
        let mut plan = reload(&mut |warning| say(format!("warning: {warning}")));
        let mut listener = None;
        if let Ok(new) = &plan
            && new.listen != self.listen
            && let Some(address) = new.listen
        {
            match bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => plan = Err(error),
            }
        }
        let is_new = match plan {
            Ok(Plan { exporter, delivery, interval, listen }) => {
                if listen != self.listen {
                    self.listener = listener;
                }
                self.delivery = delivery.every(interval);
                (self.exporter, self.interval, self.listen) = (Rc::new(exporter), interval, listen);
                say(format!("read the configuration anew: pushing to {} every {interval:?}", self.delivery.gateway()));
                true
            }
            Err(error) => {
                say(format!("warning: the new configuration is refused and the old one stays: {error:#}"));
                false
            }
        };
        notify(&[NotifyState::Ready]);
        is_new
    }
}

/// Counts time as it passes for us, whatever the clock on the wall is set to. After a night asleep, or a push that took
/// too long, the next tick comes at once and the others follow at their distance from it.
fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn bind(Loopback(address): Loopback) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Nobody listens outside systemd, and then there is nobody to miss it.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
