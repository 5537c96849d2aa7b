//! What the gate counts, scraped as `noroshi_proxy_…`.

use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::refusal::Reason;

/// From a push that goes through at once to one that waits for a Pushgateway out of breath.
const BUCKETS_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// The counters of a gate.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
    duration: Histogram,
    body_bytes: Counter,
    certificate_expiry: Gauge,
}

impl Metrics {
    /// Registers everything; the registry brings the prefix `noroshi_proxy`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            refused: Family::default(),
            duration: Histogram::new(BUCKETS_SECONDS),
            body_bytes: Counter::default(),
            certificate_expiry: Gauge::default(),
        };
        registry.register("requests", "Requests answered, by method and status", metrics.requests.clone());
        registry.register("refused", "Requests and connections refused, by reason", metrics.refused.clone());
        registry.register(
            "request_duration_seconds",
            "Time from the head of a request to its answer",
            metrics.duration.clone(),
        );
        registry.register("body_bytes", "Bytes of bodies that were passed on", metrics.body_bytes.clone());
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the certificate shown expires, in seconds since 1970",
            metrics.certificate_expiry.clone(),
        );
        registry.register("build", "What is running here", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        // Present from the start, so that `increase()` sees the first step.
        for method in [Method::PUT, Method::POST, Method::DELETE] {
            let _ = metrics.requests.get_or_create(&RequestLabels::new(&method, StatusCode::OK));
        }
        for reason in Reason::ALL {
            let _ = metrics.refused.get_or_create(&ReasonLabels { reason });
        }
        metrics
    }

    /// Counts an answered request.
    pub fn answered(&self, method: &Method, status: StatusCode, duration: Duration) {
        self.requests.get_or_create(&RequestLabels::new(method, status)).inc();
        self.duration.observe(duration.as_secs_f64());
    }

    /// Counts a refusal.
    pub fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a body that was passed on.
    pub fn passed_on(&self, bytes: usize) {
        self.body_bytes.inc_by(bytes as u64);
    }

    /// Notes when the certificate expires, in seconds since 1970.
    pub fn certificate_expires(&self, timestamp: i64) {
        self.certificate_expiry.set(timestamp);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    code: u32,
}

impl RequestLabels {
    /// A method that nobody serves is `other`: strangers choose it, and each new one would be a series for ever.
    fn new(method: &Method, status: StatusCode) -> Self {
        let method = match *method {
            Method::PUT => "put",
            Method::POST => "post",
            Method::DELETE => "delete",
            Method::GET => "get",
            Method::HEAD => "head",
            _ => "other",
        };
        Self { method, code: status.as_u16().into() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: Reason,
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;

    #[test]
    fn the_names_are_the_promised_ones_and_present_from_the_start() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(registry.sub_registry_with_prefix("noroshi_proxy"));
        metrics.answered(&Method::from_bytes(b"PROPFIND").unwrap(), StatusCode::METHOD_NOT_ALLOWED, Duration::ZERO);
        metrics.certificate_expires(1_800_000_000);
        metrics.passed_on(5);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "noroshi_proxy_requests_total{method=\"put\",code=\"200\"} 0",
            "noroshi_proxy_requests_total{method=\"other\",code=\"405\"} 1",
            "noroshi_proxy_refused_total{reason=\"address\"} 0",
            "noroshi_proxy_request_duration_seconds_count 1",
            "noroshi_proxy_body_bytes_total 5",
            "noroshi_proxy_certificate_expiry_timestamp_seconds 1800000000",
            "noroshi_proxy_build_info{version=\"",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
