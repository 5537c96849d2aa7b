//! Who is told what, and when: by level, labels and time.
//!
//! ```text
//! alert ─▶ routes, from the top ─▶ receivers ─▶ maintenance? quiet hours? ─▶ now · later, all of it · later, what still fires
//! ```
//!
//! [`Routing::receivers`] and [`Routing::hold`] are all there is to ask. Nothing gets lost by falling between two routes: what
//! no route takes goes to every receiver that is not merely somebody's stand-in.

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

/// What a routing decision is about: one alert, or one note.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// How bad it is.
    pub level: Level,
    /// Looks up its labels; a note's fields count as such.
    pub labels: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Subject<'_> {
    fn fits(&self, matchers: &[Matcher]) -> bool {
        matchers.iter().all(|matcher| matcher.holds(self.labels))
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
    fn takes(&self, subject: &Subject<'_>, now: Timestamp) -> bool {
        let level = self.levels.is_empty() || self.levels.contains(&subject.level);
        level && subject.fits(&self.matchers) && (self.during.is_empty() || window::until(&self.during, now).is_some())
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
            false => Err(Misrouted::UnknownReceiver { place: place.to_owned(), name: name.clone(), known: known.clone() }),
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

    /// Returns the names of the receivers that `subject` goes to, each once. Empty when a route says that nobody is told.
    #[must_use]
    pub fn receivers(&self, subject: &Subject<'_>, now: Timestamp) -> Vec<&str> {
        let (mut names, mut taken) = (Vec::new(), false);
        for route in self.routes.iter().filter(|route| route.takes(subject, now)) {
            taken = true;
            names.extend(route.receivers.iter().map(String::as_str));
            if !route.goes_on {
                break;
            }
        }
        if !taken {
            names = self.everybody();
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }

    /// Returns whether `receiver` may be told of `subject` at `now`.
    #[must_use]
    pub fn hold(&self, receiver: &str, subject: &Subject<'_>, now: Timestamp) -> Hold {
        let maintenance = self.maintenance.iter().map(|maintenance| maintenance.hold(subject, now));
        let quiet = self.receivers.get(receiver).and_then(|place| place.quiet_hours.as_ref());
        maintenance.chain(quiet.map(|quiet| quiet.hold(subject, now))).fold(Hold::Now, Hold::longer)
    }

    /// Returns who is told instead when `receiver` is dead.
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
