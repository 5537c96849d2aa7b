//! Who shall hear of what.

use crate::kind::Level;
use crate::outbox::event::Destination;
use crate::webhook::{Labels, Webhook};

/// The receivers, and what each of them wants to hear.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    receivers: Vec<String>,
}

impl Routing {
    /// Every receiver hears everything.
    #[must_use]
    pub fn to_all(receivers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { receivers: receivers.into_iter().map(Into::into).collect() }
    }

    /// Returns the names of all receivers.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.receivers.iter().map(String::as_str)
    }

    /// Returns who shall hear of an alert.
    #[must_use]
    pub fn of_alert(&self, _labels: &Labels, _level: Level) -> Vec<&str> {
        self.receivers.iter().map(String::as_str).collect()
    }

    /// Returns who shall hear of a note.
    #[must_use]
    pub fn of_note(&self, _level: Level) -> Vec<&str> {
        self.receivers.iter().map(String::as_str).collect()
    }

    /// Returns who shall hear that `receiver` does not take messages any more.
    #[must_use]
    pub fn instead_of(&self, receiver: &str) -> Vec<&str> {
        self.receivers.iter().map(String::as_str).filter(|other| *other != receiver).collect()
    }

    /// Returns who shall hear of which alerts of `webhook`; a group may mix levels.
    #[must_use]
    pub fn of_webhook(&self, webhook: &Webhook) -> Vec<Destination> {
        let mut destinations: Vec<(&str, Vec<usize>)> = Vec::new();
        for (place, alert) in webhook.alerts.iter().enumerate() {
            for receiver in self.of_alert(&alert.labels, alert.level()) {
                match destinations.iter_mut().find(|(known, _)| *known == receiver) {
                    Some((_, places)) => places.push(place),
                    None => destinations.push((receiver, vec![place])),
                }
            }
        }
        let all = webhook.alerts.len();
        destinations
            .into_iter()
            .map(|(receiver, places)| Destination {
                receiver: receiver.to_owned(),
                alerts: (places.len() < all).then_some(places),
            })
            .collect()
    }
}
