//! What went through each network device since boot.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/net/dev, and the one counter that is not there from sysfs.
///
/// By hand, because procfs-core gives up on a device whose first number stands directly behind its colon, as old
/// kernels write a large one.
pub struct Netdev;

impl Collector for Netdev {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for (device, counters) in read(host)? {
            for (statistic, value) in STATISTICS.into_iter().zip(counters) {
                add(page, &device, statistic, value)?;
            }
            let directory = format!("class/net/{device}");
            // An alias (`eth0:1`) has no directory of its own, and kernels before 4.6 do not count these.
            let nohandler = host.read_attribute(&directory, "statistics/rx_nohandler");
            if let Some(value) = nohandler.and_then(|text| text.trim().parse().ok()) {
                add(page, &device, "receive_nohandler", value)?;
            }
        }
        Ok(())
    }
}

/// Reads each device with its counters, in the order of [`STATISTICS`].
pub(crate) fn read(host: &Files) -> anyhow::Result<Vec<(String, [u64; 16])>> {
    let text = host.read_proc_once("net/dev")?;
    // Two lines of headings come first.
    let lines = text.lines().skip(2).filter(|line| !line.trim().is_empty());
    let read = |line| {
        let (device, counters) = device(line).with_context(|| format!("/proc/net/dev has the line `{line}`"))?;
        Ok((device.to_owned(), counters))
    };
    lines.map(read).collect()
}

/// In the order of the file's columns.
const STATISTICS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

fn add(page: &mut Families, device: &str, statistic: &str, value: u64) -> anyhow::Result<()> {
    let name = ["node_network_", statistic, "_total"].concat();
    let help = ["Network device statistic ", statistic, "."].concat();
    page.counter(name, help)?.add([("device", device)], value as f64)?;
    Ok(())
}

/// Splits a line at its last colon: an alias has one in its name.
fn device(line: &str) -> anyhow::Result<(&str, [u64; 16])> {
    let (device, columns) = line.rsplit_once(':').context("no colon")?;
    let mut counters = [0; 16];
    let mut columns = columns.split_ascii_whitespace();
    for counter in &mut counters {
        *counter = columns.next().context("too few columns")?.parse().context("no number")?;
    }
    Ok((device.trim(), counters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn every_device_is_told_also_loopback_and_aliases() {
        let page = written(&Netdev, "small-vps");
        assert_eq!(
            series(&page, "node_network_receive_bytes_total"),
            [
                r#"node_network_receive_bytes_total{device="eth0"} 1.93624484e+08"#,
                r#"node_network_receive_bytes_total{device="eth0:1"} 77"#,
                r#"node_network_receive_bytes_total{device="lo"} 62936"#,
                r#"node_network_receive_bytes_total{device="wg-ü"} 1.2345678901234567e+19"#,
            ]
        );
        assert_eq!(
            series(&page, "node_network_receive_nohandler_total"),
            [r#"node_network_receive_nohandler_total{device="eth0"} 5"#]
        );
        assert_eq!(page.matches("# TYPE").count(), 17);
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for line in ["eth0 1 2 3", "eth0: 1 2 3", "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 x"] {
            assert!(device(line).is_err(), "{line}");
        }
    }
}
