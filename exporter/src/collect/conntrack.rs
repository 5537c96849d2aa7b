//! How many connections the packet filter keeps track of, and how many it may.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/sys/net/netfilter, which is there once the module `nf_conntrack` is loaded.
pub struct Conntrack;

impl Collector for Conntrack {
    fn name(&self) -> &'static str {
        "conntrack"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for (file, name, help) in [
            (
                "sys/net/netfilter/nf_conntrack_count",
                "node_nf_conntrack_entries",
                "Number of currently allocated flow entries for connection tracking.",
            ),
            (
                "sys/net/netfilter/nf_conntrack_max",
                "node_nf_conntrack_entries_limit",
                "Maximum size of connection tracking table.",
            ),
        ] {
            let Some(text) = host.read_proc_if_any(file)? else { continue };
            let text = text.trim();
            let number = text.parse().with_context(|| format!("/proc/{file} holds `{text}`"))?;
            page.gauge(name, help)?.set(number)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn connections_and_their_limit_are_told() {
        let page = written(&Conntrack, "small-vps");
        assert!(page.contains("node_nf_conntrack_entries 312\n"), "{page}");
        assert!(page.contains("node_nf_conntrack_entries_limit 65536\n"), "{page}");
    }

    #[test]
    fn a_host_without_a_packet_filter_has_no_such_metrics() {
        assert_eq!(written(&Conntrack, "64-cores"), "");
    }
}
