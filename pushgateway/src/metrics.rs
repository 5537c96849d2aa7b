//! What is counted, scraped from the admin page as `noroshi_pushgateway_…`.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The counters of a store.
#[derive(Clone, Debug)]
pub struct Metrics {}

impl Metrics {
    /// Registers everything; the registry brings the prefix `noroshi_pushgateway`.
    pub fn register(registry: &mut Registry) -> Self {
        registry.register("build", "What is running here", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self {}
    }
}
