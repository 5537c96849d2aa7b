//! The bridge's own metrics.

use std::fmt::{self, Write as _};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::receiver::Form;
use crate::scope::Scope;

/// A commit takes a flush of the disk.
const COMMITS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
/// A message takes between a moment and an outage.
const DELAYS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0];

/// The bridge's metrics; clones count into the same ones.
#[derive(Clone)]
pub struct Metrics {
    webhooks: Family<WebhookLabels, Counter>,
    notes: Family<WebhookLabels, Counter>,
    alerts: Family<AlertLabels, Counter>,
    stale: Counter,
    commit_duration: Histogram,
    queued: Family<ReceiverLabels, Gauge>,
    oldest_queued: Family<ReceiverLabels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    messages: Family<MessageLabels, Counter>,
    delay: Histogram,
    failures: Family<ReceiverLabels, Counter>,
    refused: Family<ReceiverLabels, Counter>,
    dead: Family<ReceiverLabels, Gauge>,
    rate_limited: Family<ScopeLabels, Counter>,
    watchdog_last: Moment,
    watchdog_silent: Gauge,
    reports: Family<ReportLabels, Counter>,
    report_last: Moment,
}

/// Seconds since 1970; 0 when it never happened.
type Moment = Gauge<f64, std::sync::atomic::AtomicU64>;

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2xx: on disk, or nothing to tell.
    Accepted,
    /// 2xx: it had been accepted a moment before.
    Duplicate,
    /// 2xx: the alert that always fires, and nothing else.
    Alive,
    /// 4xx: not understood.
    Rejected,
    /// 503: understood, not on disk.
    Failed,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Duplicate, Self::Alive, Self::Rejected, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Alive => "alive",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceiverLabels {
    receiver: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    receiver: String,
    deed: &'static str,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It has figures.
    Complete,
    /// Prometheus did not answer, and that is what it says.
    Unanswered,
}

impl ReportOutcome {
    const ALL: [Self; 2] = [Self::Complete, Self::Unanswered];

    fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unanswered => "unanswered",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScopeLabels {
    scope: &'static str,
}

/// What may be done with a message.
const DEEDS: [&str; 3] = ["posted", "posted_plain", "edited"];

impl Metrics {
    /// Registers all metrics; the registry brings the prefix.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            webhooks: Family::default(),
            notes: Family::default(),
            alerts: Family::default(),
            stale: Counter::default(),
            commit_duration: Histogram::new(COMMITS),
            queued: Family::default(),
            oldest_queued: Family::default(),
            messages: Family::default(),
            delay: Histogram::new(DELAYS),
            failures: Family::default(),
            refused: Family::default(),
            dead: Family::default(),
            rate_limited: Family::default(),
            watchdog_last: Gauge::default(),
            watchdog_silent: Gauge::default(),
            reports: Family::default(),
            report_last: Gauge::default(),
        };
        registry.register("webhooks", "Webhooks received, by outcome", metrics.webhooks.clone());
        registry.register("notes", "Notes received, by outcome", metrics.notes.clone());
        registry.register("alerts", "Alerts in accepted webhooks, by status", metrics.alerts.clone());
        registry.register(
            "stale_alerts",
            "Alerts told as they had been before the last word about them",
            metrics.stale.clone(),
        );
        let help = "Time until an accepted event is on disk";
        registry.register_with_unit("commit_duration", help, Unit::Seconds, metrics.commit_duration.clone());
        registry.register("queued", "What waits to be told: events and changed cards", metrics.queued.clone());
        let help = "Age of the oldest that waits to be told";
        registry.register_with_unit("oldest_queued", help, Unit::Seconds, metrics.oldest_queued.clone());
        registry.register("messages", "Messages that people can read, by what was done", metrics.messages.clone());
        let help = "Time from the oldest change that a new message tells to that message";
        registry.register_with_unit("delay", help, Unit::Seconds, metrics.delay.clone());
        registry.register(
            "failures",
            "Tries that brought no answer, or that the receiver was in trouble",
            metrics.failures.clone(),
        );
        registry.register(
            "refused",
            "Messages that a receiver did not take in the form they had",
            metrics.refused.clone(),
        );
        registry.register("receiver_dead", "Whether a receiver takes no messages any more", metrics.dead.clone());
        let help = "Requests that a receiver refused as too many, by scope";
        registry.register("rate_limited", help, metrics.rate_limited.clone());
        let help = "When the alert that always fires arrived last";
        registry.register_with_unit("watchdog_last_timestamp", help, Unit::Seconds, metrics.watchdog_last.clone());
        let help = "How many sources of the alert that always fires are silent";
        registry.register("watchdog_silent", help, metrics.watchdog_silent.clone());
        registry.register("reports", "Reports made, by outcome", metrics.reports.clone());
        let help = "When a report was made last";
        registry.register_with_unit("report_last_timestamp", help, Unit::Seconds, metrics.report_last.clone());
        registry.register("build", "Version of this program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        // Present from the start, so that `increase()` sees the first step.
        for outcome in Outcome::ALL {
            let _ = metrics.webhooks.get_or_create_owned(&WebhookLabels { outcome });
            let _ = metrics.notes.get_or_create_owned(&WebhookLabels { outcome });
        }
        for status in ["firing", "resolved"] {
            let _ = metrics.alerts.get_or_create_owned(&AlertLabels { status });
        }
        for scope in Scope::ALL {
            let _ = metrics.rate_limited.get_or_create_owned(&ScopeLabels { scope: scope.as_str() });
        }
        for outcome in ReportOutcome::ALL {
            let _ = metrics.reports.get_or_create_owned(&ReportLabels { outcome: outcome.as_str() });
        }
        metrics
    }

    /// Makes the series of `receiver` present.
    pub fn expect_receiver(&self, receiver: &str) {
        let labels = ReceiverLabels { receiver: receiver.to_owned() };
        for deed in DEEDS {
            let _ = self.messages.get_or_create_owned(&MessageLabels { receiver: receiver.to_owned(), deed });
        }
        let _ = self.failures.get_or_create_owned(&labels);
        let _ = self.refused.get_or_create_owned(&labels);
        self.queue(receiver, 0, Duration::ZERO, false);
    }

    /// Counts a webhook.
    pub fn webhook(&self, outcome: Outcome) {
        self.webhooks.get_or_create(&WebhookLabels { outcome }).inc();
    }

    /// Counts a note.
    pub fn note(&self, outcome: Outcome) {
        self.notes.get_or_create(&WebhookLabels { outcome }).inc();
    }

    /// Counts the alerts of an accepted webhook.
    pub fn alerts(&self, firing: usize, resolved: usize) {
        for (status, count) in [("firing", firing), ("resolved", resolved)] {
            self.alerts.get_or_create(&AlertLabels { status }).inc_by(count as u64);
        }
    }

    pub(crate) fn stale(&self, count: usize) {
        self.stale.inc_by(count as u64);
    }

    pub(crate) fn committed(&self, took: Duration) {
        self.commit_duration.observe(took.as_secs_f64());
    }

    pub(crate) fn queue(&self, receiver: &str, queued: i64, oldest: Duration, is_dead: bool) {
        let labels = ReceiverLabels { receiver: receiver.to_owned() };
        self.queued.get_or_create(&labels).set(queued);
        self.oldest_queued.get_or_create(&labels).set(oldest.as_secs_f64());
        self.dead.get_or_create(&labels).set(i64::from(is_dead));
    }

    pub(crate) fn posted(&self, receiver: &str, form: Form, delay: Option<Duration>) {
        let deed = if form == Form::PlainText { "posted_plain" } else { "posted" };
        self.messages.get_or_create(&MessageLabels { receiver: receiver.to_owned(), deed }).inc();
        if let Some(delay) = delay {
            self.delay.observe(delay.as_secs_f64());
        }
    }

    pub(crate) fn edited(&self, receiver: &str) {
        self.messages.get_or_create(&MessageLabels { receiver: receiver.to_owned(), deed: "edited" }).inc();
    }

    pub(crate) fn failed(&self, receiver: &str) {
        self.failures.get_or_create(&ReceiverLabels { receiver: receiver.to_owned() }).inc();
    }

    pub(crate) fn refused(&self, receiver: &str) {
        self.refused.get_or_create(&ReceiverLabels { receiver: receiver.to_owned() }).inc();
    }

    pub(crate) fn rate_limited(&self, scope: Scope) {
        self.rate_limited.get_or_create(&ScopeLabels { scope: scope.as_str() }).inc();
    }

    pub(crate) fn watchdog(&self, last: Option<Timestamp>, silent: usize) {
        self.watchdog_last.set(last.map_or(0.0, seconds));
        self.watchdog_silent.set(i64::try_from(silent).unwrap_or(i64::MAX));
    }

    pub(crate) fn report(&self, outcome: ReportOutcome, now: Timestamp) {
        self.reports.get_or_create(&ReportLabels { outcome: outcome.as_str() }).inc();
        self.report_last.set(seconds(now));
    }
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_duration().as_secs_f64()
}
