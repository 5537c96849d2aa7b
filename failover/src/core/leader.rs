//! What a supervisor with a lease does: renew, start the bot, yield, and above all stop in time.

use super::clock::{Moment, Span};
use super::event::{Action, Leave, Loss, Notice};
use super::record::{Answer, Lock, Site, Standing};
use super::rules::Mutant;
use super::state::{Departure, Offer, State, Term};
use super::{Core, REST};

/// An offer that is not accepted within this time is withdrawn.
const OFFER: Span = Span::from_millis(5_000);
/// A start that the budget puts off by more than this is tried elsewhere, if there is an elsewhere.
const LONG: Span = Span::from_millis(60_000);

impl Core {
    /// Ends what must end by now: run before and after every event.
    pub(super) fn deadlines(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.setup.rules.lack(Mutant::NoKillDeadline) {
            return;
        }
        let timing = self.setup.timing;
        let Some(term) = self.state.term() else { return };
        let end = term.lease_end;
        if now >= end && !self.setup.rules.lack(Mutant::LateNonce) {
            return self.lose(now, Loss::LeaseOver, out); // R7
        }
        match &mut self.state {
            State::Starting(_) | State::Leading(_) | State::Yielding(..) if now >= timing.stop_at(end) => {
                self.drain(now, None, Leave::LeaseAtRisk, out);
            }
            State::Draining(_, leaving)
                if !leaving.killed && (now >= timing.kill_at(end) || now >= leaving.since + timing.grace) =>
            {
                leaving.killed = true;
                out.push(Action::Kill);
            }
            _ => {}
        }
    }

    /// The earliest moment at which [`Core::deadlines`] or a start has something to do.
    pub(super) fn next_deadline(&self) -> Moment {
        let timing = &self.setup.timing;
        match &self.state {
            State::Starting(term) if !self.bot_alive && term.confirmed => {
                timing.stop_at(term.lease_end).min(term.start_at)
            }
            State::Starting(term) | State::Leading(term) | State::Yielding(term, _) => timing.stop_at(term.lease_end),
            State::Draining(term, leaving) if !leaving.killed => {
                timing.kill_at(term.lease_end).min(leaving.since + timing.grace)
            }
            State::Draining(term, _) | State::Releasing(term, _) => term.lease_end,
            _ => Moment::NEVER,
        }
    }

    /// R10: whether an answer shows that somebody else holds what we think is ours.
    pub(super) fn holds_other(&self, answer: &Answer) -> bool {
        let Some(term) = self.state.term() else { return false };
        answer.lock == Lock::Foreign
            || answer.record.is_some_and(|record| {
                record.standing == Standing::Held && record.nonce != term.nonce && record.run == answer.run
            })
    }

    /// The lease is not ours any more: SIGKILL without grace, and its nonce is never used again (R7, R10).
    pub(super) fn lose(&mut self, now: Moment, loss: Loss, out: &mut Vec<Action>) {
        if self.bot_alive {
            out.push(Action::Kill);
        }
        out.push(Action::Tell(Notice::Lost(loss)));
        self.rest(now);
    }

    /// The answer to a renewal.
    pub(super) fn renewed(
        &mut self,
        now: Moment,
        seq: u64,
        sent: Moment,
        answer: &Answer,
        restarted: bool,
        out: &mut Vec<Action>,
    ) {
        let timing = self.setup.timing;
        let from = if self.setup.rules.lack(Mutant::LeaseFromReply) { now } else { sent }; // R1
        let Some(term) = self.state.term_mut() else { return };
        if answer.done {
            term.acked = term.acked.max(seq);
            term.lease_end = term.lease_end.max(from + timing.lease);
            term.renew_at = sent + timing.renew;
            let lease_end = term.lease_end;
            let late = !std::mem::replace(&mut term.confirmed, true);
            let epoch = term.epoch;
            if self.bot_alive && !self.setup.rules.lack(Mutant::NoKillDeadline) {
                out.push(Action::Arm(timing.kill_at(lease_end)));
            }
            if late {
                let (why, from) = self.claim;
                out.push(Action::Tell(Notice::Leads { epoch, from, why }));
            }
        } else if restarted {
            term.renew_at = now; // R5: the lease is still ours; say so to the new run at once.
        } else if !matches!(self.state, State::Releasing(..)) {
            self.lose(now, Loss::OtherHolder, out);
        }
    }

    /// The answer to a release: the term is over, whatever it says, unless it says that a renewal was written after all.
    pub(super) fn released(&mut self, now: Moment, answer: &Answer) {
        let State::Releasing(term, to) = &mut self.state else { return };
        let written = answer
            .record
            .filter(|record| {
                !answer.done
                    && record.nonce == term.nonce
                    && record.standing == Standing::Held
                    && record.run == answer.run
            })
            .map(|record| record.seq)
            .filter(|seq| *seq > term.acked);
        if let Some(seq) = written {
            term.acked = seq; // A renewal whose answer was lost. It cannot be written a second time (R6).
            return;
        }
        if answer.done {
            self.handed = to.map(|site| (site, now)).or(self.handed);
        }
        self.rest(now);
    }

    // --- the bot ---

    pub(super) fn start_if_due(&mut self, now: Moment, out: &mut Vec<Action>) {
        let State::Starting(term) = &self.state else { return };
        if !term.confirmed || self.bot_alive || now < term.start_at {
            return;
        }
        let epoch = term.epoch;
        if !self.setup.rules.lack(Mutant::NoKillDeadline) {
            out.push(Action::Arm(self.setup.timing.kill_at(term.lease_end))); // R9: before the bot exists
        }
        out.push(Action::Start { epoch });
        self.bot_alive = true;
        self.starts.count(now);
    }

    pub(super) fn bot_up(&mut self) {
        if let (State::Starting(term), true) = (self.state, self.bot_alive) {
            self.state = State::Leading(term);
        }
    }

    /// Every process of the bot is reaped.
    pub(super) fn bot_gone(&mut self, now: Moment, lived: Option<Span>, out: &mut Vec<Action>) {
        if !std::mem::replace(&mut self.bot_alive, false) {
            return;
        }
        match self.state {
            State::Draining(term, leaving) => self.release(now, term, leaving.to), // R8
            State::Killed => self.rest(now),
            State::Starting(mut term) | State::Leading(mut term) | State::Yielding(mut term, _) => {
                let pause = self.starts.ended(lived);
                let allowed_at = self.starts.allowed_at(self.setup.budget, now);
                let successor = self.peers.successor(now, &self.setup.timing);
                let in_vain = self.starts.are_hopeless() || allowed_at - now > LONG;
                if in_vain && successor.is_some() {
                    out.push(Action::Tell(Notice::GaveUp));
                    self.rest_until = allowed_at.max(now + REST);
                    self.starts.forgive();
                    return self.drain(now, successor, Leave::FailedStarts, out);
                }
                term.start_at = allowed_at.max(now + pause);
                out.push(Action::Tell(Notice::Restarts(term.start_at - now)));
                match &mut self.state {
                    State::Yielding(held, _) => *held = term,
                    state => *state = State::Starting(term),
                }
            }
            _ => {}
        }
    }

    // --- giving it away ---

    /// Asks the bot to end; where none runs, the lease can go back at once.
    pub(super) fn drain(&mut self, now: Moment, to: Option<Site>, why: Leave, out: &mut Vec<Action>) {
        let Some(term) = self.state.term().copied() else { return };
        out.push(Action::Tell(Notice::Leaves { to, why }));
        if !self.bot_alive {
            return self.release(now, term, to);
        }
        out.push(Action::Terminate);
        self.state = State::Draining(term, Departure { since: now, to, killed: false });
        if self.setup.rules.lack(Mutant::ReleaseBeforeReap) {
            self.release(now, term, to);
        }
    }

    /// Nothing of the bot is left here: the lease goes back with the next request.
    pub(super) fn release(&mut self, now: Moment, mut term: Term, to: Option<Site>) {
        term.renew_at = now;
        self.state = State::Releasing(term, to);
    }

    /// Gives the bot to the best other site that is alive, if we have it.
    pub(super) fn depart(&mut self, now: Moment, why: Leave, out: &mut Vec<Action>) {
        if matches!(self.state, State::Starting(_) | State::Leading(_) | State::Yielding(..)) {
            let successor = self.peers.successor(now, &self.setup.timing);
            self.drain(now, successor, why, out);
        }
    }

    /// Gives the bot away because an operator says so; where nobody can take it, it stays.
    pub(super) fn step_down(&mut self, now: Moment, out: &mut Vec<Action>) {
        if !matches!(self.state, State::Starting(_) | State::Leading(_) | State::Yielding(..)) {
            return;
        }
        if self.peers.successor(now, &self.setup.timing).is_none() {
            return out.push(Action::Tell(Notice::NoSuccessor));
        }
        self.depart(now, Leave::SteppedDown, out);
        self.rest_until = now + REST;
    }

    /// Hands the bot back to a better site: offer, acceptance, drain, release to it.
    pub(super) fn prefer(&mut self, now: Moment, answer: &Answer, out: &mut Vec<Action>) {
        let timing = self.setup.timing;
        let Some(term) = self.state.term().copied() else { return };
        if answer.wish.stepdown == term.epoch && self.obeyed != term.epoch {
            self.obeyed = term.epoch;
            return self.step_down(now, out);
        }
        let changed = match self.state {
            State::Yielding(_, offer) if self.peers.accepts(offer.to, term.nonce) => {
                return self.drain(now, Some(offer.to), Leave::Preferred, out);
            }
            State::Yielding(_, offer) if now - offer.since > OFFER => {
                self.peers.distrust(offer.to, now, &timing);
                out.push(Action::Tell(Notice::OfferLapsed(offer.to)));
                if self.bot_alive { State::Leading(term) } else { State::Starting(term) }
            }
            State::Starting(_) | State::Leading(_) if term.confirmed => match self.peers.preferred(now, &timing) {
                Some(to) => State::Yielding(term, Offer { to, since: now }),
                None => return,
            },
            _ => return,
        };
        self.state = changed;
        if let Some(term) = self.state.term_mut() {
            term.renew_at = now; // The offer stands in the record, and so does its end.
        }
    }
}
