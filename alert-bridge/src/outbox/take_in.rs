//! From an event to the card that it is about.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tracing::warn;

use super::card::{Card, Content};
use super::event::{EventKind, Waiting};
use super::row::{of_group, save};
use crate::incident::{Following, Heard, Incident};
use crate::note::Note;
use crate::webhook::{self, Alert};

/// Takes `event` into the card of its group at `receiver`, or opens one.
pub(super) fn take_in(
    connection: &Connection,
    receiver: &str,
    event: &Waiting,
    now: Timestamp,
    following: &Following,
) -> rusqlite::Result<Heard> {
    match event.kind {
        EventKind::Note => {
            match serde_json::from_str::<Note>(&event.body) {
                Ok(note) => {
                    let mut card = Card::open(&event.group_key, Content::Note(note), now);
                    save(connection, receiver, &mut card, now)?;
                }
                Err(error) => warn!("event {} is not a note and is passed over: {error}", event.id),
            }
            Ok(Heard::default())
        }
        EventKind::Webhook => {
            // It was read before it was accepted, so this cannot fail but for a file that somebody has changed.
            let webhook = match webhook::parse(event.body.as_bytes()) {
                Ok(webhook) => webhook,
                Err(error) => {
                    warn!("event {} is not a webhook and is passed over: {error}", event.id);
                    return Ok(Heard::default());
                }
            };
            let mut card = match of_group(connection, receiver, &event.group_key)? {
                Some(card) if !is_past(&card, now, following.flap_window) => card,
                _ => Card::open(&event.group_key, Content::Incident(Incident::new()), now),
            };
            let Content::Incident(incident) = &mut card.content else { return Ok(Heard::default()) };
            let meant = |place: &usize| event.alerts.as_ref().is_none_or(|places| places.contains(place));
            let told_before =
                |place: &usize, alert: &Alert| event.if_known.contains(place) && incident.knows(&alert.labels);
            let all = webhook.alerts.iter().enumerate();
            let alerts = all.filter(|(place, alert)| meant(place) || told_before(place, alert));
            let alerts: Vec<&Alert> = alerts.map(|(_, alert)| alert).collect();
            if alerts.is_empty() {
                return Ok(Heard::default());
            }
            let heard = incident.hear(&webhook, alerts.into_iter(), now, following);
            card.changed = now;
            card.version += 1;
            // What came may be more urgent than what waits.
            card.hold = None;
            save(connection, receiver, &mut card, now)?;
            Ok(heard)
        }
    }
}

/// Whether a card has been closed for so long that what comes now is another incident.
fn is_past(card: &Card, now: Timestamp, window: Duration) -> bool {
    card.closed.is_some_and(|closed| Duration::try_from(now.duration_since(closed)).is_ok_and(|since| since > window))
}
