//! The silence as an alert of our own, so that it is told, mentioned, repeated and closed like any other.

use super::Event;
use crate::language::Language;
use crate::webhook::{Alert, Labels, Status, Webhook};

/// What the alert is called.
const ALERTNAME: &str = "WatchdogSilent";
const RUNBOOK: &str = "https://github.com/noroshi-monitor/noroshi/blob/main/docs/runbook/Watchdog.md";

/// Returns `event` as Alertmanager would post it.
pub(super) fn webhook(event: &Event) -> Webhook {
    let (source, since, was_heard, status, ends_at) = match event {
        Event::Silent { source, since, was_heard } => (source, since, was_heard, Status::Firing, None),
        Event::Back { source, since, was_heard, at } => (source, since, was_heard, Status::Resolved, Some(*at)),
    };
    let labels = [("alertname", ALERTNAME), ("severity", "critical"), ("source", source)];
    let annotations = [Language::En, Language::Ja].into_iter().flat_map(|language| {
        let suffix = language.suffix();
        [
            (format!("summary_{suffix}"), language.silent(*was_heard)),
            (format!("description_{suffix}"), language.silent_means()),
        ]
    });
    let alert = Alert {
        status,
        labels: labels.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        annotations: annotations.chain([("runbook_url".to_owned(), RUNBOOK)]).collect::<Labels>(),
        starts_at: *since,
        ends_at,
        generator_url: String::new(),
        // Alertmanager does not know it, and must not be asked whether it is over.
        fingerprint: String::new(),
    };
    Webhook {
        receiver: "watchdog".to_owned(),
        alerts: vec![alert],
        group_key: format!("watchdog:{source}"),
        external_url: String::new(),
        truncated_alerts: 0,
    }
}
