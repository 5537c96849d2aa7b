//! The rules once more, so small that every state can be visited.
//!
//! Two sites, a budget of terms, renewals and faults, and no other bound: messages take any time, are lost, reordered, and
//! cross restarts of Redis; supervisors are late with every step. Only the guards are in time. Time is relative, so only
//! ages are kept. Each clock runs at 2 or 4 units a tick, a rate error r of a third; the lease is 4 units and the wait-out 8,
//! so that W = L (1+r)/(1-r) holds with equality: nothing is to spare.
//!
//! Looks at Redis and answers take no time. A later receipt only starts a wait-out later or leaves less of a lease, so this is
//! the dangerous case. The core itself cannot be visited like this, for it keeps clock readings; `tests/` hold it to the same rules.

use failover::core::record::Standing;
use failover::core::rules::{Mutant, Rules};
use stateright::{Model, Property};

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Nonces that may be drawn, by claims and witnesses.
    pub terms: u8,
    /// Renewals in a term.
    pub renewals: u8,
    /// Restarts of Redis, each with all, old or no data.
    pub restarts: u8,
    /// Losses of the record.
    pub flushes: u8,
    /// Crashes of a supervisor with its bot.
    pub crashes: u8,
}

/// The model: bounds and rules.
#[derive(Clone, Copy, Debug)]
pub struct Exhaustive {
    /// How far to look.
    pub bounds: Bounds,
    /// The rules in force.
    pub rules: Rules,
}

/// The record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Note {
    nonce: u8,
    seq: u8,
    standing: Standing,
    run: u8,
}

/// A write on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Letter {
    site: u8,
    /// Its sender still waits for the answer.
    awaited: bool,
    write: Write,
    run: u8,
    /// Time on the sender's clock since just before it was sent.
    age: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Write {
    Grace { nonce: u8 },
    Acquire { nonce: u8, seen: Option<Note> },
    Renew { nonce: u8, seq: u8 },
    Release { nonce: u8, seq: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stand {
    Watching,
    Claiming,
    Leading { nonce: u8, left: i8, acked: u8, tried: u8 },
}

/// One site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Party {
    stand: Stand,
    /// A bot runs here.
    bot: bool,
    seen: Option<(u8, Option<Note>)>,
    /// For how long it has looked like that, by this site's clock.
    age: u8,
    run: u8,
    /// Units of this site's clock in a tick.
    rate: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Everything {
    parties: [Party; 2],
    run: u8,
    note: Option<Note>,
    snapshot: Option<Option<Note>>,
    letters: Vec<Letter>,
    nonces: u8,
    flushes: u8,
    crashes: u8,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Step {
    Tick,
    Deliver(usize),
    DeliverAndLoseAnswer(usize),
    Look(usize),
    Claim(usize),
    Witness(usize),
    Renew(usize),
    Stop(usize),
    GiveUpWaiting(usize),
    Crash(usize),
    Snapshot,
    RestartKeeping,
    RestartRolledBack,
    RestartEmpty,
    Flush,
}

const LEASE: u8 = 4;

impl Exhaustive {
    fn lack(&self, mutant: Mutant) -> bool {
        self.rules.lack(mutant)
    }

    fn wait(&self) -> u8 {
        if self.lack(Mutant::NoDriftMargin) { LEASE } else { 2 * LEASE }
    }

    fn version(&self, note: Option<Note>) -> Option<Note> {
        let blind = self.lack(Mutant::NoRunId);
        note.map(|note| Note { run: if blind { 0 } else { note.run }, ..note })
    }

    fn look(&self, all: &mut Everything, site: usize) {
        let seen = (if self.lack(Mutant::NoRunId) { 0 } else { all.run }, self.version(all.note));
        let party = &mut all.parties[site];
        if party.seen != Some(seen) {
            party.seen = Some(seen);
            party.age = 0;
        }
        party.run = all.run;
    }

    /// What a write makes of the record: the script.
    fn write(&self, all: &Everything, letter: &Letter) -> Option<Note> {
        let (now, run, blind) = (all.note, all.run, self.lack(Mutant::NoRunId));
        if letter.run != run && !blind {
            return None; // R5
        }
        let held = |nonce, seq| Note { nonce, seq, standing: Standing::Held, run };
        match letter.write {
            Write::Grace { nonce } => now.is_none().then_some(Note { nonce, seq: 0, standing: Standing::Grace, run }),
            Write::Acquire { nonce, seen } => {
                let trusting = self.lack(Mutant::TrustAbsence) && now.is_none();
                (self.version(now) == seen || trusting).then_some(held(nonce, 0))
            }
            Write::Renew { nonce, seq } => {
                let mine = now.is_some_and(|n| n.nonce == nonce && n.standing == Standing::Held && n.seq < seq);
                let free = now.is_none_or(|n| n.standing == Standing::Grace || (n.run != run && !blind));
                (mine || free).then_some(held(nonce, seq))
            }
            Write::Release { nonce, seq } => now
                .filter(|n| n.nonce == nonce && n.standing == Standing::Held && (n.run == run || blind))
                .filter(|n| n.seq == seq || self.lack(Mutant::ReleaseAnySeq))
                .map(|n| Note { standing: Standing::Released, seq: n.seq + 1, ..n }),
        }
    }

    fn deliver(&self, all: &mut Everything, index: usize, answered: bool) {
        let letter = all.letters.remove(index);
        let site = usize::from(letter.site);
        let same_run = all.parties[site].run == all.run;
        let written = self.write(all, &letter);
        let done = written.is_some();
        all.note = written.or(all.note);
        if !letter.awaited || !answered {
            return;
        }
        self.look(all, site);
        let left = i8::try_from(LEASE).unwrap_or(0) - i8::try_from(letter.age).unwrap_or(i8::MAX); // R1
        let party = &mut all.parties[site];
        match (letter.write, &mut party.stand) {
            (Write::Acquire { nonce, .. }, Stand::Claiming) => {
                party.stand = Stand::Watching;
                if done && left > 0 {
                    party.stand = Stand::Leading { nonce, left, acked: 0, tried: 0 };
                    party.bot = true;
                }
            }
            (Write::Renew { nonce, seq }, Stand::Leading { nonce: mine, left: lease, acked, .. }) if nonce == *mine => {
                if done {
                    *acked = seq;
                    *lease = (*lease).max(left);
                } else if same_run {
                    party.stand = Stand::Watching;
                    party.bot = false;
                }
            }
            _ => {}
        }
    }

    fn send(all: &mut Everything, site: usize, write: Write, awaited: bool) {
        let letter =
            Letter { site: u8::try_from(site).unwrap_or(0), awaited, write, run: all.parties[site].run, age: 0 };
        all.letters.push(letter);
    }

    fn stop_waiting(all: &mut Everything, site: usize) {
        for letter in all.letters.iter_mut().filter(|letter| usize::from(letter.site) == site) {
            letter.awaited = false;
        }
    }

    fn steps_of(&self, all: &Everything, site: usize, steps: &mut Vec<Step>) {
        let party = &all.parties[site];
        let mine = |letter: &&Letter| usize::from(letter.site) == site;
        let awaiting = all.letters.iter().filter(mine).any(|letter| letter.awaited);
        if awaiting || party.stand == Stand::Claiming {
            steps.push(Step::GiveUpWaiting(site));
        }
        if all.crashes < self.bounds.crashes && party.stand != Stand::Watching {
            steps.push(Step::Crash(site));
        }
        match party.stand {
            Stand::Claiming => {}
            Stand::Leading { tried, .. } => {
                if !awaiting && tried < self.bounds.renewals {
                    steps.push(Step::Renew(site));
                }
                steps.push(Step::Stop(site));
            }
            Stand::Watching => {
                steps.push(Step::Look(site));
                let Some((run, note)) = party.seen else { return };
                if all.nonces >= self.bounds.terms {
                    return;
                }
                let waited = party.age >= self.wait();
                let may_claim = match note {
                    None => self.lack(Mutant::TrustAbsence) || (self.lack(Mutant::AbsentNoCas) && waited), // R4
                    Some(note) => {
                        let fresh = note.run == run || self.lack(Mutant::NoRunId);
                        waited || (note.standing == Standing::Released && fresh)
                    }
                };
                if may_claim {
                    steps.push(Step::Claim(site));
                }
                let witness = |letter: &Letter| matches!(letter.write, Write::Grace { .. });
                if note.is_none() && !all.letters.iter().filter(mine).any(witness) {
                    steps.push(Step::Witness(site));
                }
            }
        }
    }
}

impl Model for Exhaustive {
    type State = Everything;
    type Action = Step;

    fn init_states(&self) -> Vec<Everything> {
        let party = |rate| Party { stand: Stand::Watching, bot: false, seen: None, age: 0, run: 0, rate };
        let released = Note { nonce: 0, seq: 0, standing: Standing::Released, run: 1 };
        [[2, 2], [2, 4], [4, 2], [4, 4]]
            .map(|rates| Everything {
                parties: rates.map(party),
                run: 1,
                note: Some(released),
                snapshot: None,
                letters: Vec::new(),
                nonces: 0,
                flushes: 0,
                crashes: 0,
            })
            .to_vec()
    }

    fn actions(&self, all: &Everything, steps: &mut Vec<Step>) {
        steps.push(Step::Tick);
        for (index, letter) in all.letters.iter().enumerate() {
            steps.push(Step::Deliver(index));
            if letter.awaited {
                steps.push(Step::DeliverAndLoseAnswer(index));
            }
        }
        for site in 0..2 {
            self.steps_of(all, site, steps);
        }
        if all.run <= self.bounds.restarts {
            if all.snapshot.is_none() {
                steps.push(Step::Snapshot);
            } else {
                steps.push(Step::RestartRolledBack);
            }
            steps.extend([Step::RestartKeeping, Step::RestartEmpty]);
        }
        if all.flushes < self.bounds.flushes && all.note.is_some() {
            steps.push(Step::Flush);
        }
    }

    fn next_state(&self, before: &Everything, step: Step) -> Option<Everything> {
        let mut all = before.clone();
        match step {
            Step::Tick => {
                let wait = self.wait();
                for party in &mut all.parties {
                    if party.seen.is_some() {
                        party.age = (party.age + party.rate).min(wait);
                    }
                    if let Stand::Leading { left, .. } = &mut party.stand {
                        *left -= i8::try_from(party.rate).unwrap_or(0);
                        if *left <= 0 {
                            party.stand = Stand::Watching; // R9: the guard, in time
                            party.bot = false;
                        }
                    }
                }
                for letter in &mut all.letters {
                    letter.age = (letter.age + all.parties[usize::from(letter.site)].rate).min(LEASE);
                }
            }
            Step::Deliver(index) => self.deliver(&mut all, index, true),
            Step::DeliverAndLoseAnswer(index) => self.deliver(&mut all, index, false),
            Step::Look(site) => self.look(&mut all, site),
            Step::Claim(site) => {
                all.nonces += 1;
                let seen = all.parties[site].seen?.1;
                all.parties[site].stand = Stand::Claiming;
                let nonce = all.nonces;
                Self::send(&mut all, site, Write::Acquire { nonce, seen }, true);
            }
            Step::Witness(site) => {
                all.nonces += 1;
                let nonce = all.nonces;
                Self::send(&mut all, site, Write::Grace { nonce }, false);
            }
            Step::Renew(site) => {
                let Stand::Leading { nonce, tried, .. } = &mut all.parties[site].stand else { return None };
                *tried += 1;
                let (nonce, seq) = (*nonce, *tried);
                Self::send(&mut all, site, Write::Renew { nonce, seq }, true);
            }
            Step::Stop(site) => {
                let Stand::Leading { nonce, acked, .. } = all.parties[site].stand else { return None };
                all.parties[site].bot = false; // R8: the bot is reaped, then released
                all.parties[site].stand = Stand::Watching;
                Self::stop_waiting(&mut all, site);
                Self::send(&mut all, site, Write::Release { nonce, seq: acked }, false);
            }
            Step::GiveUpWaiting(site) => {
                Self::stop_waiting(&mut all, site);
                if all.parties[site].stand == Stand::Claiming {
                    all.parties[site].stand = Stand::Watching;
                }
            }
            Step::Crash(site) => {
                all.crashes += 1;
                Self::stop_waiting(&mut all, site);
                let rate = all.parties[site].rate;
                all.parties[site] = Party { stand: Stand::Watching, bot: false, seen: None, age: 0, run: 0, rate };
            }
            Step::Snapshot => all.snapshot = Some(all.note),
            Step::RestartKeeping => all.run += 1,
            Step::RestartRolledBack => {
                all.note = all.snapshot?;
                all.run += 1;
            }
            Step::RestartEmpty => {
                all.note = None;
                all.run += 1;
            }
            Step::Flush => {
                all.flushes += 1;
                all.note = None;
            }
        }
        self.tidy(&mut all);
        (all != *before).then_some(all)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never two bots", |_, all: &Everything| !(all.parties[0].bot && all.parties[1].bot)),
            // Were these out of reach, the model would prove nothing.
            Property::sometimes("the second site takes over", |_, all: &Everything| {
                all.parties[1].bot && all.nonces >= 2
            }),
        ]
    }
}

impl Exhaustive {
    /// Makes states that cannot be told apart by what follows the same one.
    fn tidy(&self, all: &mut Everything) {
        for letter in &mut all.letters {
            if !letter.awaited {
                letter.age = 0;
            }
        }
        if all.run > self.bounds.restarts {
            all.snapshot = None;
            let (run, blind) = (all.run, self.lack(Mutant::NoRunId));
            all.letters.retain(|letter| letter.run == run || blind);
        }
        all.letters.sort_unstable();
    }
}
