//! The load.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/loadavg (not with procfs-core: it has these as `f32`, which would print 0.42 as 0.41999998688697815).
pub struct Loadavg;

impl Collector for Loadavg {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let text = host.read_proc("loadavg")?;
        let mut words = text.split_ascii_whitespace();
        for (name, help) in [
            ("node_load1", "1m load average."),
            ("node_load5", "5m load average."),
            ("node_load15", "15m load average."),
        ] {
            let word = words.next().unwrap_or_default();
            let load = word.parse().with_context(|| format!("/proc/loadavg has `{word}` where a load should be"))?;
            page.gauge(name, help)?.set(load)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn loads_are_told_as_the_kernel_writes_them() {
        let page = written(&Loadavg, "small-vps");
        assert_eq!(series(&page, "node_load1"), ["node_load1 0.42"]);
        assert_eq!(series(&page, "node_load15"), ["node_load15 0.27"]);
    }
}
