//! One alert of an incident.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::following::Following;
use crate::compose::Seen;
use crate::webhook::{Alert, Status};

/// What is known of one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What it says of itself.
    pub alert: Alert,
    /// When it was heard of last.
    pub heard: Timestamp,
    /// How often it fired again within this incident.
    #[serde(default)]
    pub flaps: u32,
    /// Since when the group is told without it, while nobody said that it is over.
    #[serde(default)]
    pub missing: Option<Timestamp>,
    /// Whether it was given up: nobody tells of it any more.
    #[serde(default)]
    pub lost: bool,
    /// What people can read of it.
    #[serde(default)]
    pub(super) shown: Option<Shown>,
    /// When people are to be told by a new message that it fires; none once they were.
    #[serde(default)]
    pub(super) notify: Option<Timestamp>,
    /// Whether a recovery is still to be told by a message of its own.
    #[serde(default)]
    pub(super) calm_notice: bool,
    /// When we heard that it is over, and from whom.
    #[serde(default)]
    pub(super) calmed: Option<Calmed>,
    /// Whether nobody wants to hear of it unless it goes on for longer.
    #[serde(default)]
    pub(super) muted: bool,
    /// What others were told of it in this receiver's stead.
    #[serde(default)]
    pub(super) handed: Option<Shown>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) status: Status,
    pub(super) flaps: u32,
    pub(super) lost: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Calmed {
    pub(super) at: Timestamp,
    by: String,
}

/// What a telling brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Alerts that fire and were not known, or fire again.
    pub began: usize,
    /// Alerts that are over.
    pub ended: usize,
    /// Alerts that were told as they had been before the last word about them: old news, not believed.
    pub stale: usize,
}

impl Known {
    pub(super) fn new(alert: Alert, now: Timestamp, by: &str) -> Self {
        let fires = alert.status == Status::Firing;
        Self {
            alert,
            heard: now,
            flaps: 0,
            missing: None,
            lost: false,
            shown: None,
            notify: fires.then_some(now),
            calm_notice: false,
            calmed: (!fires).then(|| Calmed { at: now, by: by.to_owned() }),
            muted: false,
            handed: None,
        }
    }

    /// Whether it fires, as far as we know.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.alert.status == Status::Firing && !self.lost
    }

    pub(super) fn hear(&mut self, alert: &Alert, now: Timestamp, by: &str, following: &Following, heard: &mut Heard) {
        let newer = alert.starts_at > self.alert.starts_at;
        let older = alert.starts_at < self.alert.starts_at;
        match (self.alert.status, alert.status) {
            (Status::Firing, Status::Resolved) | (Status::Resolved, Status::Resolved) if older => {
                heard.stale += 1;
                return;
            }
            (Status::Firing, Status::Resolved) => {
                heard.ended += 1;
                // Nobody knows yet that it fired again; that it is over they know already.
                self.notify = self.notify.filter(|_| self.shown.is_none());
                self.calm_notice = following.calm_notice && self.notify.is_none();
            }
            (Status::Resolved, Status::Firing) => {
                if !newer && self.is_stale(now, by, following) {
                    heard.stale += 1;
                    return;
                }
                heard.began += 1;
                self.flaps += 1;
                self.calm_notice = false;
                self.calmed = None;
                let hold = if self.shown.is_some() { following.flap_hold } else { Duration::ZERO };
                self.notify = Some(later(now, hold));
            }
            // It was over in between, but not for long enough to be told.
            (Status::Firing, Status::Firing) if newer => self.flaps += 1,
            (Status::Resolved, Status::Resolved) if newer => {
                heard.ended += 1;
                self.flaps += 1;
            }
            _ => {}
        }
        self.heard = now;
        self.missing = None;
        if std::mem::take(&mut self.lost) && alert.status == Status::Firing {
            heard.began += 1;
        }
        // Of two that watch the same, one may have seen it begin later.
        let starts_at = if older { alert.starts_at.min(self.alert.starts_at) } else { alert.starts_at };
        self.alert = Alert { starts_at, ..alert.clone() };
        if alert.status == Status::Resolved && self.calmed.is_none() {
            self.calmed = Some(Calmed { at: now, by: by.to_owned() });
        }
    }

    /// Whether the word that it fires is older than the word that it is over, which we have heard already. One
    /// Alertmanager tells one group in order; another may be behind.
    fn is_stale(&self, now: Timestamp, by: &str, following: &Following) -> bool {
        self.calmed.as_ref().is_some_and(|calmed| {
            let since = elapsed(calmed.at, now);
            since < following.same_within || (calmed.by != by && since < following.stale_within)
        })
    }

    pub(super) fn to_show(&self) -> Shown {
        Shown { status: self.alert.status, flaps: self.flaps, lost: self.lost }
    }

    pub(super) fn is_shown(&self) -> bool {
        self.is_hushed() || self.shown == Some(self.to_show())
    }

    pub(super) fn notice_due(&self, now: Timestamp) -> Option<Timestamp> {
        if self.calm_notice { Some(now) } else { self.notify }
    }

    pub(super) fn seen(&self) -> Seen<'_> {
        Seen { alert: &self.alert, flaps: self.flaps, lost: self.lost }
    }
}

/// Returns the time from `then` to `now`; none when `then` lies in the future.
pub(super) fn elapsed(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or_default()
}

pub(super) fn later(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
