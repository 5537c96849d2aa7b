//! Redis: one script, one connection that is thrown away on every error, and a listener whose news are only hints.

mod hints;
mod link;
mod wire;

use crate::config::{Config, Sites};
use crate::core::record::{Order, RunId};

pub use hints::hints;
pub use link::{Link, LinkError};

/// The script.
pub(crate) const SCRIPT: &str = include_str!("redis/failover.lua");

/// The names of our keys.
#[derive(Clone, Debug)]
pub struct Keys {
    namespace: String,
}

impl Keys {
    /// The keys below `namespace`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { namespace: config.namespace.clone() }
    }

    /// The record that counts.
    #[must_use]
    pub fn term(&self) -> String {
        format!("{}:term", self.namespace)
    }

    /// The lock that old clients know.
    #[must_use]
    pub fn leader(&self) -> String {
        format!("{}:leader", self.namespace)
    }

    /// What operators want.
    #[must_use]
    pub fn wish(&self) -> String {
        format!("{}:wish", self.namespace)
    }

    /// A site's heartbeat.
    #[must_use]
    pub fn heartbeat(&self, site: &str) -> String {
        format!("{}:hb:{site}", self.namespace)
    }

    /// The channel of hints.
    #[must_use]
    pub fn channel(&self) -> String {
        format!("{}:events", self.namespace)
    }

    fn of_script(&self, sites: &Sites) -> Vec<String> {
        let fixed = [self.term(), self.leader(), self.wish(), self.heartbeat(sites.my_name())];
        fixed.into_iter().chain(sites.names().map(|name| self.heartbeat(name.as_str()))).collect()
    }
}

/// Writes an order as it stands in Redis: `pin oci`, `prefer oci`, `pause`, or nothing.
#[must_use]
pub fn order_text(order: Order, sites: &Sites) -> String {
    match order {
        Order::Listed => String::new(),
        Order::Pause => "pause".to_owned(),
        Order::Pin(site) => format!("pin {}", sites.name(site)),
        Order::Prefer(site) => format!("prefer {}", sites.name(site)),
    }
}

/// Writes a run id as Redis does.
#[must_use]
pub fn run_text(run: RunId) -> String {
    run.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
