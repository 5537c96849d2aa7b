//! What a schedule is made of: the times, the hosts, and the faults that may happen.

use failover::core::rules::{Mutant, Rules};
use failover::core::timing::{Pace, Timing};

use crate::random::Random;

/// One second, in microseconds.
pub const S: i64 = 1_000_000;
/// One millisecond.
pub const MS: i64 = 1_000;

/// What all schedules of a run have in common.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The times of the protocol.
    pub timing: Timing,
    /// The rules in force.
    pub rules: Rules,
    /// How many sites there are; site 0 is the preferred one.
    pub sites: usize,
    /// A second supervisor runs under the name of site 1.
    pub double: bool,
    /// Operators interfere: pin, prefer, pause, stepdown.
    pub operators: bool,
    /// Largest rate error of a clock, in millionths.
    pub drift_ppm: i64,
    /// Which faults happen; empty: all.
    pub only: Vec<FaultKind>,
    /// What the guarantee does not cover, to see how bad it is.
    pub outside: Option<Outside>,
    /// One crash of the preferred host and nothing else, to measure times.
    pub one_crash: bool,
    /// Keep a log of every step.
    pub trace: bool,
}

/// What the guarantee does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// A guest is suspended; its CLOCK_BOOTTIME goes on.
    Suspend,
    /// A hypervisor pauses a guest, clock and all.
    Pause,
    /// Supervisor and guard are stopped together.
    BothStopped,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see `Fault`")]
pub enum FaultKind {
    HostCrash,
    SupervisorCrash,
    SupervisorStop,
    GuardStop,
    GuardCrash,
    BotCrash,
    Cut,
    Slow,
    RedisRestart,
    Flush,
    RedisClock,
}

impl FaultKind {
    /// All of them; cuts twice, because they are what happens most.
    pub const ALL: [Self; 12] = [
        Self::HostCrash,
        Self::SupervisorCrash,
        Self::SupervisorStop,
        Self::GuardStop,
        Self::GuardCrash,
        Self::BotCrash,
        Self::Cut,
        Self::Cut,
        Self::Slow,
        Self::RedisRestart,
        Self::Flush,
        Self::RedisClock,
    ];

    /// Returns the kind of that name, as on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "host-crash" => Self::HostCrash,
            "supervisor-crash" => Self::SupervisorCrash,
            "supervisor-stop" => Self::SupervisorStop,
            "guard-stop" => Self::GuardStop,
            "guard-crash" => Self::GuardCrash,
            "bot-crash" => Self::BotCrash,
            "cut" => Self::Cut,
            "slow" => Self::Slow,
            "redis-restart" => Self::RedisRestart,
            "flush" => Self::Flush,
            "redis-clock" => Self::RedisClock,
            _ => return None,
        })
    }
}

/// What happens, with durations in microseconds of real time.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Everything on a host dies and comes back after this time.
    HostCrash(usize, i64),
    /// SIGKILL to the supervisor.
    SupervisorCrash(usize),
    /// SIGSTOP to the supervisor for this time.
    SupervisorStop(usize, i64),
    /// SIGSTOP to the guard.
    GuardStop(usize, i64),
    /// SIGSTOP to both.
    BothStop(usize, i64),
    /// SIGKILL to the guard.
    GuardCrash(usize),
    /// The bot ends by itself.
    BotCrash(usize),
    /// No way from or to Redis: messages are lost, or held until the end of the cut.
    Cut(usize, Cut),
    /// Everything takes up to two wait-outs.
    Slow(i64),
    /// Redis is down for this time and comes back with all, old or no data.
    RedisRestart(Keeps, i64),
    /// FLUSHALL.
    Flush,
    /// Redis' wall clock is set.
    RedisClock(i64),
    /// The guest is suspended, its clock goes on.
    Suspend(usize, i64),
    /// The guest is paused, its clock stands still.
    Pause(usize, i64),
    /// An operator has a wish.
    Wish(u8),
}

/// A cut between a host and Redis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cut {
    /// Until when; as a fault, for how long.
    pub until: i64,
    /// Requests are lost.
    pub to_redis: bool,
    /// Answers are lost.
    pub from_redis: bool,
    /// Most are not lost but held.
    pub holds: bool,
}

/// What Redis has after a restart.
#[derive(Clone, Copy, Debug)]
pub enum Keeps {
    /// Everything.
    All,
    /// What it had some time ago.
    Old,
    /// Nothing.
    Nothing,
}

impl Plan {
    /// Two sites under all faults that the guarantee covers, with the times of `pace`.
    ///
    /// # Panics
    /// When the times do not fit together.
    #[must_use]
    pub fn new(pace: &Pace) -> Self {
        // What the growing delay does is no matter of safety, and would blur how soon the preferred site is back.
        let pace = Pace { preempt_max: pace.preempt, ..*pace };
        let timing = Timing::new(&pace).expect("the profiles' times fit together");
        Self {
            timing,
            rules: Rules::WHOLE,
            sites: 2,
            double: false,
            operators: false,
            drift_ppm: i64::from(pace.drift_ppm),
            only: Vec::new(),
            outside: None,
            one_crash: false,
            trace: false,
        }
    }

    /// The same with one rule broken.
    #[must_use]
    pub fn broken(mut self, mutant: Mutant) -> Self {
        self.rules = Rules::broken(mutant);
        if mutant == Mutant::NoDriftMargin {
            self.timing.lease = self.timing.wait;
        }
        self
    }

    /// The same with these faults only.
    #[must_use]
    pub fn only(mut self, kinds: &[FaultKind]) -> Self {
        self.only = kinds.to_vec();
        self
    }

    /// Draws the faults of one schedule; returns when the last one is over.
    pub(crate) fn draw(&self, random: &mut Random, hosts: usize) -> (i64, Vec<(i64, Fault)>) {
        let wait = self.timing.wait.as_micros();
        if self.one_crash {
            let at = random.between(3 * wait, 4 * wait);
            return (at + 3 * wait, vec![(at, Fault::HostCrash(0, 3 * wait))]);
        }
        let calm = random.between(4 * wait, 12 * wait);
        let mut faults = Vec::new();
        for _ in 0..random.between(1, 16) {
            let at = random.between(wait / 2, calm);
            faults.push((at, self.one(random, hosts, calm - at)));
        }
        if self.operators {
            for _ in 0..random.between(1, 6) {
                faults.push((random.between(wait / 2, calm), Fault::Wish(random.bits() as u8)));
            }
        }
        (calm, faults)
    }

    fn one(&self, random: &mut Random, hosts: usize, left: i64) -> Fault {
        let wait = self.timing.wait.as_micros();
        let host = random.index(hosts);
        let time = random.spread(100 * MS, 3 * wait).min(left);
        if let Some(outside) = self.outside.filter(|_| random.chance(15)) {
            return match outside {
                Outside::Suspend => Fault::Suspend(host, time),
                Outside::Pause => Fault::Pause(host, time),
                Outside::BothStopped => Fault::BothStop(host, time),
            };
        }
        let kinds = if self.only.is_empty() { &FaultKind::ALL[..] } else { &self.only };
        match kinds[random.index(kinds.len())] {
            FaultKind::HostCrash => Fault::HostCrash(host, time),
            FaultKind::SupervisorCrash => Fault::SupervisorCrash(host),
            FaultKind::SupervisorStop => Fault::SupervisorStop(host, time),
            FaultKind::GuardStop => Fault::GuardStop(host, time),
            FaultKind::GuardCrash => Fault::GuardCrash(host),
            FaultKind::BotCrash => Fault::BotCrash(host),
            FaultKind::Cut => {
                let (to_redis, from_redis) =
                    [(true, false), (false, true), (true, true), (true, true)][random.index(4)];
                Fault::Cut(host, Cut { until: time, to_redis, from_redis, holds: random.chance(50) })
            }
            FaultKind::Slow => Fault::Slow(time),
            FaultKind::RedisRestart => {
                let keeps = [Keeps::All, Keeps::Old, Keeps::Nothing][random.index(3)];
                Fault::RedisRestart(keeps, random.spread(50 * MS, 20 * S).min(left))
            }
            FaultKind::Flush => Fault::Flush,
            FaultKind::RedisClock => {
                let step = random.spread(S, 3600 * S);
                Fault::RedisClock(if random.chance(50) { step } else { -step })
            }
        }
    }
}
