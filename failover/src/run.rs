//! The supervisor: the core, with a clock, a Redis and a bot.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use daemon::{CancellationToken, listen};
use prometheus_client::registry::Registry;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, info, warn};

use crate::bot::{self, Order, Recipe};
use crate::clock::{self, Timer};
use crate::config::{Config, Sites};
use crate::core::clock::Moment;
use crate::core::event::{Action, Event, Leave, Loss, Notice};
use crate::core::record::{Request, Site};
use crate::core::rules::Rules;
use crate::core::timing::Timing;
use crate::core::{Budget, Core, Setup};
use crate::guard;
use crate::hooks::Hook;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::notify::{self, Note};
use crate::probe;
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
        let memory = Memory::open(&state_file(&config, &sites))?;
        let mut registry = Registry::default();
        let metrics = Metrics::register(registry.sub_registry_with_prefix("noroshi_failover"));
        let listener = listen::bind(config.listen, "the side-car").await?;
        let setup = Setup {
            site: sites.me(),
            sites: sites.names().len(),
            timing,
            budget: Budget { hourly: config.budget.hourly, daily: config.budget.daily },
            epoch: memory.epoch(),
            seed: random()?,
            rules: Rules::WHOLE,
        };
        let hook = |name, command: &[String]| Hook {
            name,
            command: command.to_vec(),
            timeout: config.hooks.timeout,
            site: sites.my_name().to_owned(),
        };
        let containment = tokio::task::spawn_blocking(guard::containment).await?;
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
        let teller = tokio::spawn(notify::tell(config.notify.url.clone(), config.notify_token()?, note_queue));
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
                () = sleep_until(feed_at) => {}
            }
            if clock::now() >= self.probe_at {
                self.probe().await;
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

    fn show(&self) {
        let now = clock::now();
        let leads_until = self.core.lease_end().filter(|_| self.core.leads(now)).map(|end| self.timing.stop_at(end));
        self.board.update(&self.core, &self.sites, leads_until, self.recipe.containment.as_str());
        let metrics = &self.metrics;
        metrics.is_in(self.core.phase());
        metrics.leads.set(i64::from(leads_until.is_some()));
        metrics.epoch.set(i64::try_from(self.core.highest_epoch()).unwrap_or(i64::MAX));
        let left = self.core.lease_end().map_or(0.0, |end| (end - now).to_duration().as_secs_f64());
        metrics.lease_left.set(left);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send(id, request) => self.call(id, request),
            Action::Disconnect => {
                if let Some(call) = self.calling.take() {
                    call.abort();
                }
                self.link.disconnect();
            }
            Action::Arm(at) => self.order(Order::Arm(at)),
            Action::Start { epoch } => {
                self.metrics.starts.inc();
                self.order(Order::Start { epoch });
            }
            Action::Terminate => self.order(Order::Terminate),
            Action::Kill => self.order(Order::Kill),
            Action::Tell(notice) => self.tell(notice),
        }
    }

    fn order(&self, order: Order) {
        // Its receiver lives as long as we do.
        let _ = self.orders.send(order);
    }

    fn call(&mut self, id: u64, request: Request) {
        let (link, events, metrics) = (self.link.clone(), self.events.clone(), self.metrics.clone());
        self.calling = Some(tokio::spawn(async move {
            let begin = tokio::time::Instant::now();
            let event = match link.call(&request).await {
                Ok(answer) => Event::Answered(id, answer),
                Err(error) => {
                    tracing::debug!("Redis: {error}");
                    Event::Unanswered(id)
                }
            };
            metrics.round_trip.set(begin.elapsed().as_secs_f64());
            let _ = events.send(event);
        }));
    }

    /// A bot that hangs is killed; then it is as if it had ended by itself.
    async fn probe(&mut self) {
        self.probe_at = clock::now() + self.config.probe.every.into();
        match probe::trouble(&self.config.probe).await {
            None => self.failures = 0,
            Some(reason) => {
                self.failures += 1;
                warn!(
                    "{} does not look well ({reason}): {} of {}",
                    self.recipe.name, self.failures, self.config.probe.failures
                );
                if self.failures >= self.config.probe.failures {
                    error!("{} hangs and is killed", self.recipe.name);
                    self.probe_at = Moment::NEVER;
                    self.order(Order::Kill);
                }
            }
        }
    }

    fn tell(&mut self, notice: Notice) {
        let name = |site: Option<Site>| site.map(|site| self.sites.name(site).to_owned());
        let bot = self.recipe.name.clone();
        match notice {
            Notice::Leads { epoch, from, why } => {
                self.metrics.changes.inc();
                let (me, from) = (self.sites.my_name().to_owned(), name(from).filter(|from| from != "?"));
                let language = self.config.notify.language;
                let gap = clock::now() - self.gap_since;
                info!(
                    failover.epoch = epoch,
                    "{me} leads under epoch {epoch}: {}",
                    crate::language::Language::En.why(why, from.as_deref())
                );
                if from.as_deref() == Some(&*me) {
                    return; // Where it was before: nothing for people.
                }
                let mut fields = Vec::new();
                if let Some(from) = &from {
                    fields.push((language.field("from").to_owned(), from.clone()));
                }
                fields.push((language.field("to").to_owned(), me.clone()));
                fields.push((language.field("epoch").to_owned(), epoch.to_string()));
                if self.had_leader {
                    fields.push((language.field("gap").to_owned(), gap.to_string()));
                }
                let (title, text) = (language.title(&bot, &me), language.why(why, from.as_deref()));
                let key = format!("failover:{}:{epoch}", self.config.namespace);
                let _ = self.notes.send(Note { level: "warning", title, text, fields, key });
            }
            Notice::Leaves { to, why } => {
                let to = name(to).unwrap_or_else(|| "whoever is first".to_owned());
                let why = match why {
                    Leave::Preferred => "a better site is back",
                    Leave::Stopping => "this supervisor was asked to end",
                    Leave::SteppedDown => "an operator asked for it",
                    Leave::FailedStarts => "it cannot be started here",
                    Leave::LeaseAtRisk => "Redis does not answer and the lease runs out",
                };
                info!("{bot} is given to {to}: {why}");
            }
            Notice::Lost(loss) => {
                self.metrics.lost.inc();
                let epoch = self.core.highest_epoch();
                let why = match loss {
                    Loss::LeaseOver => "the lease is over",
                    Loss::OtherHolder => "another holder was seen",
                    Loss::OldClient => "a client of the plain lock holds it",
                };
                warn!("the lease is lost: {why}");
                let hook = Hook {
                    name: "lost",
                    command: self.config.hooks.lost.clone(),
                    timeout: self.config.hooks.timeout,
                    site: self.sites.my_name().to_owned(),
                };
                tokio::spawn(async move { hook.run(epoch, Moment::NEVER).await });
            }
            Notice::Restarts(pause) => warn!("{bot} is started again in {pause}"),
            Notice::GaveUp => error!("{bot} cannot be kept running here, another site shall have it"),
            Notice::RedisRestarted => warn!("Redis was restarted"),
            Notice::Duplicate => error!(
                "another supervisor says that it is site {}: give each its own SITE_ID; neither can do harm meanwhile",
                self.sites.my_name()
            ),
            Notice::DuplicateGone => info!("no other supervisor uses our site's name any more"),
            Notice::OldClient => warn!(
                "{} is held by a client of the plain lock: no bot of ours starts while it is; stop that client to finish the move",
                self.link.keys().leader()
            ),
            Notice::NoSuccessor => warn!("nobody is ready to take the bot over, so it stays"),
            Notice::OfferLapsed(site) => warn!("{} was offered the bot and did not answer", self.sites.name(site)),
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The file of a site: of root below /var/lib, of others in their own home.
fn state_file(config: &Config, sites: &Sites) -> PathBuf {
    if let Some(path) = &config.state {
        return path.clone();
    }
    let name = format!("failover-{}-{}.json", config.namespace.replace(':', "_"), sites.my_name());
    let own = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    let home = || {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        state.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))
    };
    let directory = own.unwrap_or_else(|| {
        if rustix::process::geteuid().is_root() {
            return PathBuf::from("/var/lib/noroshi");
        }
        home().unwrap_or_else(std::env::temp_dir).join("noroshi")
    });
    directory.join(name)
}

/// A number that no other supervisor has.
fn random() -> anyhow::Result<u64> {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; 8];
    let filled = ring::rand::SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| anyhow::anyhow!("the system has no randomness"))?;
    Ok(u64::from_ne_bytes(bytes) | 1)
}
