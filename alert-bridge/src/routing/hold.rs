//! Times in which somebody is not to be disturbed, and what becomes of what happens meanwhile.
//!
//! Two kinds of waiting. What is *held* is told in full when the time is over, also when it has passed by then: the
//! morning should know of the night. What is *muted* is told then only if it still fires: what came and went was expected.
//! Neither loses an alert that goes on.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::window::{self, Window};
use super::{Matcher, Subject};
use crate::kind::Level;

/// Whether somebody may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// At once.
    Now,
    /// Not before this moment.
    Until(Timestamp, Then),
}

/// What is told when the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    /// All that happened.
    All,
    /// What is still wrong.
    StillFiring,
}

impl Hold {
    /// Returns the later of the two; of two kinds the one that tells less, since somebody asked for that.
    #[must_use]
    pub fn longer(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, wait) | (wait, Self::Now) => wait,
            (Self::Until(one, then), Self::Until(other, then_too)) => Self::Until(one.max(other), then.max(then_too)),
        }
    }
}

/// When a receiver is not to be disturbed by what is not urgent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// The times.
    #[serde(deserialize_with = "one_or_more")]
    pub times: Vec<Window>,
    /// What is milder than this is held until they are over, then told.
    #[serde(default = "critical")]
    pub hold_below: Level,
    /// What is milder than this is muted: told afterwards only if it still fires. Nothing, unless set.
    #[serde(default)]
    pub mute_below: Option<Level>,
}

fn critical() -> Level {
    Level::Critical
}

impl QuietHours {
    pub(super) fn hold(&self, subject: &Subject<'_>, now: Timestamp) -> Hold {
        let muted = self.mute_below.is_some_and(|level| subject.level < level);
        let then = match (muted, subject.level < self.hold_below) {
            (true, _) => Then::StillFiring,
            (false, true) => Then::All,
            (false, false) => return Hold::Now,
        };
        window::until(&self.times, now).map_or(Hold::Now, |end| Hold::Until(end, then))
    }
}

/// Planned work: what it concerns is muted meanwhile, for every receiver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Alerts that it concerns: conditions on labels, all of which must hold. Without any it concerns everything.
    #[serde(rename = "match")]
    pub matchers: Vec<Matcher>,
    /// The times.
    #[serde(deserialize_with = "one_or_more")]
    pub times: Vec<Window>,
}

impl Maintenance {
    pub(super) fn hold(&self, subject: &Subject<'_>, now: Timestamp) -> Hold {
        match window::until(&self.times, now) {
            Some(end) if subject.fits(&self.matchers) => Hold::Until(end, Then::StillFiring),
            _ => Hold::Now,
        }
    }
}

/// A list that is not empty: quiet hours without hours are a mistake.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Window>, D::Error> {
    let windows = Vec::<Window>::deserialize(deserializer)?;
    if windows.is_empty() { Err(serde::de::Error::custom("`times` needs at least one window")) } else { Ok(windows) }
}
