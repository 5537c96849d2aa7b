//! One group of alerts as it stands now, and how much of that people have been told.
//!
//! Alertmanager tells a group again and again, and what it tells may come twice, late or out of order. [`Incident::hear`]
//! takes each telling in; what is new about it is what people have not seen yet. No clock, no disk, no network in here.

mod aside;
mod following;
mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::following::Following;
use self::known::elapsed;
pub use self::known::{Heard, Known};
use crate::compose::View;
use crate::kind::Level;
use crate::webhook::{Alert, Labels, Status, Webhook};

/// So long an alert that is over stays on the card of an incident that goes on.
const OVER_FOR: Duration = Duration::from_secs(3600);
/// And no more of them than so many.
const OVER_LIMIT: usize = 200;
/// Nobody is so far behind.
const SETTLED: Duration = Duration::from_secs(600);

/// What is known of one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Alertmanager's receiver.
    pub receiver: String,
    /// Alertmanager's own page.
    pub external_url: String,
    /// How many alerts Alertmanager kept from us.
    pub unseen: u64,
    /// When the group was heard of last.
    pub heard: Timestamp,
    /// Whether nothing changed and it was told again: people are to be reminded.
    #[serde(default)]
    pub remind: bool,
    /// What people can read of `unseen`.
    #[serde(default)]
    unseen_shown: u64,
    /// Every alert of the group, in the order in which they joined.
    pub alerts: Vec<Known>,
}

/// What stands in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that could be edited: never told, gone, or in a place where nothing can be edited.
    Nothing,
    /// A message that shows this incident.
    Card,
}

/// What is to be done so that people know what we know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// A message, at this moment.
    pub post: Option<Timestamp>,
    /// A short message beside the card, at this moment.
    pub notice: Option<Timestamp>,
    /// The card is out of date.
    pub edit: bool,
}

impl Incident {
    /// Begins an incident of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what `webhook` says about `alerts` of it, at `now`.
    pub fn hear<'a>(
        &mut self,
        webhook: &Webhook,
        alerts: impl Iterator<Item = &'a Alert>,
        now: Timestamp,
        following: &Following,
    ) -> Heard {
        self.tidy(now);
        let mut places: BTreeMap<Labels, usize> =
            self.alerts.iter().enumerate().map(|(place, known)| (known.alert.labels.clone(), place)).collect();
        let first = self.alerts.is_empty();
        let (mut heard, mut said) = (Heard::default(), BTreeSet::new());
        let by = webhook.external_url.as_str();
        for alert in alerts {
            if let Some(place) = places.get(&alert.labels) {
                said.insert(*place);
                self.alerts[*place].hear(alert, now, by, following, &mut heard);
                continue;
            }
            said.insert(self.alerts.len());
            places.insert(alert.labels.clone(), self.alerts.len());
            self.alerts.push(Known::new(alert.clone(), now, by));
            match alert.status {
                Status::Firing => heard.began += 1,
                Status::Resolved => heard.ended += 1,
            }
        }
        if webhook.truncated_alerts == 0 {
            for (place, known) in self.alerts.iter_mut().enumerate().filter(|(_, known)| known.fires()) {
                if !said.contains(&place) {
                    known.missing = known.missing.or(Some(now));
                }
            }
        }
        let unchanged = heard.began + heard.ended == 0 && webhook.truncated_alerts == self.unseen;
        let old_news = heard.stale > 0 && heard.stale == said.len();
        let again = !first && elapsed(self.heard, now) >= following.same_within;
        self.remind = self.remind || (unchanged && !old_news && again && self.fires());
        if !old_news {
            self.receiver.clone_from(&webhook.receiver);
            self.external_url.clone_from(&webhook.external_url);
            self.unseen = webhook.truncated_alerts;
            self.heard = now;
        }
        heard
    }

    /// Returns whether an alert with these labels belongs to it.
    #[must_use]
    pub fn knows(&self, labels: &Labels) -> bool {
        self.alerts.iter().any(|known| known.alert.labels == *labels)
    }

    /// Drops what has been over for long, while others go on: a group whose alerts change their labels would grow for ever.
    fn tidy(&mut self, now: Timestamp) {
        if !self.fires() {
            return;
        }
        let is_old = |known: &Known| elapsed(known.heard, now) > OVER_FOR;
        let mut spare = self.alerts.iter().filter(|known| !known.fires()).count().saturating_sub(OVER_LIMIT);
        self.alerts.retain(|known| {
            let told = !known.fires() && known.is_shown() && !known.calm_notice;
            // One that was over a moment ago may yet be told as firing by an Alertmanager that is behind.
            let settled = elapsed(known.heard, now) > SETTLED;
            let drops = told && (is_old(known) || (spare > 0 && settled));
            spare -= usize::from(drops && spare > 0);
            !drops
        });
    }

    /// Returns whether anything fires.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.alerts.iter().any(Known::fires)
    }

    /// Returns whether all is well, as far as we can see all of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.fires() && self.unseen == 0
    }

    /// Returns whether the group is told without an alert of which nobody said that it is over.
    #[must_use]
    pub fn misses(&self) -> bool {
        self.alerts.iter().any(|known| known.fires() && known.missing.is_some())
    }

    /// Returns how many alerts fire and how many are over.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let firing = self.alerts.iter().filter(|known| known.fires()).count();
        (firing, self.alerts.len() - firing)
    }

    /// Returns what is to be done at `now`, given what stands in the channel.
    #[must_use]
    pub fn needs(&self, standing: Standing, now: Timestamp) -> Needs {
        let out_of_date = self.unseen != self.unseen_shown || self.alerts.iter().any(|known| !known.is_shown());
        match standing {
            Standing::Nothing => Needs { post: (out_of_date || self.remind).then_some(now), ..Needs::default() },
            Standing::Card => {
                let due = self.alerts.iter().filter_map(|known| known.notice_due(now)).min();
                let notice = if self.remind { Some(now) } else { due };
                Needs { post: None, notice, edit: out_of_date }
            }
        }
    }

    /// Notes that people can read all of it in a new message.
    pub fn posted(&mut self) {
        self.edited();
        self.noticed();
    }

    /// Notes that the card shows it as it is.
    pub fn edited(&mut self) {
        self.unseen_shown = self.unseen;
        for known in &mut self.alerts {
            known.shown = Some(known.to_show());
        }
    }

    /// Notes that the short message about it has gone out.
    pub fn noticed(&mut self) {
        self.remind = false;
        for known in &mut self.alerts {
            known.notify = None;
            known.calm_notice = false;
        }
    }

    /// Notes that the card cannot be edited for now: what is over has to be told by a message of its own.
    pub fn edit_refused(&mut self) {
        for known in self.alerts.iter_mut().filter(|known| !known.fires()) {
            known.calm_notice |= known.shown.is_some_and(|shown| shown.status == Status::Firing && !shown.lost);
        }
    }

    /// Notes that the message which showed it is gone.
    pub fn message_gone(&mut self) {
        for known in &mut self.alerts {
            known.shown = None;
        }
    }

    /// Gives up alerts that `is_over` says nobody will ever tell of; how many these were.
    pub fn give_up(&mut self, is_over: impl Fn(&Known) -> bool) -> usize {
        let forgotten = self.alerts.iter_mut().filter(|known| known.fires() && is_over(known));
        forgotten.map(|known| (known.lost, known.notify) = (true, None)).count()
    }

    /// Returns the levels of what people do not know yet: those behind them may be called. A reminder calls nobody again.
    #[must_use]
    pub fn newly_firing(&self) -> BTreeSet<Level> {
        let fresh = |known: &&Known| known.fires() && known.notify.is_some();
        self.alerts.iter().filter(fresh).map(|known| known.alert.level()).collect()
    }

    /// Returns all of it, for a card.
    #[must_use]
    pub fn whole<'a>(&'a self, group_key: &'a str) -> View<'a> {
        self.view(group_key, |_| true)
    }

    /// Returns what a short message beside the card tells.
    #[must_use]
    pub fn news<'a>(&'a self, group_key: &'a str) -> View<'a> {
        self.view(group_key, |known| (self.remind && known.fires()) || known.notify.is_some() || known.calm_notice)
    }

    /// Returns what a message tells where nothing can be edited: what changed, or on a reminder all that fires.
    #[must_use]
    pub fn changes<'a>(&'a self, group_key: &'a str) -> View<'a> {
        self.view(group_key, |known| (self.remind && known.fires()) || !known.is_shown())
    }

    fn view<'a>(&'a self, group_key: &'a str, wanted: impl Fn(&Known) -> bool) -> View<'a> {
        View {
            receiver: &self.receiver,
            group_key,
            external_url: &self.external_url,
            unseen: self.unseen,
            alerts: self.alerts.iter().filter(|known| !known.is_hushed() && wanted(known)).map(Known::seen).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
