//! The dead man's switch: an alert that always fires, and somebody who notices when it no longer does.
//!
//! ```text
//! Prometheus ── Watchdog, always ──▶ Alertmanager ── once a minute ──▶ intake ──▶ Watch ── silent for too long ──▶ people
//! ```
//!
//! Everything else here says what is wrong with hosts, and says nothing when Prometheus or Alertmanager is dead, or the way
//! from them to this bridge is cut. A [`Watch`] turns that silence into a message. It has no clock of its own: who holds it
//! says what time it is.

mod keeper;
mod notice;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::keeper::Watchdog;
use crate::webhook::{Labels, Status, Webhook};

/// Longer than this between two looks, and this machine was asleep, or its clock was set: what did not arrive meanwhile
/// says nothing about the other side.
const ASLEEP: SignedDuration = SignedDuration::from_secs(60);
/// How often somebody should look.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A source that has been silent for so long was taken down on purpose.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Whoever may post here could name any number of sources.
const SOURCES_LIMIT: usize = 100;

/// The `watchdog:` settings below `bridge:`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether somebody is told.
    pub mode: Mode,
    /// The name of the alert that always fires.
    pub alertname: String,
    /// How long it may stay away.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long until people are reminded that it still stays away.
    #[serde(with = "humantime_serde")]
    pub repeat: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            alertname: "Watchdog".to_owned(),
            timeout: Duration::from_secs(300),
            repeat: Duration::from_secs(4 * 3600),
        }
    }
}

/// Whether somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Once it has arrived for the first time.
    Auto,
    /// Also when it never arrived at all.
    Required,
    /// Never. The alert is still no incident.
    Off,
}

/// What people are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    /// Nothing is heard of `source`.
    Silent {
        /// Whose.
        source: String,
        /// Since when.
        since: Timestamp,
        /// Whether it was ever heard of.
        was_heard: bool,
    },
    /// `source` is back.
    Back {
        /// Whose.
        source: String,
        /// Since when it was silent.
        since: Timestamp,
        /// Whether it had ever been heard of.
        was_heard: bool,
        /// Since when it is back.
        at: Timestamp,
    },
}

/// What outlives the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    sources: BTreeMap<String, Source>,
}

impl Memory {
    fn len(&self) -> usize {
        self.sources.len()
    }
}

/// One Prometheus, told from others by the labels of its alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    /// Since when it is waited for.
    begun: Timestamp,
    /// When it was heard of last; never, for the one that was expected in vain.
    last: Option<Timestamp>,
    /// When people were told of its silence last.
    told: Option<Timestamp>,
}

/// Waits for something not to happen.
#[derive(Clone, Debug)]
struct Watch {
    config: Config,
    memory: Memory,
    listening_since: Timestamp,
    looked: Timestamp,
}

impl Watch {
    /// Begins to listen `now`, with what an earlier process remembered.
    pub fn new(config: Config, memory: Memory, now: Timestamp) -> Self {
        Self { config, memory, listening_since: now, looked: now }
    }

    /// Returns what the next process needs to know.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns when somebody was heard of last, and how many are silent; for the metrics.
    pub fn state(&self) -> (Option<Timestamp>, usize) {
        let sources = self.memory.sources.values();
        (sources.clone().filter_map(|source| source.last).max(), sources.filter(|source| source.told.is_some()).count())
    }

    /// Takes the alert that always fires out of `webhook`, and returns whose it was; nothing when it was not there.
    ///
    /// Its end is no news: that it does not arrive says as much, and says it also when its end does not arrive.
    pub fn take(&self, webhook: &mut Webhook) -> Option<Vec<String>> {
        let (count, mut sources) = (webhook.alerts.len(), Vec::new());
        webhook.alerts.retain(|alert| {
            let is_ours = alert.labels.get("alertname") == Some(self.config.alertname.as_str());
            if is_ours && alert.status == Status::Firing {
                sources.push(source(&alert.labels));
            }
            !is_ours
        });
        (webhook.alerts.len() < count).then_some(sources)
    }

    /// Notes that `source` was heard of.
    pub fn beat(&mut self, source: &str, now: Timestamp) -> Option<Event> {
        // Whoever was expected in vain is there after all.
        let was_expected = self.memory.sources.get("").is_some_and(|unheard| unheard.last.is_none());
        let expected = if was_expected { self.memory.sources.remove("") } else { None };
        let known = self.memory.sources.remove(source).or(expected);
        if known.is_none() && self.memory.sources.len() >= SOURCES_LIMIT {
            return None;
        }
        let begun = known.as_ref().map_or(now, |known| known.begun);
        self.memory.sources.insert(source.to_owned(), Source { begun, last: Some(now), told: None });
        let known = known.filter(|known| known.told.is_some() && self.config.mode != Mode::Off)?;
        let (since, was_heard) = known.silent_since();
        Some(Event::Back { source: source.to_owned(), since, was_heard, at: now })
    }

    /// Returns who has been silent for too long.
    pub fn look(&mut self, now: Timestamp) -> Vec<Event> {
        let since_last_look = now.duration_since(self.looked);
        self.looked = now;
        if since_last_look > ASLEEP || since_last_look.is_negative() {
            self.listening_since = now;
        }
        if self.config.mode == Mode::Off {
            return Vec::new();
        }
        if self.config.mode == Mode::Required && self.memory.sources.is_empty() {
            self.memory.sources.insert(String::new(), Source { begun: now, last: None, told: None });
        }
        self.memory.sources.retain(|_, source| {
            source.last.is_none_or(|last| source.told.is_none() || now.duration_since(last) < FORGOTTEN_AFTER)
        });
        let (timeout, repeat) = (signed(self.config.timeout), signed(self.config.repeat));
        let mut events = Vec::new();
        for (name, source) in &mut self.memory.sources {
            // A clock that was ahead and has been set back must not make us wait for it.
            source.last = source.last.map(|last| last.min(now));
            let heard = source.last.unwrap_or(self.listening_since).max(self.listening_since);
            let is_due = match source.told {
                None => now.duration_since(heard) >= timeout,
                Some(told) => now.duration_since(told) >= repeat || told > now,
            };
            if is_due {
                source.told = Some(now);
                let (since, was_heard) = source.silent_since();
                events.push(Event::Silent { source: name.clone(), since, was_heard });
            }
        }
        events
    }
}

impl Source {
    fn silent_since(&self) -> (Timestamp, bool) {
        (self.last.unwrap_or(self.begun), self.last.is_some())
    }
}

/// What tells one Prometheus from another: `cluster=home`; nothing where there is only one.
fn source(labels: &Labels) -> String {
    let own = labels.iter().filter(|(name, _)| !["alertname", "severity"].contains(name));
    own.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
