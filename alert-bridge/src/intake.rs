//! What is accepted: written down for everybody who shall hear of it before anybody is told that it was.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::incident::Following;
use crate::metrics::Metrics;
use crate::note::Note;
use crate::outbox::event::{Accepted, Destination, EventKind, NewEvent};
use crate::outbox::kept::Kept;
use crate::outbox::{Outbox, Trouble};
use crate::routing::Routing;
use crate::webhook::{Alert, Webhook};

/// How long the key of a note is remembered: what waited in a spool over a weekend is still recognised.
pub const KEY_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The way into the outbox for everything: Alertmanager's webhooks, notes of scripts, and what we have to say ourselves.
/// Clones are the same one.
#[derive(Clone)]
pub struct Intake {
    outbox: Outbox,
    routing: Arc<Routing>,
    following: Following,
    clock: Clock,
    metrics: Metrics,
    wakes: Arc<HashMap<String, Arc<Notify>>>,
}

impl Intake {
    /// Leads into `outbox`, for the receivers that `routing` knows.
    #[must_use]
    pub fn new(outbox: Outbox, routing: Routing, following: Following, clock: Clock, metrics: Metrics) -> Self {
        let wakes = routing.receivers().map(|receiver| (receiver.to_owned(), Arc::default())).collect();
        Self { outbox, routing: Arc::new(routing), following, clock, metrics, wakes: Arc::new(wakes) }
    }

    /// Returns what wakes the sender of `receiver`.
    #[must_use]
    pub fn wake(&self, receiver: &str) -> Arc<Notify> {
        self.wakes.get(receiver).cloned().unwrap_or_default()
    }

    /// Returns who shall hear of what.
    #[must_use]
    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// Accepts `webhook`: what is kept is what was read of it.
    ///
    /// # Errors
    /// When it is not on disk: Alertmanager has to come again.
    pub async fn webhook(&self, webhook: &Webhook) -> Result<Accepted, Trouble> {
        self.accept(self.of_webhook(webhook)?, None).await
    }

    /// Accepts `webhook`, an alert of our own, and keeps `kept`: both or neither.
    ///
    /// # Errors
    /// When they are not on disk.
    pub async fn webhook_keeping(&self, webhook: &Webhook, kept: Kept) -> Result<Accepted, Trouble> {
        self.accept(NewEvent { same_since: None, ..self.of_webhook(webhook)? }, Some(kept)).await
    }

    fn of_webhook(&self, webhook: &Webhook) -> Result<NewEvent, Trouble> {
        let now = self.clock.now();
        Ok(NewEvent {
            kind: EventKind::Webhook,
            received: now,
            key: key(webhook),
            same_since: now.checked_sub(self.following.same_within).ok(),
            group_key: group(webhook),
            body: serde_json::to_string(webhook).map_err(|error| Trouble::Other(error.to_string()))?,
            destinations: self.routing.of_webhook(webhook, now),
        })
    }

    /// Accepts `note` for whoever wants such notes.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn note(&self, note: &Note) -> Result<Accepted, Trouble> {
        self.note_with(note, None).await
    }

    /// Accepts `note` unless one with the same `key` was accepted within [`KEY_LIFETIME`], be it by a process before this one.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn note_once(&self, note: &Note, key: &str) -> Result<Accepted, Trouble> {
        self.note_with(note, Some(key)).await
    }

    /// Accepts `note`; with a key as [`Intake::note_once`] does.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn note_with(&self, note: &Note, key: Option<&str>) -> Result<Accepted, Trouble> {
        self.keep_note(note, key, self.of_note(note), None).await
    }

    /// Accepts `note` for `receivers`.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn note_to(&self, note: &Note, receivers: Vec<String>) -> Result<Accepted, Trouble> {
        self.keep_note(note, None, receivers, None).await
    }

    /// Accepts `note` for `receivers`, or for whoever wants such notes, and keeps `kept`: both or neither.
    ///
    /// # Errors
    /// When they are not on disk.
    pub async fn note_keeping(
        &self,
        note: &Note,
        receivers: Option<Vec<String>>,
        kept: Kept,
    ) -> Result<Accepted, Trouble> {
        self.keep_note(note, None, receivers.unwrap_or_else(|| self.of_note(note)), Some(kept)).await
    }

    fn of_note(&self, note: &Note) -> Vec<String> {
        self.routing.of_note(note, self.clock.now()).into_iter().map(str::to_owned).collect()
    }

    async fn keep_note(
        &self,
        note: &Note,
        key: Option<&str>,
        receivers: Vec<String>,
        kept: Option<Kept>,
    ) -> Result<Accepted, Trouble> {
        let now = self.clock.now();
        let event = NewEvent {
            kind: EventKind::Note,
            received: now,
            key: key.map_or(0, key_of_note),
            same_since: key.and_then(|_| now.checked_sub(KEY_LIFETIME).ok()),
            group_key: String::new(),
            body: serde_json::to_string(note).map_err(|error| Trouble::Other(error.to_string()))?,
            destinations: receivers.iter().map(|receiver| Destination::of_all(receiver)).collect(),
        };
        self.accept(event, kept).await
    }

    async fn accept(&self, event: NewEvent, kept: Option<Kept>) -> Result<Accepted, Trouble> {
        let receivers: Vec<String> =
            event.destinations.iter().map(|destination| destination.receiver.clone()).collect();
        let began = tokio::time::Instant::now();
        let accepted = match kept {
            Some(kept) => self.outbox.accept_keeping(event, kept).await?,
            None => self.outbox.accept(event).await?,
        };
        self.metrics.committed(began.elapsed());
        if let Accepted::Kept(_) = accepted {
            for wake in receivers.iter().filter_map(|receiver| self.wakes.get(receiver)) {
                wake.notify_one();
            }
        }
        Ok(accepted)
    }
}

/// Apart from the keys of webhooks, of which there are as many as there are numbers.
fn key_of_note(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("note", key).hash(&mut hasher);
    hasher.finish()
}

/// What makes two webhooks the same, although one of them may be a retry, or come from the other of two Alertmanagers,
/// which call themselves by different addresses.
fn key(webhook: &Webhook) -> u64 {
    let mut alerts: Vec<_> =
        webhook.alerts.iter().map(|alert| (&alert.labels, alert.status, alert.starts_at, alert.ends_at)).collect();
    alerts.sort();
    // Its keys are fixed, so it gives the same after a restart.
    let mut hasher = DefaultHasher::new();
    (&webhook.receiver, &webhook.group_key, webhook.truncated_alerts, alerts).hash(&mut hasher);
    hasher.finish()
}

/// What the webhook is about. Alertmanager's group keys are the same for two of its receivers, which are two affairs.
fn group(webhook: &Webhook) -> String {
    if !webhook.group_key.is_empty() {
        return format!("{}|{}", webhook.receiver, webhook.group_key);
    }
    // Somebody else than Alertmanager: a group is then what its alerts are.
    let mut labels: Vec<_> = webhook.alerts.iter().map(|alert: &Alert| &alert.labels).collect();
    labels.sort();
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    format!("{}|#{:016x}", webhook.receiver, hasher.finish())
}
