//! What a supervisor without a lease does: look, wait, and claim.

use super::clock::{Moment, Span};
use super::event::{Action, Notice, Why};
use super::record::{Answer, Lock, Nonce, Op, Record, Standing};
use super::rules::Mutant;
use super::state::{State, Term};
use super::{Core, HOT};

/// Each better site that is alive and ready gets this much of a head start when nobody leads.
const QUEUE: Span = Span::from_millis(300);
/// What was released to a named site is kept for it this long.
const RESERVED: Span = Span::from_millis(2_000);
/// A lease must have this much left to be worth a start.
const WORTH: Span = Span::from_millis(200);

impl Core {
    /// Decides after each answer that finds us without a lease.
    pub(super) fn watch(&mut self, now: Moment, answer: &Answer, out: &mut Vec<Action>) {
        self.rest(now);
        let accepted = self.beat.accept.take();
        if self.in_flight.is_some() || self.stopping {
            return;
        }
        let Some(record) = answer.record else { return self.watch_nothing(now, answer, out) };
        if record.standing == Standing::Held && record.run == answer.run {
            if let Some((nonce, sent)) = self.pending.filter(|(nonce, _)| *nonce == record.nonce) {
                // Our lost acquisition was done after all: the old `sent` counts, and a renewal comes first.
                return self.lead(now, nonce, record.epoch, sent, None, out);
            }
            if record.to == Some(self.setup.site) && self.is_ready(now) && self.may_claim(now) {
                self.beat.accept = Some(record.nonce);
                // Said at once, then often, because the bot stops for us now.
                self.poll_at = if accepted == self.beat.accept { self.poll_at.min(now + HOT) } else { now };
            }
        }
        let age = now - self.sight_since;
        let timing = self.setup.timing;
        let ahead = self.peers.queue(now, &timing);
        let queue = QUEUE.times(ahead);
        // Two clocks may count W differently, and see the record a poll apart: the better site shall still be first.
        let wait = timing.wait + queue + (timing.poll + (timing.wait - timing.lease)).times(ahead);
        let blind = self.setup.rules.lack(Mutant::NoRunId);
        let why = if record.standing == Standing::Released && (blind || record.run == answer.run) {
            match record.to {
                Some(site) if site == self.setup.site => Why::HandedOver,
                Some(_) if age < RESERVED + queue => return self.look_again(RESERVED + queue),
                None if age < queue => return self.look_again(queue),
                _ => Why::Released,
            }
        } else if self.setup.rules.lack(Mutant::RedisTtl) || age < wait {
            return self.look_again(wait); // R2, R5
        } else if record.standing == Standing::Grace {
            Why::FirstStart
        } else {
            Why::WaitedOut
        };
        self.claim(now, Some(record), why, out);
    }

    /// Looks again when what we see will have stood for `age`, should that be before the next poll.
    fn look_again(&mut self, age: Span) {
        self.poll_at = self.poll_at.min(self.sight_since + age);
    }

    /// R4: where nothing is stored, a leader may be alive. A witness is left, and waited out like any other record.
    fn watch_nothing(&mut self, now: Moment, answer: &Answer, out: &mut Vec<Action>) {
        let rules = self.setup.rules;
        let waited = now - self.sight_since >= self.setup.timing.wait;
        if rules.lack(Mutant::TrustAbsence)
            || rules.lack(Mutant::RedisTtl)
            || (rules.lack(Mutant::AbsentNoCas) && waited)
        {
            return self.claim(now, answer.record, Why::FirstStart, out);
        }
        if !rules.lack(Mutant::AbsentNoCas) {
            let nonce = self.fresh_nonce();
            self.send(now, Op::Grace { nonce, floor: self.epoch }, out);
        }
    }

    /// Whether operators, trouble and old clients let us lead.
    fn may_claim(&self, now: Moment) -> bool {
        let resting = now < self.rest_until && self.peers.successor(now, &self.setup.timing).is_some();
        let in_budget = self.starts.allowed_at(self.setup.budget, now) <= now
            || self.peers.successor(now, &self.setup.timing).is_none();
        !self.bot_alive
            && !self.stopping
            && !resting
            && in_budget
            && self.lock == Lock::Free
            && self.peers.may_lead(self.setup.site)
    }

    fn claim(&mut self, now: Moment, seen: Option<Record>, why: Why, out: &mut Vec<Action>) {
        if !self.may_claim(now) {
            return;
        }
        let nonce = self.fresh_nonce();
        self.state = State::Claiming(nonce);
        self.claim = (why, seen.filter(|record| record.standing != Standing::Grace).map(|record| record.site));
        let seen = seen.map(|record| self.version(&record));
        self.send(now, Op::Acquire { nonce, seen, floor: self.epoch }, out);
    }

    /// The answer to an acquisition.
    pub(super) fn claimed(&mut self, now: Moment, nonce: Nonce, sent: Moment, answer: &Answer, out: &mut Vec<Action>) {
        self.rest(now);
        if let Some(record) = answer.record.filter(|_| answer.done) {
            self.lead(now, nonce, record.epoch, sent, Some(self.claim.0), out);
        }
    }

    /// A lease is ours. Without `why` it was acquired by a request whose answer was lost: it must be renewed first.
    fn lead(&mut self, now: Moment, nonce: Nonce, epoch: u64, sent: Moment, why: Option<Why>, out: &mut Vec<Action>) {
        let timing = self.setup.timing;
        self.pending = None;
        self.beat.accept = None;
        self.epoch = self.epoch.max(epoch);
        let from = if self.setup.rules.lack(Mutant::LeaseFromReply) { now } else { sent }; // R1
        let lease_end = from + timing.lease;
        if now >= lease_end {
            return; // R7
        }
        let confirmed = why.is_some();
        let renew_at = if confirmed { sent + timing.renew } else { now };
        let start_at = self.starts.allowed_at(self.setup.budget, now);
        let term = Term { nonce, epoch, lease_end, tried: 0, acked: 0, renew_at, confirmed, start_at };
        if self.stopping || now + WORTH >= timing.stop_at(lease_end) {
            // No bot runs here, so it can be given back at once.
            self.release(now, term, None);
            return;
        }
        if let Some((site, at)) = self.handed.take() {
            // The site that we handed the bot to has lost it again: next time it must be well for longer.
            if now - at >= timing.preempt.times(10) {
                self.peers.trust(site, &timing);
            } else if timing.preempt_max > timing.preempt {
                self.peers.distrust(site, now, &timing);
            }
        }
        self.state = State::Starting(term);
        if let Some(why) = why {
            out.push(Action::Tell(Notice::Leads { epoch, from: self.claim.1, why }));
        }
    }
}
