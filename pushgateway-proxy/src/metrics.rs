//! What the gate counts, scraped as `noroshi_proxy_…`.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::reason::Reason;

/// From a push that goes through at once to one that waits for a Pushgateway out of breath.
const BUCKETS_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// The counters of a gate.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    pushes: Family<PushLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
    lookups: Family<LookupLabels, Counter>,
    duration: Histogram,
    body_bytes: Counter,
    certificate_expiry: Gauge,
    upstream_up: Gauge,
    connections: Arc<OnceLock<Box<dyn Fn() -> usize + Send + Sync>>>,
}

/// How a login was found to be right or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// It was verified before.
    Remembered,
    /// The same login was being checked already.
    Shared,
    /// Its hash was calculated.
    Checked,
}

impl Lookup {
    const ALL: [Self; 3] = [Self::Remembered, Self::Shared, Self::Checked];

    fn as_str(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::Shared => "shared",
            Self::Checked => "checked",
        }
    }
}

impl Metrics {
    /// Registers everything; the registry brings the prefix `noroshi_proxy`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            pushes: Family::default(),
            refused: Family::default(),
            lookups: Family::default(),
            duration: Histogram::new(BUCKETS_SECONDS),
            body_bytes: Counter::default(),
            certificate_expiry: Gauge::default(),
            upstream_up: Gauge::default(),
            connections: Arc::default(),
        };
        registry.register("requests", "Requests answered, by method and status", metrics.requests.clone());
        registry.register("pushes", "Requests of users who were logged in, by user and status", metrics.pushes.clone());
        registry.register("refused", "Requests and connections refused, by reason", metrics.refused.clone());
        registry.register("logins", "Logins looked at, by how they were found right or wrong", metrics.lookups.clone());
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
        registry.register(
            "upstream_up",
            "Whether what stands behind the gate was there when it was last looked for",
            metrics.upstream_up.clone(),
        );
        registry.register_collector(Box::new(Connections(metrics.clone())));
        registry.register("build", "What is running here", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        // Present from the start, so that `increase()` sees the first step.
        for method in [Method::PUT, Method::POST, Method::DELETE] {
            let _ = metrics.requests.get_or_create(&RequestLabels::new(&method, StatusCode::OK));
        }
        for reason in Reason::ALL {
            let _ = metrics.refused.get_or_create(&ReasonLabels { reason });
        }
        for found in Lookup::ALL {
            let _ = metrics.lookups.get_or_create(&LookupLabels { found });
        }
        metrics
    }

    /// Counts an answered request; `user` is one that is known, since strangers choose names of their own.
    pub fn answered(&self, method: &Method, status: StatusCode, user: Option<&Arc<str>>, duration: Duration) {
        self.requests.get_or_create(&RequestLabels::new(method, status)).inc();
        if let Some(user) = user {
            let labels = PushLabels { user: User(Arc::clone(user)), code: status.as_u16().into() };
            self.pushes.get_or_create(&labels).inc();
        }
        self.duration.observe(duration.as_secs_f64());
    }

    /// Counts a refusal.
    pub fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a login that was looked at.
    pub fn looked_up(&self, found: Lookup) {
        self.lookups.get_or_create(&LookupLabels { found }).inc();
    }

    /// Counts a body that was passed on.
    pub fn passed_on(&self, bytes: usize) {
        self.body_bytes.inc_by(bytes as u64);
    }

    /// Notes when the certificate expires, in seconds since 1970.
    pub fn certificate_expires(&self, timestamp: i64) {
        self.certificate_expiry.set(timestamp);
    }

    /// Notes whether what stands behind the gate is there.
    pub fn upstream_is(&self, up: bool) {
        self.upstream_up.set(up.into());
    }

    /// Takes the one who knows how many connections there are. A second one changes nothing.
    pub fn counts_connections(&self, count: impl Fn() -> usize + Send + Sync + 'static) {
        let _ = self.connections.set(Box::new(count));
    }

    /// Returns how many logins were found in this way.
    #[cfg(test)]
    pub(crate) fn lookups(&self, found: Lookup) -> u64 {
        self.lookups.get_or_create(&LookupLabels { found }).get()
    }
}

/// Counts connections at the moment of the scrape, so that no connection has to.
struct Connections(Metrics);

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let count = self.0.connections.get().map_or(0, |count| count());
        let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
        let metric =
            encoder.encode_descriptor("connections", "Connections at this moment", None, gauge.metric_type())?;
        gauge.encode(metric)
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
struct PushLabels {
    user: User,
    code: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct User(Arc<str>);

impl EncodeLabelValue for User {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&&*self.0, encoder)
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    found: Lookup,
}

impl EncodeLabelValue for Lookup {
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
        let odd = Method::from_bytes(b"PROPFIND").unwrap();
        metrics.answered(&odd, StatusCode::METHOD_NOT_ALLOWED, None, Duration::ZERO);
        metrics.answered(&Method::PUT, StatusCode::OK, Some(&Arc::from("a\"b")), Duration::ZERO);
        metrics.certificate_expires(1_800_000_000);
        metrics.counts_connections(|| 7);
        metrics.upstream_is(true);
        metrics.passed_on(5);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "noroshi_proxy_requests_total{method=\"post\",code=\"200\"} 0",
            "noroshi_proxy_requests_total{method=\"other\",code=\"405\"} 1",
            "noroshi_proxy_pushes_total{user=\"a\\\"b\",code=\"200\"} 1",
            "noroshi_proxy_refused_total{reason=\"address\"} 0",
            "noroshi_proxy_logins_total{found=\"shared\"} 0",
            "noroshi_proxy_request_duration_seconds_count 2",
            "noroshi_proxy_body_bytes_total 5",
            "noroshi_proxy_certificate_expiry_timestamp_seconds 1800000000",
            "noroshi_proxy_upstream_up 1",
            "noroshi_proxy_connections 7",
            "noroshi_proxy_build_info{version=\"",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
