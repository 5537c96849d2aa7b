//! What all groups share.

use std::time::Duration;

use promql::Engine;
use series::Labels;

/// What all groups share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How queries are evaluated.
    pub engine: Engine,
    /// `$externalLabels` of texts. They are not set on alerts: that is done where alerts are sent.
    pub external_labels: Labels,
    /// `$externalURL` of texts.
    pub external_url: String,
    /// How long a restored alert waits at least before it fires; Prometheus' `--rules.alert.for-grace-period`, 10 min.
    pub grace: Duration,
    /// How old the samples of a restored alert may be; Prometheus' `--rules.alert.for-outage-tolerance`, 1 h.
    pub outage_tolerance: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            external_labels: Labels::empty(),
            external_url: String::new(),
            grace: Duration::from_secs(600),
            outage_tolerance: Duration::from_secs(3600),
        }
    }
}
