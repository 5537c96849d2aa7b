//! Pushing for as long as the machine is up.
//!
//! ```text
//!            ┌─ every interval ── collect ─▶ deliver
//! one loop ──┼─ SIGHUP ── read the configuration anew; a bad one is refused and the old one stays
//!            └─ SIGTERM ── cuts short the push under way, and sends one last that says that the stop was meant
//!
//! beside it ── a connection to `listen` ── collect ─▶ answer
//! ```
//!
//! All of it runs on one thread, so the watchdog that the loop feeds is the life of the whole process.

mod page;
mod words;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use self::page::{Current, Server};
use self::words::Words;
use crate::delivery::Delivery;
use crate::exporter::{Exporter, Pushed};
use crate::settings::Loopback;
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
    exporter: Current,
    delivery: Delivery,
    interval: Duration,
    listen: Option<Loopback>,
    server: Option<Server>,
}

/// The signals that end us.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    fn watch() -> anyhow::Result<Self> {
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: watch(terminate, "SIGTERM")?, interrupt: watch(interrupt, "SIGINT")? })
    }

    /// Waits for one of them, and returns its name.
    async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl Daemon {
    /// Takes what `plan` says, and binds the listener. Must be called in a [`tokio::task::LocalSet`].
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn build(plan: Plan) -> anyhow::Result<Self> {
        let Plan { exporter, delivery, interval, listen } = plan;
        let exporter = Rc::new(RefCell::new(Rc::new(exporter)));
        let server = match listen {
            Some(address) => Some(Server::start(bind(address).await?, Rc::clone(&exporter))),
            None => None,
        };
        Ok(Self { exporter, delivery: delivery.every(interval), interval, listen, server })
    }

    /// Runs until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When signals cannot be watched. A push that fails is told and the next one tried.
    pub async fn run(mut self, reload: Reload<'_>, say: &mut dyn FnMut(String)) -> anyhow::Result<()> {
        let mut ends = Ends::watch()?;
        let mut hangup = watch(SignalKind::hangup(), "SIGHUP")?;
        let mut ticks = ticks(self.interval);
        // Twice in the time that systemd waits.
        let mut feeds = interval(sd_notify::watchdog_enabled().map_or(NEVER, |limit| limit / 2));
        feeds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut words = Words::default();
        say(format!("pushing to {} every {:?}", self.delivery.gateway(), self.interval));
        notify(&[NotifyState::Ready]);
        let stopped_by = loop {
            tokio::select! {
                signal = ends.recv() => break signal,
                _ = hangup.recv() => {
                    if self.reload(reload, say).await {
                        ticks = self::ticks(self.interval);
                    }
                }
                _ = ticks.tick() => {
                    if let Some(signal) = self.push(&mut feeds, &mut ends, &mut words, say).await {
                        break signal;
                    }
                }
                _ = feeds.tick() => {}
            }
            notify(&[NotifyState::Watchdog]);
        };
        notify(&[NotifyState::Stopping]);
        say(format!("stopping on {stopped_by}"));
        self.say_farewell(say).await;
        Ok(())
    }

    /// Pushes once, and feeds the watchdog meanwhile. A signal to stop cuts it short, and is returned.
    async fn push(
        &mut self,
        feeds: &mut Interval,
        ends: &mut Ends,
        words: &mut Words,
        say: &mut dyn FnMut(String),
    ) -> Option<&'static str> {
        let stop = CancellationToken::new();
        self.delivery.stop_with(stop.clone());
        let exporter = Rc::clone(&self.exporter.borrow());
        let (mut warnings, mut stopped_by) = (Vec::new(), None);
        let result = {
            let warn = &mut |warning| warnings.push(warning);
            let mut push = pin!(exporter.push_as(&mut self.delivery, Some(Stopping::No), warn));
            loop {
                tokio::select! {
                    biased;
                    result = &mut push => break result,
                    signal = ends.recv(), if stopped_by.is_none() => {
                        stopped_by = Some(signal);
                        // It keeps what there is to be kept, and returns.
                        stop.cancel();
                    }
                    _ = feeds.tick() => notify(&[NotifyState::Watchdog]),
                }
            }
        };
        // What was cut short has failed for no reason of its own.
        if stopped_by.is_none() {
            words.tell(warnings, result, say);
        }
        stopped_by
    }

    /// Sends the last push, which nothing but its own limit cuts short.
    async fn say_farewell(&mut self, say: &mut dyn FnMut(String)) {
        let limit = CancellationToken::new();
        self.delivery.stop_with(limit.clone());
        let exporter = Rc::clone(&self.exporter.borrow());
        let warn = &mut |_| ();
        let mut push = pin!(exporter.push_as(&mut self.delivery, Some(Stopping::Yes), warn));
        let result = tokio::select! {
            biased;
            result = &mut push => result,
            () = sleep(FAREWELL) => {
                limit.cancel();
                push.await
            }
        };
        match result {
            Ok(Pushed::NotYet) => say(format!("warning: nobody was told of this stop within {FAREWELL:?}")),
            Ok(_) => {}
            Err(error) => say(format!("warning: nobody was told of this stop: {error:#}")),
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
                *self.exporter.borrow_mut() = Rc::new(exporter);
                if listen != self.listen {
                    self.server = listener.map(|listener| Server::start(listener, Rc::clone(&self.exporter)));
                }
                self.delivery = delivery.every(interval);
                (self.interval, self.listen) = (interval, listen);
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

fn watch(kind: SignalKind, name: &str) -> anyhow::Result<Signal> {
    signal(kind).with_context(|| format!("cannot watch for {name}"))
}

/// Counts time as it passes for us, whatever the clock on the wall is set to. After a night asleep, or a push that took
/// too long, the next tick comes at once and the others follow at their distance from it.
fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn bind(listen: Loopback) -> anyhow::Result<TcpListener> {
    let address = listen.address();
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Nobody listens outside systemd, and then there is nobody to miss it.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
