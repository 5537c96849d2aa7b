//! What is counted.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::core::Phase;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// The metrics of this part; the registry brings the prefix.
#[derive(Clone, Debug)]
pub struct Metrics {
    state: Family<State, Gauge>,
    pub(crate) leads: Gauge,
    pub(crate) epoch: Gauge,
    pub(crate) lease_left: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub(crate) answers: Counter,
    pub(crate) errors: Counter,
    pub(crate) round_trip: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub(crate) late: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub(crate) starts: Counter,
    pub(crate) changes: Counter,
    pub(crate) lost: Counter,
}

impl Metrics {
    /// Registers them all.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            state: Family::default(),
            leads: Gauge::default(),
            epoch: Gauge::default(),
            lease_left: Gauge::default(),
            answers: Counter::default(),
            errors: Counter::default(),
            round_trip: Gauge::default(),
            late: Gauge::default(),
            starts: Counter::default(),
            changes: Counter::default(),
            lost: Counter::default(),
        };
        registry.register("state", "1 for the state that this supervisor is in", metrics.state.clone());
        registry.register("leads", "Whether this site holds the lease", metrics.leads.clone());
        registry.register("epoch", "The highest epoch seen", metrics.epoch.clone());
        registry.register("lease_left_seconds", "What is left of the lease, 0 without one", metrics.lease_left.clone());
        registry.register("redis_answers", "Answers of Redis", metrics.answers.clone());
        registry.register("redis_errors", "Requests without an answer", metrics.errors.clone());
        registry.register("redis_round_trip_seconds", "How long the last answer took", metrics.round_trip.clone());
        registry.register("timer_lateness_seconds", "How late the last timer was", metrics.late.clone());
        registry.register("bot_starts", "Starts of the bot", metrics.starts.clone());
        registry.register("acquisitions", "Times this site came to lead", metrics.changes.clone());
        registry.register(
            "losses",
            "Times the bot was killed because the lease was over or another's",
            metrics.lost.clone(),
        );
        metrics.is_in(Phase::Booting);
        metrics
    }

    pub(crate) fn is_in(&self, phase: Phase) {
        for each in Phase::ALL {
            self.state.get_or_create_owned(&State { state: each.as_str() }).set(i64::from(each == phase));
        }
    }
}
