//! How many sockets there are, and how much memory they hold.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/net/sockstat and sockstat6.
pub struct Sockstat;

impl Collector for Sockstat {
    fn name(&self) -> &'static str {
        "sockstat"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for file in ["net/sockstat", "net/sockstat6"] {
            for line in host.read_proc_if_any(file)?.as_deref().unwrap_or_default().lines() {
                add(page, line).with_context(|| format!("/proc/{file} has the line `{line}`"))?;
            }
        }
        Ok(())
    }
}

/// Adds a line such as `TCP: inuse 35 orphan 0 mem 1`: pairs of a state and a number.
fn add(page: &mut Families, line: &str) -> anyhow::Result<()> {
    let (protocol, pairs) = line.split_once(':').context("no colon")?;
    let mut words = pairs.split_ascii_whitespace();
    while let Some(state) = words.next() {
        let number: f64 = words.next().unwrap_or_default().parse().with_context(|| format!("no number for {state}"))?;
        if (protocol, state) == ("sockets", "used") {
            page.gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.")?.set(number)?;
            continue;
        }
        let mut gauge = |state: &str, number: f64| -> anyhow::Result<()> {
            let help = format!("Number of {protocol} sockets in state {state}.");
            page.gauge(format!("node_sockstat_{protocol}_{state}"), help)?.set(number)?;
            Ok(())
        };
        gauge(state, number)?;
        if state == "mem" {
            // Told in pages.
            gauge("mem_bytes", number * rustix::param::page_size() as f64)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn sockets_are_told_by_protocol_and_state() {
        let page = written(&Sockstat, "small-vps");
        for line in [
            "node_sockstat_sockets_used 214",
            "node_sockstat_TCP_tw 9",
            "node_sockstat_UDP6_inuse 3",
            "# HELP node_sockstat_FRAG_memory Number of FRAG sockets in state memory.",
        ] {
            assert!(page.lines().any(|written| written == line), "{line} is not in\n{page}");
        }
        assert_eq!(page.matches("# TYPE").count(), 14 + 6);
    }

    #[test]
    fn memory_is_told_in_pages_and_in_bytes() {
        let page = written(&Sockstat, "small-vps");
        let bytes = 12.0 * rustix::param::page_size() as f64;
        assert!(page.contains("node_sockstat_TCP_mem 12\n"), "{page}");
        assert!(page.contains(&format!("node_sockstat_TCP_mem_bytes {bytes}\n")), "{page}");
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for line in ["TCP inuse 1", "TCP: inuse", "TCP: inuse many"] {
            assert!(add(&mut Families::new(), line).is_err(), "{line}");
        }
    }
}
