//! What we post to a receiver of our own webhooks. Fields are added, never renamed: `version` counts the exceptions.

use jiff::Timestamp;
use serde::Serialize;

use crate::kind::{Level, Occasion, State};
use crate::message::{Entry, Label, Link, Message};
use crate::webhook::Labels;

/// What is posted.
#[derive(Debug, Serialize)]
pub struct Body<'a> {
    version: u8,
    messages: Vec<Told<'a>>,
}

/// One message.
#[derive(Debug, Serialize)]
struct Told<'a> {
    /// The same for every repetition of this message.
    id: &'a str,
    /// The same for all messages about one incident.
    incident: &'a str,
    occasion: &'static str,
    state: &'static str,
    level: Level,
    title: &'a str,
    text: &'a str,
    firing: usize,
    resolved: usize,
    /// Alerts that Alertmanager left out.
    unseen: u64,
    fields: Vec<Pair<'a>>,
    links: Vec<Reference<'a>>,
    alerts: Vec<Alert<'a>>,
    origin: &'a str,
}

#[derive(Debug, Serialize)]
struct Pair<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
struct Reference<'a> {
    kind: &'static str,
    url: &'a str,
}

#[derive(Debug, Serialize)]
struct Alert<'a> {
    state: &'static str,
    level: Level,
    name: &'a str,
    headline: &'a str,
    text: &'a str,
    value: Option<&'a str>,
    threshold: Option<&'a str>,
    started: Timestamp,
    ended: Option<Timestamp>,
    flaps: u32,
    labels: &'a Labels,
    annotations: &'a Labels,
    links: Vec<Reference<'a>>,
}

impl<'a> Body<'a> {
    /// Makes the body for `messages`.
    #[must_use]
    pub fn of(messages: &'a [Message]) -> Self {
        Self { version: 1, messages: messages.iter().map(told).collect() }
    }
}

fn told(message: &Message) -> Told<'_> {
    let (firing, resolved) = message.counts();
    Told {
        id: &message.delivery,
        incident: &message.incident,
        occasion: occasion(message),
        state: message.state.as_str(),
        level: message.level,
        title: &message.title,
        text: &message.text,
        firing,
        resolved,
        unseen: message.unseen,
        fields: message.fields.iter().map(|Label { name, value }| Pair { name, value }).collect(),
        links: references(&message.links),
        alerts: message.entries.iter().map(alert).collect(),
        origin: &message.origin,
    }
}

/// A recovery is an update like others, but one that receivers act upon.
fn occasion(message: &Message) -> &'static str {
    match message.occasion {
        Occasion::Update if message.state == State::Resolved => "resolved",
        other => other.as_str(),
    }
}

fn alert(entry: &Entry) -> Alert<'_> {
    Alert {
        state: entry.state.as_str(),
        level: entry.level,
        name: &entry.name,
        headline: &entry.headline,
        text: &entry.body,
        value: entry.annotations.get("value"),
        threshold: entry.annotations.get("threshold"),
        started: entry.started,
        ended: entry.ended,
        flaps: entry.flaps,
        labels: &entry.all_labels,
        annotations: &entry.annotations,
        links: references(&entry.links),
    }
}

fn references(links: &[Link]) -> Vec<Reference<'_>> {
    links.iter().map(|link| Reference { kind: link.kind.as_str(), url: link.url.as_str() }).collect()
}
