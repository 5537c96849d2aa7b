//! The supervisor: the core, with a clock, a Redis and a bot.

mod act;
mod place;
mod tell;

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context as _;
use daemon::{CancellationToken, listen};
use prometheus_client::registry::Registry;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

use crate::bot::{self, Order, Recipe};
use crate::clock::{self, Timer};
use crate::config::{Config, Sites};
use crate::core::clock::Moment;
use crate::core::event::{Action, Event};
use crate::core::rules::Rules;
use crate::core::timing::Timing;
use crate::core::{Budget, Core, Setup};
use crate::guard;
use crate::hooks::Hook;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::notify::{self, Note};
use crate::redis::{Link, hints};
use crate::sidecar::Sidecar;
use crate::status::Board;

/// One site's supervisor, ready to run.
pub struct Failover {
    config: Config,
    sites: Sites,
    timing: Timing,
    core: Core,
    link: Link,
    memory: Memory,
    metrics: Metrics,
    board: Board,
    recipe: Recipe,
    listener: TcpListener,
    registry: Registry,
    events: (UnboundedSender<Event>, UnboundedReceiver<Event>),
}

impl Failover {
    /// Prepares everything that may fail before the lease is asked for: state file, side-car, containment.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub async fn build(config: Config, command: Vec<OsString>) -> anyhow::Result<Self> {
        let sites = config.sites()?;
        let timing = config.timing()?;
        let link = Link::new(&config, &sites)?;
        let memory = Memory::open(&place::state_file(&config, &sites))?;
        let mut registry = Registry::default();
        let metrics = Metrics::register(registry.sub_registry_with_prefix("noroshi_failover"));
        let listener = listen::bind(config.listen, "the side-car").await?;
        info!("the side-car listens on {}", listener.local_addr()?);
        let setup = Setup {
            site: sites.me(),
            sites: sites.names().len(),
            timing,
            budget: Budget { hourly: config.budget.hourly, daily: config.budget.daily },
            epoch: memory.epoch(),
            seed: place::random()?,
            rules: Rules::WHOLE,
        };
        let hook = |name, command: &[String]| Hook {
            name,
            command: command.to_vec(),
            timeout: config.hooks.timeout,
            site: sites.my_name().to_owned(),
        };
        let wanted = config.containment;
        let containment = tokio::task::spawn_blocking(move || match wanted {
            Some(wanted) => guard::works(wanted).then_some(wanted),
            None => Some(guard::containment()),
        });
        let containment =
            containment.await?.context("failover.containment asks for what this machine does not allow")?;
        let recipe = Recipe {
            command,
            containment,
            prestart: config.prestart,
            site: sites.my_name().to_owned(),
            name: config.bot_name().to_owned(),
            acquire: hook("acquire", &config.hooks.acquire),
            release: hook("release", &config.hooks.release),
        };
        info!("the bot is contained in {containment}");
        Ok(Self {
            core: Core::new(setup, memory.starts(), clock::now()),
            config,
            sites,
            timing,
            link,
            memory,
            metrics,
            board: Board::default(),
            recipe,
            listener,
            registry,
            events: unbounded_channel(),
        })
    }

    /// Runs the command whenever this site leads, until `stop`; then gives the bot away in good order.
    ///
    /// # Errors
    /// When the side-car's listener or the clock breaks.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { config, sites, timing, core, link, memory, metrics, board, recipe, listener, registry, events } =
            self;
        let (sender, mut happenings) = events;
        let (orders, order_queue) = unbounded_channel();
        let (notes, note_queue) = unbounded_channel();
        let (hint, mut hinted) = channel(1);
        let mut helpers = JoinSet::new();
        helpers.spawn(hints(link.clone(), hint));
        helpers.spawn(bot::keep(recipe.clone(), order_queue, sender.clone()));
        let teller = tokio::spawn(notify::tell(
            config.notify.url.clone(),
            config.notify_token()?,
            memory.beside("notes"),
            note_queue,
        ));
        let closing = CancellationToken::new();
        let sidecar = Sidecar { listener, board: board.clone(), registry, events: sender.clone() };
        let sidecar = tokio::spawn(sidecar.run(closing.clone()));
        let mut supervisor = Supervisor {
            config,
            sites,
            timing,
            core,
            link,
            memory,
            metrics,
            board,
            recipe,
            events: sender,
            orders,
            notes,
            calling: None,
            actions: Vec::new(),
            bot_since: None,
            failures: 0,
            probe_at: Moment::NEVER,
            probing: None,
            gap_since: clock::now(),
            had_leader: false,
        };
        info!("site {} of {}; {}", supervisor.sites.my_name(), supervisor.sites.names().len(), supervisor.link.place());
        let result = supervisor.live(&stop, &mut happenings, &mut hinted).await;
        closing.cancel();
        drop(supervisor);
        // The last message has a moment to leave.
        let _ = tokio::time::timeout(Duration::from_secs(2), teller).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), sidecar).await;
        helpers.shutdown().await;
        result
    }
}

struct Supervisor {
    config: Config,
    sites: Sites,
    timing: Timing,
    core: Core,
    link: Link,
    memory: Memory,
    metrics: Metrics,
    board: Board,
    recipe: Recipe,
    events: UnboundedSender<Event>,
    orders: UnboundedSender<Order>,
    notes: UnboundedSender<Note>,
    calling: Option<JoinHandle<()>>,
    actions: Vec<Action>,
    bot_since: Option<Moment>,
    failures: u32,
    probe_at: Moment,
    probing: Option<JoinHandle<Option<String>>>,
    gap_since: Moment,
    had_leader: bool,
}

impl Supervisor {
    async fn live(
        &mut self,
        stop: &CancellationToken,
        happenings: &mut UnboundedReceiver<Event>,
        hinted: &mut Receiver<()>,
    ) -> anyhow::Result<()> {
        let timer = Timer::new().context("there is no timer on CLOCK_BOOTTIME")?;
        let watchdog = sd_notify::watchdog_enabled().map(|period| period / 3);
        let mut fed = tokio::time::Instant::now();
        let mut stopping = false;
        let mut hints_are_over = false;
        self.step(Event::Tick);
        while !self.core.is_done() {
            let wake_at = self.core.wake_at().min(self.probe_at);
            let feed_at = watchdog.map(|period| fed + period);
            tokio::select! {
                biased;
                done = timer.until(wake_at) => {
                    done?;
                    self.metrics.late.set((clock::now() - wake_at).to_duration().as_secs_f64().min(3600.0));
                    self.step(Event::Tick);
                }
                Some(event) = happenings.recv() => self.step(event),
                hint = hinted.recv(), if !hints_are_over => match hint {
                    Some(()) => self.step(Event::Hint),
                    None => hints_are_over = true,
                },
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.step(Event::Stop);
                }
                trouble = outcome(&mut self.probing) => {
                    self.probing = None;
                    self.probed(trouble);
                }
                () = sleep_until(feed_at) => {}
            }
            if clock::now() >= self.probe_at {
                self.probe();
            }
            if feed_at.is_some_and(|at| tokio::time::Instant::now() >= at) {
                fed = tokio::time::Instant::now();
                // Third line of defence: systemd ends us all if a bot runs without a lease.
                if self.bot_since.is_none() || self.core.lease_end().is_some_and(|end| clock::now() < end) {
                    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::BotUp => {
                self.bot_since = Some(clock::now());
                self.failures = 0;
                let probes = self.config.probe.http.is_some() || self.config.probe.file.is_some();
                self.probe_at = if probes { clock::now() + self.config.probe.after.into() } else { Moment::NEVER };
            }
            Event::BotGone { .. } => {
                self.bot_since = None;
                self.gap_since = clock::now();
                self.probe_at = Moment::NEVER;
                if let Some(probing) = self.probing.take() {
                    probing.abort();
                }
            }
            Event::Answered(..) => {
                self.metrics.answers.inc();
            }
            Event::Unanswered(_) => {
                self.metrics.errors.inc();
            }
            _ => {}
        }
        let leader = self.core.leader();
        let mut actions = std::mem::take(&mut self.actions);
        self.core.step(clock::now(), event, &mut actions);
        for action in actions.drain(..) {
            self.act(action);
        }
        self.actions = actions;
        if self.core.leader().is_some() {
            self.had_leader = true;
        } else if leader.is_some() && self.bot_since.is_none() {
            self.gap_since = clock::now(); // The other site's bot is gone: this is where the gap begins.
        }
        if let Err(error) = self.memory.keep(&self.core) {
            warn!("the state file cannot be written: {error:#}");
        }
        self.show();
    }
}

/// What a probe that is under way finds.
async fn outcome(probing: &mut Option<JoinHandle<Option<String>>>) -> Option<String> {
    match probing {
        Some(work) => work.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
