//! The host's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Asks the clock.
pub struct Time;

impl Collector for Time {
    fn name(&self) -> &'static str {
        "time"
    }

    fn collect(&self, _: &Files, page: &mut Families) -> anyhow::Result<()> {
        // A board without a battery may believe that it is before 1970; then it is 1970.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        page.gauge("node_time_seconds", "System time in seconds since epoch (1970).")?.set(now.as_secs_f64())?;
        Ok(())
    }
}
