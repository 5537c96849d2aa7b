//! A group at work.

use std::collections::BTreeSet;

use promql::{Point, Storage};
use series::{Labels, STALE, Sample};

use crate::alert::{Alert, Change, State};
use crate::alerting::{self, Alerts, Moment};
use crate::ask::told;
use crate::duration::millis;
use crate::overlay::Overlay;
use crate::recording;
use crate::rules::{AlertingRule, GroupRules, Rule};
use crate::settings::Settings;

/// How a group begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With nothing known.
    Fresh,
    /// Where a process before it left off: after the second evaluation (so that scrapes and recording rules are back) the
    /// alerts take their time from `ALERTS_FOR_STATE`. Until then no `ALERTS` are written, as in Prometheus.
    Restore,
}

/// Evaluations before alerts are restored.
const BEFORE_RESTORE: u8 = 2;

/// A group with the state of its rules. It has no clock and no storage of its own: whoever owns it calls
/// [`evaluate`](Self::evaluate) in time, and stores what comes back.
#[derive(Debug)]
pub struct Group {
    settings: Settings,
    rules: GroupRules,
    states: Vec<RuleState>,
    /// Evaluations that are missing before alerts are restored; none if they are.
    unrestored: Option<u8>,
    /// Series of rules that a newer file no longer has: they end at the next evaluation.
    orphans: BTreeSet<Labels>,
}

/// What is known of a rule.
#[derive(Debug, Default)]
struct RuleState {
    alerts: Alerts,
    /// The series that the last good evaluation wrote.
    written: BTreeSet<Labels>,
    failure: Option<String>,
}

/// What an evaluation came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Samples to be stored, in this order; [`STALE`] where a series ends. Never two of one series.
    pub samples: Vec<Point>,
    /// What happened to alerts.
    pub changes: Vec<Change>,
    /// Rules that could not be evaluated. Their alerts and series stay as they were.
    pub failures: Vec<Failure>,
}

/// A rule that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the group, from 0.
    pub rule: usize,
    /// What it is called.
    pub name: String,
    /// What went wrong, for the operator.
    pub reason: String,
}

impl Group {
    /// Returns a group that has not been evaluated.
    #[must_use]
    pub fn new(rules: GroupRules, settings: Settings, start: Start) -> Self {
        let states = rules.rules.iter().map(|_| RuleState::default()).collect();
        let unrestored = (start == Start::Restore).then_some(BEFORE_RESTORE);
        Self { settings, rules, states, unrestored, orphans: BTreeSet::new() }
    }

    /// Returns what the file says of the group.
    #[must_use]
    pub fn rules(&self) -> &GroupRules {
        &self.rules
    }

    /// Takes over the state of the group that this one replaces when files are read again: rules of the same name and
    /// labels keep their alerts. What the others wrote ends at the next evaluation.
    pub fn inherit(&mut self, mut old: Self) {
        self.orphans.append(&mut old.orphans);
        self.unrestored = old.unrestored;
        for (rule, state) in self.rules.rules.iter().zip(&mut self.states) {
            let place = old.rules.rules.iter().position(|other| rule.is_successor_of(other));
            if let Some(place) = place {
                old.rules.rules.remove(place);
                *state = old.states.remove(place);
            }
        }
        old.states.into_iter().for_each(|mut state| self.orphans.append(&mut state.written));
    }

    /// Ends the group, which the files no longer have: returns the markers that end its series.
    #[must_use]
    pub fn retire(self, now: i64) -> Vec<Point> {
        let at = now - millis(self.rules.query_offset);
        let series = self.states.into_iter().flat_map(|state| state.written).chain(self.orphans);
        series.map(|labels| Point { labels, sample: Sample::new(at, STALE) }).collect()
    }

    /// Evaluates all rules at `now` (milliseconds since 1970), in order: each sees in `storage` what those before it wrote.
    pub fn evaluate(&mut self, now: i64, storage: &dyn Storage) -> Evaluation {
        let at = now - millis(self.rules.query_offset);
        let mut overlay = Overlay::new(storage, at);
        let mut evaluation = Evaluation::default();
        let is_restored = self.unrestored.is_none();
        for (place, (rule, state)) in self.rules.rules.iter().zip(&mut self.states).enumerate() {
            let moment = Moment { settings: &self.settings, storage: &overlay, now, at, limit: self.rules.limit };
            let points = match rule {
                Rule::Recording(rule) => recording::evaluate(rule, &moment),
                Rule::Alerting(rule) => alerting::evaluate(rule, &mut state.alerts, &moment).map(|changes| {
                    evaluation.changes.extend(changes);
                    if is_restored { alerting::samples(rule, &state.alerts, at) } else { Vec::new() }
                }),
            };
            state.failure = match points {
                Ok(points) => write(points, &mut state.written, &mut overlay, &mut evaluation.samples, at),
                Err(reason) => Some(reason),
            };
            if let Some(reason) = &state.failure {
                let failure = Failure { rule: place, name: rule.name().to_owned(), reason: reason.clone() };
                evaluation.failures.push(failure);
            }
        }
        for labels in std::mem::take(&mut self.orphans) {
            end(labels, &mut overlay, &mut evaluation.samples, at);
        }
        self.restore(now, &overlay, &mut evaluation);
        evaluation
    }

    fn restore(&mut self, now: i64, storage: &Overlay<'_>, evaluation: &mut Evaluation) {
        self.unrestored = match self.unrestored {
            None => return,
            Some(missing) if missing > 1 => Some(missing - 1),
            Some(_) => None,
        };
        if self.unrestored.is_some() {
            return;
        }
        for (place, (rule, state)) in self.rules.rules.iter().zip(&mut self.states).enumerate() {
            let Rule::Alerting(alerting) = rule else { continue };
            let moment = Moment { settings: &self.settings, storage, now, at: now, limit: 0 };
            if let Err(reason) = alerting::restore(alerting, &mut state.alerts, &moment) {
                let reason = format!("cannot restore its alerts: {}", told(&reason));
                evaluation.failures.push(Failure { rule: place, name: rule.name().to_owned(), reason });
            }
        }
    }

    /// Returns the alerts of the group with their rules, those among them that are over and still remembered.
    pub fn alerts(&self) -> impl Iterator<Item = (&AlertingRule, &Alert)> {
        self.rules.rules.iter().zip(&self.states).flat_map(|(rule, state)| {
            let rule = if let Rule::Alerting(rule) = rule { Some(rule) } else { None };
            rule.into_iter().flat_map(|rule| state.alerts.values().map(move |alert| (rule, alert)))
        })
    }

    /// Returns the alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = (&AlertingRule, &Alert)> {
        self.alerts().filter(|(_, alert)| alert.state == State::Firing)
    }

    /// Returns each rule with what went wrong at its last evaluation.
    pub fn health(&self) -> impl Iterator<Item = (&Rule, Option<&str>)> {
        self.rules.rules.iter().zip(self.states.iter().map(|state| state.failure.as_deref()))
    }
}

/// Writes the samples of a rule and ends the series that it no longer has. Returns what is wrong with the samples.
fn write(
    points: Vec<Point>,
    written: &mut BTreeSet<Labels>,
    overlay: &mut Overlay<'_>,
    samples: &mut Vec<Point>,
    at: i64,
) -> Option<String> {
    let mut failure = None;
    let mut now_written = BTreeSet::new();
    for Point { labels, sample } in points {
        match overlay.get(&labels) {
            None => {
                let sample = Sample::new(at, sample.value);
                overlay.write(labels.clone(), sample.value);
                samples.push(Point { labels: labels.clone(), sample });
            }
            Some(other) if other.to_bits() == sample.value.to_bits() => {}
            Some(_) => {
                failure = Some(format!("a rule before it has written another value of {labels}"));
                continue;
            }
        }
        now_written.insert(labels);
    }
    for labels in std::mem::replace(written, now_written) {
        if !written.contains(&labels) {
            end(labels, overlay, samples, at);
        }
    }
    failure
}

/// Ends a series, if nobody else writes it.
fn end(labels: Labels, overlay: &mut Overlay<'_>, samples: &mut Vec<Point>, at: i64) {
    if overlay.get(&labels).is_none() {
        overlay.write(labels.clone(), STALE);
        samples.push(Point { labels, sample: Sample::new(at, STALE) });
    }
}

#[cfg(test)]
mod tests;
