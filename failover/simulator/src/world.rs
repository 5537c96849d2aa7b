//! The world that supervisors live in: real time, a network that loses, delays and reorders, one Redis, and faults.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use failover::core::clock::Moment;
use failover::core::event::{Action, Event, Notice};
use failover::core::record::{Answer, Order, Request, Site, Wish};
use failover::core::rules::{Mutant, Rules};

use crate::host::{Bot, Host};
use crate::monitor::{Monitor, Outcome};
use crate::plan::{Cut, Fault, Keeps, MS, Plan, S};
use crate::random::Random;
use crate::store::{Data, Store, run_id};

/// Longest time between SIGKILL and the end of the last process, as a share of K.
const KILL_PERCENT: i64 = 90;

#[derive(Debug)]
enum Happening {
    Fault(Fault),
    Snapshot,
    RedisUp(Keeps),
    SupervisorUp(usize),
    Tick(usize, u32, Moment),
    GuardFires(usize, Moment),
    BotDies(usize, u64),
    Arrives(usize, u32, u64, u64, Request),
    Reaches(usize, u32, Event),
    Thaws,
}

/// One schedule.
pub struct World<'plan> {
    plan: &'plan Plan,
    now: i64,
    /// When the last fault is over.
    calm: i64,
    random: Random,
    queue: BinaryHeap<Reverse<(i64, u64, usize)>>,
    waiting: Vec<Option<Happening>>,
    free: Vec<usize>,
    order: u64,
    hosts: Vec<Host>,
    store: Store,
    redis_up: bool,
    runs: u64,
    snapshot: Data,
    wall_offset: i64,
    slow_until: i64,
    bots: u64,
    monitor: Monitor,
    /// Every step, if the plan asks for it.
    pub log: Vec<String>,
}

impl<'plan> World<'plan> {
    /// The schedule number `seed` of a plan.
    #[must_use]
    pub fn new(plan: &'plan Plan, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = plan.sites + usize::from(plan.double);
        let hosts: Vec<_> = (0..count)
            .map(|host| {
                let site = if host == plan.sites { 1 } else { host };
                Host::new(plan, Site(u8::try_from(site).unwrap_or(0)), &mut random)
            })
            .collect();
        let (calm, faults) = plan.draw(&mut random, count);
        let store = Store::new(plan.sites, plan.timing.wait.as_micros(), plan.rules);
        let mut world = Self {
            plan,
            now: 0,
            calm,
            queue: BinaryHeap::new(),
            waiting: Vec::new(),
            free: Vec::new(),
            order: 0,
            hosts,
            snapshot: store.data.clone(),
            store,
            redis_up: true,
            runs: 1,
            wall_offset: 0,
            slow_until: 0,
            bots: 0,
            monitor: Monitor::default(),
            log: Vec::new(),
            random,
        };
        for (at, fault) in faults {
            world.at(at, Happening::Fault(fault));
        }
        let mut at = 0;
        while at < calm {
            at += world.random.spread(S, 60 * S);
            world.at(at, Happening::Snapshot);
        }
        for host in 0..count {
            let at = world.random.between(0, 2 * plan.timing.poll.as_micros());
            world.at(at, Happening::SupervisorUp(host));
        }
        world
    }

    /// Runs until the preferred site has been alone with the bot for a while after the last fault, or never will.
    pub fn run(&mut self) -> Outcome {
        let timing = &self.plan.timing;
        let end = self.calm + 3 * timing.wait.as_micros() + 4 * timing.preempt.as_micros();
        let steady = 5 * S + timing.poll.as_micros();
        let mut is_calm = false;
        while let Some(Reverse((at, _, slot))) = self.queue.pop() {
            if at >= self.calm {
                if !is_calm {
                    is_calm = true;
                    self.now = self.calm;
                    self.store.data.wish = Wish::default();
                    self.look();
                }
                let settled = self.monitor.running() == [0] && at - self.monitor.since().max(self.calm) > steady;
                if at > end || settled {
                    break;
                }
            }
            self.now = at;
            self.monitor.outcome.events += 1;
            if let Some(happening) = self.waiting[slot].take() {
                self.free.push(slot);
                self.happen(happening);
            }
        }
        self.look();
        self.monitor.outcome.settled = self.monitor.running() == [0];
        std::mem::take(&mut self.monitor.outcome)
    }

    fn at(&mut self, at: i64, happening: Happening) {
        self.order += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.waiting[slot] = Some(happening);
                slot
            }
            None => {
                self.waiting.push(Some(happening));
                self.waiting.len() - 1
            }
        };
        self.queue.push(Reverse((at.max(self.now), self.order, slot)));
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.plan.trace {
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            self.log.push(format!("{:>10.3} s  {}", self.now as f64 / 1e6, text()));
        }
    }

    fn look(&mut self) {
        let now = self.now;
        let running =
            self.hosts.iter().enumerate().filter(|(_, host)| host.bot.alive && host.frozen <= now).map(|(i, _)| i);
        if self.monitor.look(now, self.calm, running) {
            self.note(|| "*** two bots run".to_owned());
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fault(fault) => {
                self.note(|| format!("fault: {fault:?}"));
                self.fault(fault);
            }
            Happening::Snapshot => {
                if self.redis_up {
                    self.snapshot = self.store.data.clone();
                }
            }
            Happening::RedisUp(keeps) => {
                match keeps {
                    Keeps::All => {}
                    Keeps::Old => self.store.data = self.snapshot.clone(),
                    Keeps::Nothing => self.store.flush(),
                }
                self.runs += 1;
                self.store.run = run_id(self.runs);
                self.redis_up = true;
                self.note(|| format!("Redis is up again with {keeps:?}"));
            }
            Happening::SupervisorUp(host) => self.supervisor_up(host),
            Happening::Tick(host, incarnation, at) => self.tick(host, incarnation, at),
            Happening::GuardFires(host, at) => self.guard_fires(host, at),
            Happening::BotDies(host, bot) => {
                let it = &self.hosts[host];
                if it.bot.id == bot && it.bot.alive {
                    if it.frozen > self.now {
                        self.at(it.frozen, Happening::BotDies(host, bot));
                    } else {
                        self.bot_died(host);
                    }
                }
            }
            Happening::Arrives(host, incarnation, run, id, request) => {
                // Half of what was sent to an earlier run reaches the new one: more than TCP would let through.
                if !self.redis_up || (run != self.runs && self.random.chance(50)) {
                    return;
                }
                let wall = self.now + self.wall_offset + 1_000_000_000 * S;
                let answer = self.store.run(self.hosts[host].site, &request, wall);
                self.reply(host, incarnation, id, answer);
            }
            Happening::Reaches(host, incarnation, event) => self.reaches(host, incarnation, event),
            Happening::Thaws => self.look(),
        }
    }

    // --- supervisors ---

    /// A new supervisor makes sure first that no bot of an earlier one is left.
    fn supervisor_up(&mut self, host: usize) {
        let it = &self.hosts[host];
        if it.supervised {
            return;
        }
        if it.frozen > self.now {
            return self.at(it.frozen, Happening::SupervisorUp(host));
        }
        if it.bot.alive && !self.plan.rules.lack(Mutant::NoGuard) {
            self.kill(host);
            return self.at(self.now + 100 * MS, Happening::SupervisorUp(host));
        }
        let seed = self.random.bits();
        self.hosts[host].restart(self.plan, self.now, seed);
        self.note(|| format!("host {host}: supervisor starts"));
        self.step(host, Event::Tick);
    }

    fn tick(&mut self, host: usize, incarnation: u32, at: Moment) {
        let it = &self.hosts[host];
        if it.incarnation != incarnation || !it.supervised || it.tick_at != at {
            return;
        }
        let stopped = it.supervisor_stopped.max(it.frozen);
        let due = if stopped > self.now {
            stopped + self.random.between(0, 50 * MS)
        } else {
            it.clock.when(at) // later than now, if the clock stood still meanwhile
        };
        if due > self.now {
            return self.at(due, Happening::Tick(host, incarnation, at));
        }
        self.hosts[host].tick_at = Moment::NEVER;
        self.step(host, Event::Tick);
    }

    fn reaches(&mut self, host: usize, incarnation: u32, event: Event) {
        let it = &self.hosts[host];
        if it.incarnation != incarnation || !it.supervised {
            return;
        }
        let stopped = it.supervisor_stopped.max(it.frozen);
        if stopped > self.now {
            let at = stopped + self.random.between(0, 20 * MS);
            return self.at(at, Happening::Reaches(host, incarnation, event));
        }
        self.step(host, event);
    }

    fn step(&mut self, host: usize, event: Event) {
        let now = self.now;
        let it = &mut self.hosts[host];
        let mut actions = std::mem::take(&mut it.actions);
        let phase = it.core.phase();
        it.core.step(it.clock.at(now), event, &mut actions);
        if self.plan.trace && it.core.phase() != phase {
            let after = it.core.phase();
            self.note(|| format!("host {host}: {} -> {}", phase.as_str(), after.as_str()));
        }
        for action in actions.drain(..) {
            self.act(host, action);
        }
        let it = &mut self.hosts[host];
        it.actions = actions;
        let wake_at = it.core.wake_at();
        if wake_at != it.tick_at {
            it.tick_at = wake_at;
            let (mut at, incarnation) = (it.clock.when(wake_at), it.incarnation);
            if self.plan.rules != Rules::WHOLE {
                at = at.max(now + 10 * MS); // A mutant may wish to wake for a deadline that it does not heed.
            }
            self.at(at, Happening::Tick(host, incarnation, wake_at));
        }
    }

    fn act(&mut self, host: usize, action: Action) {
        match action {
            Action::Send(id, request) => {
                let incarnation = self.hosts[host].incarnation;
                let run = self.runs;
                if let Some(at) = self.fate(host, true) {
                    self.at(at, Happening::Arrives(host, incarnation, run, id, request));
                }
            }
            // The network forgets nothing here: what was sent on a connection that is gone may still arrive.
            Action::Disconnect => {}
            Action::Arm(at) => {
                if !self.plan.rules.lack(Mutant::NoGuard) {
                    self.hosts[host].armed = Some(at);
                    let real = self.hosts[host].clock.when(at);
                    self.at(real, Happening::GuardFires(host, at));
                }
            }
            Action::Start { epoch } => self.start(host, epoch),
            Action::Terminate => self.terminate(host),
            Action::Kill => self.kill(host),
            Action::Tell(notice) => {
                if notice == Notice::GaveUp {
                    self.monitor.outcome.gave_up = true;
                }
                self.note(|| format!("host {host}: {notice:?}"));
            }
        }
    }

    // --- the network ---

    fn reply(&mut self, host: usize, incarnation: u32, id: u64, answer: Answer) {
        if let Some(at) = self.fate(host, false) {
            self.at(at, Happening::Reaches(host, incarnation, Event::Answered(id, answer)));
        }
    }

    /// When a message arrives, if it does.
    fn fate(&mut self, host: usize, to_redis: bool) -> Option<i64> {
        let delay = if self.now < self.slow_until {
            let longest = 2 * self.plan.timing.wait.as_micros();
            self.random.spread(5 * MS, longest).min((self.calm - self.now).max(5 * MS))
        } else {
            self.random.between(2 * MS, 40 * MS)
        };
        let cut: Cut = self.hosts[host].cut;
        let is_cut = self.now < cut.until && if to_redis { cut.to_redis } else { cut.from_redis };
        if !is_cut {
            Some(self.now + delay)
        } else if cut.holds && self.random.chance(70) {
            Some(cut.until + self.random.between(0, 50 * MS))
        } else {
            None
        }
    }

    // --- bots ---

    fn start(&mut self, host: usize, epoch: u64) {
        self.bots += 1;
        let now = self.now;
        let it = &mut self.hosts[host];
        it.bot = Bot { id: self.bots, alive: true, stopping: false, since: it.clock.at(now) };
        let incarnation = it.incarnation;
        self.monitor.outcome.starts += 1;
        self.note(|| format!("host {host}: bot starts under epoch {epoch}"));
        self.look();
        let at = now + self.random.between(0, 20 * MS);
        self.at(at, Happening::Reaches(host, incarnation, Event::BotUp));
    }

    fn terminate(&mut self, host: usize) {
        let bot = self.hosts[host].bot;
        if !bot.alive || bot.stopping {
            return;
        }
        self.hosts[host].bot.stopping = true;
        self.note(|| format!("host {host}: SIGTERM to the bot"));
        if self.random.chance(80) {
            let at = self.now + self.random.spread(20 * MS, 3 * S);
            self.at(at, Happening::BotDies(host, bot.id));
        }
    }

    fn kill(&mut self, host: usize) {
        let bot = self.hosts[host].bot;
        if bot.alive {
            self.note(|| format!("host {host}: SIGKILL to the bot"));
            let at = self.now + self.random.between(0, self.plan.timing.kill.as_micros() * KILL_PERCENT / 100);
            self.at(at, Happening::BotDies(host, bot.id));
        }
    }

    fn bot_died(&mut self, host: usize) {
        let now = self.now;
        let it = &mut self.hosts[host];
        if !it.bot.alive {
            return;
        }
        it.bot.alive = false;
        it.armed = None;
        let event = Event::BotGone { lived: Some(it.lived(now)) };
        let (supervised, incarnation) = (it.supervised, it.incarnation);
        self.note(|| format!("host {host}: the bot is gone"));
        self.look();
        if supervised {
            self.at(now, Happening::Reaches(host, incarnation, event));
        }
    }

    fn guard_fires(&mut self, host: usize, at: Moment) {
        let it = &self.hosts[host];
        let stopped = it.guard_stopped.max(it.frozen);
        let due = if stopped > self.now { stopped + self.random.between(0, 50 * MS) } else { it.clock.when(at) };
        if due > self.now {
            return self.at(due, Happening::GuardFires(host, at));
        }
        // A deadline that was moved on since is none.
        if it.armed.is_some_and(|armed| armed <= it.clock.at(self.now)) && it.bot.alive {
            self.note(|| format!("host {host}: the guard fires"));
            self.kill(host);
        }
    }

    // --- faults ---

    fn fault(&mut self, fault: Fault) {
        let now = self.now;
        match fault {
            Fault::HostCrash(host, time) => {
                let it = &mut self.hosts[host];
                it.lose_supervisor();
                it.guard_stopped = 0;
                it.frozen = 0;
                self.bot_died(host);
                self.at(now + time, Happening::SupervisorUp(host));
            }
            Fault::SupervisorCrash(host) => {
                if self.hosts[host].supervised {
                    self.hosts[host].lose_supervisor();
                    if !self.plan.rules.lack(Mutant::NoGuard) {
                        self.kill(host); // PDEATHSIG, from supervisor to guard to bot, even when they are stopped
                    }
                    let at = now + self.random.between(500 * MS, 5 * S);
                    self.at(at.min(self.calm.max(now)), Happening::SupervisorUp(host));
                }
            }
            // Within the guarantee, supervisor and guard are never stopped together.
            Fault::SupervisorStop(host, time) => {
                let it = &mut self.hosts[host];
                if it.guard_stopped <= now {
                    it.supervisor_stopped = it.supervisor_stopped.max(now + time);
                }
            }
            Fault::GuardStop(host, time) => {
                let it = &mut self.hosts[host];
                if it.supervisor_stopped <= now {
                    it.guard_stopped = it.guard_stopped.max(now + time);
                }
            }
            Fault::BothStop(host, time) => {
                self.hosts[host].supervisor_stopped = now + time;
                self.hosts[host].guard_stopped = now + time;
            }
            Fault::GuardCrash(host) => {
                self.hosts[host].guard_stopped = 0;
                self.bot_died(host);
            }
            Fault::BotCrash(host) => self.bot_died(host),
            Fault::Cut(host, cut) => self.hosts[host].cut = Cut { until: now + cut.until, ..cut },
            Fault::Slow(time) => self.slow_until = now + time,
            Fault::RedisRestart(keeps, time) => {
                if self.redis_up {
                    self.redis_up = false;
                    self.at(now + time, Happening::RedisUp(keeps));
                }
            }
            Fault::Flush => self.store.flush(),
            Fault::RedisClock(step) => self.wall_offset += step,
            Fault::Suspend(host, time) => self.freeze(host, time, false),
            Fault::Pause(host, time) => self.freeze(host, time, true),
            Fault::Wish(choice) => self.wish(choice),
        }
    }

    fn freeze(&mut self, host: usize, time: i64, clock_too: bool) {
        let it = &mut self.hosts[host];
        if it.frozen > self.now || !it.supervised {
            return;
        }
        if clock_too {
            it.clock.stand_still(time);
        }
        it.frozen = self.now + time;
        let at = it.frozen;
        self.look();
        self.at(at, Happening::Thaws);
    }

    fn wish(&mut self, choice: u8) {
        let site = Site(choice / 8 % u8::try_from(self.plan.sites).unwrap_or(1));
        let wish = &mut self.store.data.wish;
        match choice % 8 {
            0 | 1 => wish.order = Order::Pin(site),
            2 | 3 => wish.order = Order::Prefer(site),
            4 => wish.order = Order::Pause,
            5 => wish.order = Order::Listed,
            _ => wish.stepdown = self.store.data.record.map_or(0, |record| record.epoch),
        }
    }
}
