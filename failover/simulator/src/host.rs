//! One host: a clock that is a little off, and three processes on it.

use failover::core::clock::{Moment, Span};
use failover::core::event::Action;
use failover::core::{Budget, Core, Setup, Starts, record::Site};

use crate::plan::{Cut, Plan};
use crate::random::Random;

/// A clock that is too fast or too slow by a constant share.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    ppm: i64,
    real_zero: i64,
    local_zero: i64,
}

impl Clock {
    fn new(random: &mut Random, drift_ppm: i64) -> Self {
        // The extremes are what a proof breaks at.
        let ppm = match random.index(3) {
            0 => -drift_ppm,
            1 => drift_ppm,
            _ => random.between(-drift_ppm, drift_ppm + 1),
        };
        Self { ppm, real_zero: 0, local_zero: random.between(0, 1_000_000_000) }
    }

    /// What it shows at the real time `real`.
    #[must_use]
    pub fn at(&self, real: i64) -> Moment {
        let passed = real - self.real_zero;
        Moment::from_micros(self.local_zero + passed + passed * self.ppm / 1_000_000)
    }

    /// The first real time at which it shows `local`.
    #[must_use]
    pub fn when(&self, local: Moment) -> i64 {
        let to_pass = local.as_micros() - self.local_zero;
        // Times far away are as good as never, and must not overflow.
        let to_pass = to_pass.min(1 << 42);
        let mut real = self.real_zero + to_pass * 1_000_000 / (1_000_000 + self.ppm);
        while self.at(real) < local && to_pass < 1 << 42 {
            real += 1;
        }
        real
    }

    /// It stood still for `time` of real time.
    pub fn stand_still(&mut self, time: i64) {
        self.real_zero += time;
    }
}

/// A bot process with all that it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bot {
    /// Which one it is.
    pub id: u64,
    /// Runs, as far as a watcher with a god's eye can tell.
    pub alive: bool,
    /// Was asked to end.
    pub stopping: bool,
    /// When it was started, by the host's clock.
    pub since: Moment,
}

/// A host with its supervisor, guard and bot.
#[derive(Debug)]
pub struct Host {
    /// Its CLOCK_BOOTTIME.
    pub clock: Clock,
    /// Which site its supervisor believes to be.
    pub site: Site,
    /// The supervisor's side of the protocol: the product's own code.
    pub core: Core,
    /// Counts the supervisor processes: what was meant for an earlier one is void.
    pub incarnation: u32,
    /// Whether the supervisor process exists.
    pub supervised: bool,
    /// Up to when the supervisor is stopped.
    pub supervisor_stopped: i64,
    /// Up to when the guard is stopped.
    pub guard_stopped: i64,
    /// Up to when the whole machine stands still.
    pub frozen: i64,
    /// The present cut from Redis.
    pub cut: Cut,
    /// The moment at which the guard kills.
    pub armed: Option<Moment>,
    /// The bot.
    pub bot: Bot,
    /// When the next tick is due, by the local clock.
    pub tick_at: Moment,
    /// What the last step wants done; kept to save allocations.
    pub actions: Vec<Action>,
}

impl Host {
    /// A host whose supervisor is yet to start.
    pub fn new(plan: &Plan, site: Site, random: &mut Random) -> Self {
        let clock = Clock::new(random, plan.drift_ppm);
        Self {
            core: fresh(plan, site, clock.at(0), random.bits()),
            clock,
            site,
            incarnation: 1,
            supervised: false,
            supervisor_stopped: 0,
            guard_stopped: 0,
            frozen: 0,
            cut: Cut::default(),
            armed: None,
            bot: Bot::default(),
            tick_at: Moment::NEVER,
            actions: Vec::new(),
        }
    }

    /// A new supervisor process that remembers nothing.
    pub fn restart(&mut self, plan: &Plan, now: i64, seed: u64) {
        self.core = fresh(plan, self.site, self.clock.at(now), seed);
        self.supervised = true;
        self.tick_at = Moment::NEVER;
    }

    /// The supervisor is gone, and with it what was on its way to it.
    pub fn lose_supervisor(&mut self) {
        self.supervised = false;
        self.incarnation += 1;
        self.supervisor_stopped = 0;
        self.armed = None;
    }

    /// How long the bot has run, by the local clock.
    pub fn lived(&self, now: i64) -> Span {
        self.clock.at(now) - self.bot.since
    }
}

fn fresh(plan: &Plan, site: Site, now: Moment, seed: u64) -> Core {
    let setup = Setup {
        site,
        sites: plan.sites,
        timing: plan.timing,
        budget: Budget::default(),
        epoch: 0,
        seed,
        rules: plan.rules,
    };
    Core::new(setup, Starts::default(), now)
}
