//! What operators see of the bridge: `noroshi_bridge_…` on the admin page.

use std::fmt::{self, Write as _};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::delivery::{Delivered, Scope, Undelivered};

/// A delivery takes between a moment and all the patience that a sender has.
const DURATIONS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The bridge's metrics; clones count into the same ones.
#[derive(Clone)]
pub struct Metrics {
    webhooks: Family<WebhookLabels, Counter>,
    alerts: Family<AlertLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    delivery_duration: Histogram,
    rate_limited: Family<ScopeLabels, Counter>,
}

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2xx: told to people, or nothing to tell.
    Accepted,
    /// 4xx: not understood.
    Rejected,
    /// 503: understood, not delivered.
    Failed,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Rejected, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
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
struct DeliveryLabels {
    receiver: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScopeLabels {
    scope: &'static str,
}

/// What may become of a delivery.
const DELIVERY_OUTCOMES: [&str; 8] =
    ["delivered", "plain_text", "crowded", "rate_limited", "unreachable", "dead", "refused", "stopping"];

impl Metrics {
    /// Registers all metrics; the registry brings the prefix. Deliveries are present from the start for `receiver`.
    pub fn register(registry: &mut Registry, receiver: &'static str) -> Self {
        let metrics = Self {
            webhooks: Family::default(),
            alerts: Family::default(),
            deliveries: Family::default(),
            delivery_duration: Histogram::new(DURATIONS),
            rate_limited: Family::default(),
        };
        registry.register("webhooks", "Webhooks received, by outcome", metrics.webhooks.clone());
        registry.register("alerts", "Alerts in delivered webhooks, by status", metrics.alerts.clone());
        registry.register("deliveries", "Messages to people, by receiver and outcome", metrics.deliveries.clone());
        let help = "Time from an accepted webhook to the end of its delivery, waiting included";
        registry.register_with_unit("delivery_duration", help, Unit::Seconds, metrics.delivery_duration.clone());
        registry.register(
            "rate_limited",
            "Requests that a receiver refused as too many, by scope",
            metrics.rate_limited.clone(),
        );
        registry.register("build", "Version of this program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        // Present from the start, so that `increase()` sees the first step.
        for outcome in Outcome::ALL {
            let _ = metrics.webhooks.get_or_create_owned(&WebhookLabels { outcome });
        }
        for status in ["firing", "resolved"] {
            let _ = metrics.alerts.get_or_create_owned(&AlertLabels { status });
        }
        for outcome in DELIVERY_OUTCOMES {
            let _ = metrics.deliveries.get_or_create_owned(&DeliveryLabels { receiver, outcome });
        }
        for scope in Scope::ALL {
            let _ = metrics.rate_limited.get_or_create_owned(&ScopeLabels { scope: scope.as_str() });
        }
        metrics
    }

    /// Counts a webhook.
    pub fn webhook(&self, outcome: Outcome) {
        self.webhooks.get_or_create(&WebhookLabels { outcome }).inc();
    }

    /// Counts what a delivered webhook told.
    pub fn told(&self, firing: usize, resolved: usize) {
        for (status, count) in [("firing", firing), ("resolved", resolved)] {
            self.alerts.get_or_create(&AlertLabels { status }).inc_by(count as u64);
        }
    }

    /// Counts a delivery.
    pub fn delivery(&self, receiver: &'static str, result: &Result<Delivered, Undelivered>, took: Duration) {
        let outcome = match result {
            Ok(Delivered::AsComposed) => "delivered",
            Ok(Delivered::AsPlainText) => "plain_text",
            Err(Undelivered::Crowded) => "crowded",
            Err(Undelivered::RateLimited(_)) => "rate_limited",
            Err(Undelivered::Unreachable(_) | Undelivered::Closed(_)) => "unreachable",
            Err(Undelivered::Dead(_)) => "dead",
            Err(Undelivered::Refused(_)) => "refused",
            Err(Undelivered::Stopping) => "stopping",
        };
        self.deliveries.get_or_create(&DeliveryLabels { receiver, outcome }).inc();
        self.delivery_duration.observe(took.as_secs_f64());
    }

    pub(crate) fn rate_limited(&self, scope: Scope) {
        self.rate_limited.get_or_create(&ScopeLabels { scope: scope.as_str() }).inc();
    }
}
