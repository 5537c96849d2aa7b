//! How much is waiting in the queues of UDP sockets.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/net/udp and udp6 (not with procfs-core, which would keep every socket in memory to be summed).
pub struct UdpQueues;

impl Collector for UdpQueues {
    fn name(&self) -> &'static str {
        "udp_queues"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for (file, ip) in [("net/udp", "v4"), ("net/udp6", "v6")] {
            let Some(text) = host.read_proc_if_any(file)? else { continue };
            let (mut sent, mut received) = (0_u64, 0_u64);
            // One line of headings comes first.
            for line in text.lines().skip(1) {
                let (tx, rx) = queues(line).with_context(|| format!("/proc/{file} has the line `{line}`"))?;
                (sent, received) = (sent + u64::from(tx), received + u64::from(rx));
            }
            let help = "Number of allocated memory in the kernel for UDP datagrams in bytes.";
            page.gauge("node_udp_queues", help)?
                .add([("queue", "tx"), ("ip", ip)], sent as f64)?
                .add([("queue", "rx"), ("ip", ip)], received as f64)?;
        }
        Ok(())
    }
}

/// Reads the fifth column: what waits to be sent and to be read, in hexadecimal.
fn queues(line: &str) -> anyhow::Result<(u32, u32)> {
    let column = line.split_ascii_whitespace().nth(4).context("too few columns")?;
    let (tx, rx) = column.split_once(':').context("no queues")?;
    Ok((u32::from_str_radix(tx, 16)?, u32::from_str_radix(rx, 16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn the_queues_of_all_sockets_are_summed() {
        assert_eq!(
            series(&written(&UdpQueues, "small-vps"), "node_udp_queues"),
            [
                r#"node_udp_queues{ip="v4",queue="rx"} 4864"#,
                r#"node_udp_queues{ip="v4",queue="tx"} 256"#,
                r#"node_udp_queues{ip="v6",queue="rx"} 0"#,
                r#"node_udp_queues{ip="v6",queue="tx"} 0"#,
            ]
        );
    }

    #[test]
    fn what_is_no_socket_is_refused() {
        for line in ["1: a b c", "1: a b c d", "1: a b c 0:x"] {
            assert!(queues(line).is_err(), "{line}");
        }
    }
}
