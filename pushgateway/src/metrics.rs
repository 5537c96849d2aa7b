//! What is counted, scraped from the admin page as `noroshi_pushgateway_…`.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// From a fast disk to one that is nearly broken.
const SYNC_BUCKETS_SECONDS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PushOutcome {
    /// It is kept.
    Accepted,
    /// Its body is not well formed, or not whole.
    Malformed,
    /// It contradicts itself or another group.
    Inconsistent,
    /// Its body is too large.
    TooLarge,
    /// The disk did not take it.
    Unavailable,
}

impl PushOutcome {
    const ALL: [Self; 5] = [Self::Accepted, Self::Malformed, Self::Inconsistent, Self::TooLarge, Self::Unavailable];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Malformed => "malformed",
            Self::Inconsistent => "inconsistent",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
        }
    }
}

impl EncodeLabelValue for PushOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PushLabels {
    outcome: PushOutcome,
}

/// The counters of a store.
#[derive(Clone, Debug)]
pub struct Metrics {
    pushes: Family<PushLabels, Counter>,
    left_out: Counter,
    groups: Gauge,
    series: Gauge,
    expired: Counter,
    broken: Gauge,
    damaged: Gauge,
    log_bytes: Counter,
    snapshot_bytes: Gauge,
    sync: Histogram,
}

impl Metrics {
    /// Registers everything; the registry brings the prefix `noroshi_pushgateway`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            pushes: Family::default(),
            left_out: Counter::default(),
            groups: Gauge::default(),
            series: Gauge::default(),
            expired: Counter::default(),
            broken: Gauge::default(),
            damaged: Gauge::default(),
            log_bytes: Counter::default(),
            snapshot_bytes: Gauge::default(),
            sync: Histogram::new(SYNC_BUCKETS_SECONDS),
        };
        registry.register("pushes", "Pushes answered, by outcome", metrics.pushes.clone());
        registry.register(
            "left_out_series",
            "Series that contradicted others and were left out because the check is off",
            metrics.left_out.clone(),
        );
        registry.register("groups", "Groups that are kept", metrics.groups.clone());
        registry.register("series", "Series that are kept, stamps among them", metrics.series.clone());
        registry.register("expired_groups", "Groups dropped because of their age", metrics.expired.clone());
        registry.register("store_broken", "Whether the disk takes nothing at present", metrics.broken.clone());
        registry.register(
            "damaged_files",
            "Files that were damaged at the start and set aside",
            metrics.damaged.clone(),
        );
        registry.register("log_written_bytes", "Bytes written to the log", metrics.log_bytes.clone());
        registry.register("snapshot_bytes", "Size of the last snapshot", metrics.snapshot_bytes.clone());
        registry.register("sync_duration_seconds", "Time to force the log to the medium", metrics.sync.clone());
        registry.register("build", "What is running here", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        // Present from the start, so that `increase()` sees the first step.
        for outcome in PushOutcome::ALL {
            let _ = metrics.pushes.get_or_create(&PushLabels { outcome });
        }
        metrics
    }

    /// Counts an answered push.
    pub fn pushed(&self, outcome: PushOutcome) {
        self.pushes.get_or_create(&PushLabels { outcome }).inc();
    }

    /// Counts series that were left out.
    pub fn left_out(&self, series: usize) {
        self.left_out.inc_by(series as u64);
    }

    /// Notes what is kept.
    pub fn holds(&self, groups: usize, series: usize) {
        self.groups.set(i64::try_from(groups).unwrap_or(i64::MAX));
        self.series.set(i64::try_from(series).unwrap_or(i64::MAX));
    }

    /// Counts groups that were dropped because of their age.
    pub fn expired(&self, groups: usize) {
        self.expired.inc_by(groups as u64);
    }

    /// Notes whether the disk takes nothing.
    pub fn broken(&self, is_broken: bool) {
        self.broken.set(i64::from(is_broken));
    }

    /// Notes how many files were set aside.
    pub fn damaged(&self, files: usize) {
        self.damaged.set(i64::try_from(files).unwrap_or(i64::MAX));
    }

    /// Counts what was written to the log.
    pub fn wrote(&self, bytes: usize) {
        self.log_bytes.inc_by(bytes as u64);
    }

    /// Notes a sync.
    pub fn synced(&self, duration: Duration) {
        self.sync.observe(duration.as_secs_f64());
    }

    /// Notes a snapshot.
    pub fn snapshot(&self, bytes: u64) {
        self.snapshot_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
