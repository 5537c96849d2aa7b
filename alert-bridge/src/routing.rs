//! Who is told what, and when: by level, labels and time.
//!
//! ```text
//! alert ─▶ routes, from the top ─▶ receivers ─▶ maintenance? quiet hours? ─▶ now · later, all of it · later, what still fires
//! ```
//!
//! Asked once for each event, when it comes in: [`Routing::of_webhook`], [`Routing::of_note`]; and once more before it is told:
//! [`Routing::hold`]. Nothing gets lost by falling between two routes: what no route takes goes to every receiver that is not
//! merely somebody's stand-in.

mod hold;
mod matcher;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

pub use self::hold::{Hold, Maintenance, QuietHours, Then};
pub use self::matcher::Matcher;
pub use self::window::{Window, Zone};
use crate::kind::Level;
use crate::note::Note;
use crate::outbox::event::Destination;
use crate::webhook::{Alert, Status, Webhook};

/// What a routing decision is about: one alert, or one note.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// How bad it is.
    pub level: Level,
    /// Looks up its labels; a note's fields count as such.
    pub labels: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl<'a> Subject<'a> {
    fn fits(&self, matchers: &[Matcher]) -> bool {
        matchers.iter().all(|matcher| matcher.holds(self.labels))
    }

    /// Asks `then` about an alert.
    pub fn alert<T>(alert: &'a Alert, then: impl FnOnce(&Subject<'_>) -> T) -> T {
        let labels = |name: &str| alert.labels.get(name);
        then(&Subject { level: alert.level(), labels: &labels })
    }

    /// Asks `then` about a note.
    pub fn note<T>(note: &'a Note, then: impl FnOnce(&Subject<'_>) -> T) -> T {
        let labels = |name: &str| note.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        then(&Subject { level: note.level, labels: &labels })
    }
}

/// One entry of `routes:`, tried from the top.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Conditions on labels, all of which must hold.
    #[serde(rename = "match")]
    pub matchers: Vec<Matcher>,
    /// Levels that it takes; all, when there are none.
    pub levels: Vec<Level>,
    /// Times in which it takes anything; always, when there are none.
    pub during: Vec<Window>,
    /// Names of receivers. None at all means that nobody is told.
    pub receivers: Vec<String>,
    /// Whether the routes below it are asked as well.
    #[serde(rename = "continue")]
    pub goes_on: bool,
}

impl Route {
    fn takes(&self, subject: &Subject<'_>) -> bool {
        (self.levels.is_empty() || self.levels.contains(&subject.level)) && subject.fits(&self.matchers)
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.during.is_empty() || window::until(&self.during, now).is_some()
    }
}

/// Why the routes do not hold together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misrouted {
    /// A name that no receiver has.
    #[error("{place} names the receiver `{name}`, which is not one of {known}")]
    UnknownReceiver {
        /// Where it stands.
        place: String,
        /// The name.
        name: String,
        /// The receivers that there are.
        known: String,
    },
    /// Somebody stands in for himself.
    #[error("the fallbacks of `{0}` lead back to itself")]
    FallbackCircle(String),
}

/// Where everything goes.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    routes: Vec<Route>,
    maintenance: Vec<Maintenance>,
    receivers: BTreeMap<String, Place>,
}

fn distinct(mut names: Vec<&str>) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

/// What routing knows of a receiver.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Who is told instead when it is dead, in this order.
    pub fallback: Vec<String>,
    /// When it is not to be disturbed.
    pub quiet_hours: Option<QuietHours>,
}

impl Routing {
    /// Puts the routes together.
    ///
    /// # Errors
    /// When a name in them is nobody's, or fallbacks go in a circle.
    pub fn build(
        receivers: BTreeMap<String, Place>,
        routes: Vec<Route>,
        maintenance: Vec<Maintenance>,
    ) -> Result<Self, Misrouted> {
        let known = receivers.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let check = |place: &str, name: &String| match receivers.contains_key(name) {
            true => Ok(()),
            false => {
                Err(Misrouted::UnknownReceiver { place: place.to_owned(), name: name.clone(), known: known.clone() })
            }
        };
        for (number, route) in routes.iter().enumerate() {
            route.receivers.iter().try_for_each(|name| check(&format!("bridge.routes[{number}]"), name))?;
        }
        for (name, receiver) in &receivers {
            let place = format!("bridge.receivers.{name}.fallback");
            receiver.fallback.iter().try_for_each(|name| check(&place, name))?;
        }
        let routing = Self { routes, maintenance, receivers };
        let circle = routing.receivers.keys().find(|name| routing.stand_ins(name).contains(*name));
        circle.map_or(Ok(()), |name| Err(Misrouted::FallbackCircle(name.clone())))?;
        Ok(routing)
    }

    /// Every receiver hears everything.
    #[must_use]
    pub fn to_all(receivers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let receivers = receivers.into_iter().map(|name| (name.into(), Place::default())).collect();
        Self { receivers, ..Self::default() }
    }

    /// Returns the names of all receivers.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.receivers.keys().map(String::as_str)
    }

    /// Returns the names of the receivers that `subject` goes to, each once. Empty when a route says that nobody is told.
    #[must_use]
    pub fn of(&self, subject: &Subject<'_>, now: Timestamp) -> Vec<&str> {
        let (mut names, mut taken) = (Vec::new(), false);
        for route in self.routes.iter().filter(|route| route.takes(subject) && route.is_open(now)) {
            taken = true;
            names.extend(route.receivers.iter().map(String::as_str));
            if !route.goes_on {
                break;
            }
        }
        if taken { distinct(names) } else { self.everybody() }
    }

    /// Returns who shall hear of a note.
    #[must_use]
    pub fn of_note(&self, note: &Note, now: Timestamp) -> Vec<&str> {
        Subject::note(note, |subject| self.of(subject, now))
    }

    /// Returns who shall hear of which alerts of `webhook`; a group may mix levels.
    #[must_use]
    pub fn of_webhook(&self, webhook: &Webhook, now: Timestamp) -> Vec<Destination> {
        let mut destinations: BTreeMap<&str, Destination> = BTreeMap::new();
        for (place, alert) in webhook.alerts.iter().enumerate() {
            let mut at = |name, known_only| {
                let destination = destinations.entry(name).or_insert_with(|| Destination::none(name));
                if known_only {
                    destination.if_known.push(place);
                } else {
                    destination.alerts.get_or_insert_default().push(place);
                }
            };
            Subject::alert(alert, |subject| {
                let names = self.of(subject, now);
                if alert.status == Status::Resolved {
                    // Whoever was told by a route that is closed by now, or in somebody's stead, shall hear that it is over.
                    let before = self.told_before(subject, &names);
                    before.into_iter().filter(|name| !names.contains(name)).for_each(|name| at(name, true));
                }
                names.into_iter().for_each(|name| at(name, false));
            });
        }
        let all = webhook.alerts.len();
        let whole = |destination: &Destination| destination.alerts.as_ref().is_some_and(|places| places.len() == all);
        let settled = destinations.into_values().map(|mut destination| {
            destination.alerts = if whole(&destination) { None } else { Some(destination.alerts.unwrap_or_default()) };
            destination
        });
        settled.collect()
    }

    /// Everyone who may have heard of `subject` at another time of the day, or in the stead of `names`.
    fn told_before<'a>(&'a self, subject: &Subject<'_>, names: &[&'a str]) -> Vec<&'a str> {
        let mut before = Vec::new();
        if self.routes.iter().any(|route| !route.during.is_empty()) {
            let routes = self.routes.iter().filter(|route| route.takes(subject));
            before.extend(routes.flat_map(|route| &route.receivers).map(String::as_str));
            before.extend(self.everybody());
        }
        let mut open = [before.as_slice(), names].concat();
        // There are no circles: `build` refuses them.
        while let Some(name) = open.pop() {
            let stand_ins = self.fallback(name).iter().map(String::as_str);
            open.extend(stand_ins.clone());
            before.extend(stand_ins);
        }
        distinct(before)
    }

    /// Returns who is told instead when `receiver` is dead. Without a fallback of its own that is everybody who hears what no
    /// route takes: they are told that it is dead, though not what it would have been told.
    #[must_use]
    pub fn instead_of(&self, receiver: &str) -> Vec<&str> {
        let fallback = self.fallback(receiver);
        if fallback.is_empty() {
            return self.everybody().into_iter().filter(|other| *other != receiver).collect();
        }
        fallback.iter().map(String::as_str).collect()
    }

    /// Returns whether `receiver` may be told of `subject` at `now`.
    #[must_use]
    pub fn hold(&self, receiver: &str, subject: &Subject<'_>, now: Timestamp) -> Hold {
        let maintenance = self.maintenance.iter().map(|maintenance| maintenance.hold(subject, now));
        let quiet = self.receivers.get(receiver).and_then(|place| place.quiet_hours.as_ref());
        maintenance.chain(quiet.map(|quiet| quiet.hold(subject, now))).fold(Hold::Now, Hold::longer)
    }

    /// Returns who takes over what `receiver` would be told when it is dead.
    #[must_use]
    pub fn fallback(&self, receiver: &str) -> &[String] {
        self.receivers.get(receiver).map_or(&[], |place| &place.fallback)
    }

    /// All receivers but those that are only there for others to fall back on.
    fn everybody(&self) -> Vec<&str> {
        let stand_ins: BTreeSet<&String> = self.receivers.values().flat_map(|place| &place.fallback).collect();
        self.receivers.keys().filter(|name| !stand_ins.contains(name)).map(String::as_str).collect()
    }

    /// Everyone that fallbacks lead to from `name`.
    fn stand_ins(&self, name: &str) -> BTreeSet<String> {
        let (mut found, mut open) = (BTreeSet::new(), self.fallback(name).to_vec());
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                open.extend_from_slice(self.fallback(&next));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
