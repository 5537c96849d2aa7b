//! How many neighbours each network device knows by their hardware address.

use std::collections::BTreeMap;

use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/net/arp (not with procfs-core, which panics on a column that is too short).
pub struct Arp;

impl Collector for Arp {
    fn name(&self) -> &'static str {
        "arp"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let Some(text) = host.read_proc_if_any("net/arp")? else { return Ok(()) };
        let mut entries: BTreeMap<&str, u32> = BTreeMap::new();
        // One line of headings comes first; the device stands last.
        for device in text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().last()) {
            *entries.entry(device).or_default() += 1;
        }
        let family = page.gauge("node_arp_entries", "ARP entries by device")?;
        for (device, count) in entries {
            family.add([("device", device)], f64::from(count))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn neighbours_are_counted_by_device() {
        assert_eq!(
            series(&written(&Arp, "small-vps"), "node_arp_entries"),
            [r#"node_arp_entries{device="eth0"} 2"#, r#"node_arp_entries{device="wg-ü"} 1"#]
        );
    }
}
