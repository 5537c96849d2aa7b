//! The protocol as a state machine: [`Core::step`] takes what happened and says what to do. No sockets, no clock, no
//! runtime: the product, the simulator and the tests run this very code.
//!
//! ```text
//!            ┌────────────── Killed ◀── lease over, or another holder seen ──┐
//!            ▼                                                              │
//! Booting ─▶ Watching ─▶ Claiming ─▶ Starting ─▶ Leading ─▶ Yielding ─▶ Draining ─▶ Releasing ─▶ Watching
//!            Duplicate, CoolDown       (acquired)  (bot up)   (offered)   (SIGTERM)    (all reaped)
//! ```
//!
//! | rule | what it says |
//! | --- | --- |
//! | R1 | a lease counts from before its request was sent, on CLOCK_BOOTTIME |
//! | R2 | a candidate waits W on its own clock; what Redis lets expire is never a reason to act |
//! | R3 | the lease is shorter than W by what two clocks may differ in rate: L = W (1−r)/(1+r) |
//! | R4 | where nothing is stored, a witness is left and waited out; a living leader's renewal goes over it |
//! | R5 | every write names the run of Redis it was decided under and is void under another |
//! | R6 | each term has a fresh nonce, each renewal a number, and a release names the last one that is known to be written |
//! | R7 | once a lease is over, nothing is sent or accepted under its nonce, ever |
//! | R8 | a lease is released only after every process of the bot is reaped |
//! | R9 | the moment of SIGKILL is held by a process other than the supervisor, before the bot exists |
//! | R10 | every answer is looked at, not only renewals: another holder means SIGKILL without grace |
//! | R11 | any error throws the connection away, and what was under way on it is neither done nor undone |
//!
//! Read on in this order: [`record`] (what Redis holds), [`timing`], [`event`], `state`, then `candidate` and `leader`.

mod candidate;
pub mod clock;
pub mod event;
mod leader;
mod peers;
pub mod record;
pub mod rules;
mod starts;
mod state;
pub mod timing;

use clock::{Moment, Span};
use event::{Action, Event, Leave, Loss, Notice, Why};
use peers::Peers;
use record::{Answer, Beat, InFlight, Lock, Nonce, Op, Record, Request, RunId, Site, Standing, Version};
use rules::{Mutant, Rules};
use state::State;
use timing::Timing;

pub use starts::{Budget, Starts};
pub use state::Phase;

/// Polls this fast while an offer is on the table.
const HOT: Span = Span::from_millis(100);
/// After stepping down, another site that can have the bot keeps it for at least this long.
const REST: Span = Span::from_millis(600_000);

/// Who we are.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Our place in the list of sites.
    pub site: Site,
    /// How many sites there are.
    pub sites: usize,
    /// The times.
    pub timing: Timing,
    /// How often the bot may be started.
    pub budget: Budget,
    /// The highest epoch that this host has seen.
    pub epoch: u64,
    /// A number that no other supervisor process has: nonces are drawn from it.
    pub seed: u64,
    /// [`Rules::WHOLE`], but in the simulator.
    pub rules: Rules,
}

/// One supervisor's side of the protocol.
#[derive(Debug)]
pub struct Core {
    setup: Setup,
    state: State,
    /// A bot was started here and is not reaped yet.
    bot_alive: bool,
    stopping: bool,

    // What Redis showed, and since when: counted from the receipt of the first answer that showed it.
    run: Option<RunId>,
    record: Option<Record>,
    sight: Option<(RunId, Option<Version>)>,
    sight_since: Moment,
    lock: Lock,
    epoch: u64,
    peers: Peers,

    // Talking to Redis: one request at a time.
    in_flight: Option<InFlight>,
    last_id: u64,
    poll_at: Moment,
    hinted: bool,
    beat: Beat,
    /// An acquisition whose answer did not come, and when it was sent.
    pending: Option<(Nonce, Moment)>,
    /// Why we claim, and who led before.
    claim: (Why, Option<Site>),

    // Damping and trouble.
    starts: Starts,
    rest_until: Moment,
    /// To whom the bot was last handed, and when.
    handed: Option<(Site, Moment)>,
    double: Double,
    obeyed: u64,
    random: u64,
}

/// What was seen of another supervisor with our name.
#[derive(Debug)]
struct Double {
    /// Its last beat.
    last: u64,
    /// Since when there have been beats of it without a longer pause.
    since: Moment,
    seen_at: Moment,
    certain: bool,
}

impl Core {
    /// A supervisor that knows nothing yet. `starts` are the bot's starts that still count against the budget.
    #[must_use]
    pub fn new(setup: Setup, starts: Starts, now: Moment) -> Self {
        Self {
            state: State::Booting,
            bot_alive: false,
            stopping: false,
            run: None,
            record: None,
            sight: None,
            sight_since: now,
            lock: Lock::Free,
            epoch: setup.epoch,
            peers: Peers::new(setup.site, setup.sites, &setup.timing),
            in_flight: None,
            last_id: 0,
            poll_at: now,
            hinted: false,
            beat: Beat { instance: setup.seed, ready: true, ..Beat::default() },
            pending: None,
            claim: (Why::FirstStart, None),
            starts,
            rest_until: now,
            handed: None,
            double: Double { last: 0, since: now, seen_at: Moment::from_micros(i64::MIN / 4), certain: false },
            obeyed: 0,
            random: setup.seed,
            setup,
        }
    }

    /// Takes what happened at `now` and appends to `out` what to do. Deadlines are looked at before and after, so a
    /// late call only shortens the lease.
    pub fn step(&mut self, now: Moment, event: Event, out: &mut Vec<Action>) {
        self.deadlines(now, out);
        match event {
            Event::Tick => {}
            Event::Hint => self.hinted = true,
            Event::Answered(id, answer) => self.answered(now, id, &answer, out),
            Event::Unanswered(id) if self.in_flight.is_some_and(|request| request.id == id) => {
                self.unanswered(now, out);
            }
            Event::Unanswered(_) => {}
            Event::BotUp => self.bot_up(),
            Event::BotGone { lived } => self.bot_gone(now, lived, out),
            Event::Stop => {
                self.stopping = true;
                self.depart(now, Leave::Stopping, out);
            }
            Event::StepDown => self.step_down(now, out),
        }
        if self.in_flight.is_some_and(|request| now - request.sent >= self.setup.timing.request) {
            self.unanswered(now, out);
        }
        self.deadlines(now, out);
        self.start_if_due(now, out);
        self.speak(now, out);
    }

    /// Returns when [`Event::Tick`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Moment {
        let timing = &self.setup.timing;
        let talk = match &self.in_flight {
            Some(request) => request.sent + timing.request,
            None => match &self.state {
                State::Releasing(term, _) => term.renew_at,
                state => state.term().map_or(self.poll_at, |term| self.poll_at.min(term.renew_at)),
            },
        };
        talk.min(self.next_deadline())
    }

    // --- talking to Redis ---

    /// Sends the next request, if one is due and none is in flight.
    fn speak(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.in_flight.is_some() {
            return;
        }
        let op = match &mut self.state {
            State::Releasing(term, _) if now < term.renew_at => return,
            State::Releasing(term, to) => Op::Release { nonce: term.nonce, seq: term.acked, to: *to },
            state => {
                let to = if let State::Yielding(_, offer) = state { Some(offer.to) } else { None };
                match state.term_mut() {
                    Some(term) if now >= term.renew_at => {
                        term.tried += 1;
                        Op::Renew { nonce: term.nonce, seq: term.tried, epoch: term.epoch, to }
                    }
                    _ if now >= self.poll_at || self.hinted => Op::Sync,
                    _ => return,
                }
            }
        };
        self.send(now, op, out);
    }

    fn send(&mut self, now: Moment, op: Op, out: &mut Vec<Action>) {
        self.last_id += 1;
        self.in_flight = Some(InFlight { id: self.last_id, op, sent: now });
        self.hinted = false;
        let hot = self.beat.accept.is_some() || matches!(self.state, State::Yielding(..));
        self.poll_at = now + if hot { HOT } else { self.setup.timing.poll };
        self.beat.seq += 1;
        self.beat.ready = self.is_ready(now);
        self.beat.phase = self.state.phase() as u8;
        // A doubtful second supervisor keeps quiet, so that the first one's heartbeat stays whole.
        let beat = (!matches!(self.state, State::Duplicate)).then_some(self.beat);
        out.push(Action::Send(self.last_id, Request { run: self.run, op, beat }));
    }

    /// R11: what became of the request is unknown.
    fn unanswered(&mut self, now: Moment, out: &mut Vec<Action>) {
        let Some(request) = self.in_flight.take() else { return };
        out.push(Action::Disconnect);
        // Not at once: a Redis that refuses connections would be asked in a tight loop.
        self.poll_at = self.poll_at.max(now + HOT);
        self.hinted = false;
        match &mut self.state {
            State::Claiming(nonce) => {
                // Should the record turn out to carry our nonce, the lease still counts from when this was sent.
                self.pending = Some((*nonce, request.sent));
                self.rest(now);
            }
            state => {
                if let Some(term) = state.term_mut() {
                    term.renew_at = term.renew_at.max(now + HOT);
                }
            }
        }
    }

    fn answered(&mut self, now: Moment, id: u64, answer: &Answer, out: &mut Vec<Action>) {
        // A late answer, or one that crossed a disconnect: its request counts as unanswered already.
        let Some(request) = self.in_flight.filter(|request| request.id == id) else { return };
        self.in_flight = None;
        let restarted = self.observe(now, answer, out);
        if self.holds_other(answer) {
            let loss = if answer.lock == Lock::Foreign { Loss::OldClient } else { Loss::OtherHolder };
            return self.lose(now, loss, out); // R10
        }
        match request.op {
            Op::Acquire { nonce, .. } => self.claimed(now, nonce, request.sent, answer, out),
            Op::Renew { seq, .. } => self.renewed(now, seq, request.sent, answer, restarted, out),
            Op::Release { .. } => self.released(now, answer),
            Op::Sync | Op::Grace { .. } => {}
        }
        match self.state {
            State::Booting => self.rest(now),
            State::Watching | State::CoolDown => self.watch(now, answer, out),
            State::Duplicate => self.beat.accept = None,
            State::Starting(_) | State::Leading(_) | State::Yielding(..) => self.prefer(now, answer, out),
            _ => {}
        }
    }

    /// Remembers what was seen and since when; returns whether Redis restarted.
    fn observe(&mut self, now: Moment, answer: &Answer, out: &mut Vec<Action>) -> bool {
        let blind = self.setup.rules.lack(Mutant::NoRunId);
        let version = answer.record.map(|record| self.version(&record));
        let sight = (if blind { RunId([0; 20]) } else { answer.run }, version);
        if self.sight != Some(sight) {
            self.sight = Some(sight);
            self.sight_since = now;
        }
        let restarted = self.run.is_some_and(|run| run != answer.run);
        if restarted {
            out.push(Action::Tell(Notice::RedisRestarted));
        }
        if answer.lock == Lock::Foreign && self.lock == Lock::Free {
            out.push(Action::Tell(Notice::OldClient));
        }
        self.run = Some(answer.run);
        self.record = answer.record;
        self.lock = answer.lock;
        self.epoch = self.epoch.max(answer.record.map_or(0, |record| record.epoch));
        self.peers.observe(&answer.beats, answer.wish.order, now, &self.setup.timing);
        self.look_for_double(now, answer.own, out);
        restarted
    }

    /// What identifies a version of the record to us.
    fn version(&self, record: &Record) -> Version {
        let mut version = record.version();
        if self.setup.rules.lack(Mutant::NoRunId) {
            version.run = RunId([0; 20]);
        }
        version
    }

    /// Another supervisor with our name: its beats come between ours, again and again.
    fn look_for_double(&mut self, now: Moment, own: Option<Beat>, out: &mut Vec<Action>) {
        let timing = &self.setup.timing;
        let double = &mut self.double;
        match own.filter(|beat| beat.instance != self.setup.seed) {
            Some(beat) if beat.seq ^ beat.instance != double.last => {
                if now - double.seen_at > timing.alive().times(2) {
                    double.since = now;
                }
                (double.last, double.seen_at) = (beat.seq ^ beat.instance, now);
                // For a while they may have been left, or still be on their way, from our own predecessor.
                if now - double.since < timing.wait {
                    return;
                }
                if !std::mem::replace(&mut double.certain, true) {
                    out.push(Action::Tell(Notice::Duplicate));
                }
                // One of the two keeps quiet, and neither while it has the bot.
                let idle = matches!(self.state, State::Watching | State::CoolDown);
                if idle && self.setup.seed > beat.instance {
                    self.state = State::Duplicate;
                }
            }
            _ if double.certain && now - double.seen_at >= timing.wait => {
                double.certain = false;
                out.push(Action::Tell(Notice::DuplicateGone));
                if matches!(self.state, State::Duplicate) {
                    self.rest(now);
                }
            }
            _ => {}
        }
    }

    // --- small things ---

    /// Goes where a supervisor without a lease belongs.
    fn rest(&mut self, now: Moment) {
        self.state = if self.bot_alive {
            State::Killed
        } else if now < self.rest_until {
            State::CoolDown
        } else {
            State::Watching
        };
    }

    fn is_ready(&self, now: Moment) -> bool {
        !self.stopping && now >= self.rest_until && !matches!(self.state, State::Duplicate | State::Killed)
    }

    /// A number never drawn before, here or elsewhere (SplitMix64 over a seed of the system's randomness).
    fn fresh_nonce(&mut self) -> Nonce {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Nonce((z ^ (z >> 31)) | 1)
    }

    // --- for people ---

    /// Returns the state's name.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// Returns the epoch of our term, while we have one.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.state.term().map(|term| term.epoch)
    }

    /// Returns the highest epoch seen.
    #[must_use]
    pub fn highest_epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the end of our lease, while we have one.
    #[must_use]
    pub fn lease_end(&self) -> Option<Moment> {
        self.state.term().map(|term| term.lease_end)
    }

    /// Returns whether the lease is ours at `now`, with the bot starting or running and nothing asking it to end.
    #[must_use]
    pub fn leads(&self, now: Moment) -> bool {
        let term = match &self.state {
            State::Starting(term) | State::Leading(term) | State::Yielding(term, _) => term,
            _ => return false,
        };
        term.confirmed && now < self.setup.timing.stop_at(term.lease_end)
    }

    /// Returns the record as last seen, and since when it has looked like that.
    #[must_use]
    pub fn record(&self) -> Option<(Record, Moment)> {
        self.record.map(|record| (record, self.sight_since))
    }

    /// Returns the site whose record is held, as last seen.
    #[must_use]
    pub fn leader(&self) -> Option<Site> {
        self.record.filter(|record| record.standing == Standing::Held).map(|record| record.site)
    }

    /// Returns the last heartbeat of `site` and how long ago it moved.
    #[must_use]
    pub fn heartbeat(&self, site: Site, now: Moment) -> Option<(Beat, Span)> {
        self.peers.seen(site, now)
    }

    /// Returns how long `site` must be well before it is offered the bot.
    #[must_use]
    pub fn preempt_delay(&self, site: Site) -> Span {
        self.peers.delay(site)
    }

    /// Returns who holds the old lock.
    #[must_use]
    pub fn lock(&self) -> Lock {
        self.lock
    }

    /// Returns the starts that count against the budget.
    #[must_use]
    pub fn starts(&self) -> &Starts {
        &self.starts
    }

    /// Returns whether a stop was asked for and nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let idle = matches!(self.state, State::Booting | State::Watching | State::CoolDown | State::Duplicate);
        self.stopping && !self.bot_alive && idle
    }
}
