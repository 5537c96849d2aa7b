//! Memory.

use anyhow::{Context as _, bail};
use exposition::{Families, Kind};

use super::Collector;
use crate::files::Files;

/// Reads /proc/meminfo, every line of it (procfs-core would read only the lines it knows).
pub struct Meminfo;

impl Collector for Meminfo {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for line in host.read_proc("meminfo")?.lines().filter(|line| !line.trim().is_empty()) {
            let (field, value) = field(line).with_context(|| format!("/proc/meminfo has the line `{line}`"))?;
            let kind = if field.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
            page.family(["node_memory_", &field].concat(), ["Memory information field ", &field, "."].concat(), kind)?
                .set(value)?;
        }
        Ok(())
    }
}

/// Turns `Active(anon): 12 kB` into `Active_anon_bytes` and 12288, and `HugePages_Free: 3` into `HugePages_Free` and 3.
fn field(line: &str) -> anyhow::Result<(String, f64)> {
    let (key, rest) = line.split_once(':').context("no colon")?;
    let mut words = rest.split_ascii_whitespace();
    let value: f64 = words.next().unwrap_or_default().parse().context("no number")?;
    let letters = key.trim().chars().filter(|letter| *letter != ')');
    let mut field: String = letters.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    match words.next() {
        None => Ok((field, value)),
        Some("kB") => {
            field.push_str("_bytes");
            Ok((field, value * 1024.0))
        }
        Some(unit) => bail!("the unit `{unit}` is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn every_line_becomes_a_metric_in_bytes() {
        insta::assert_snapshot!(written(&Meminfo, "64-cores"));
    }

    #[test]
    fn a_machine_without_swap_says_so() {
        assert!(written(&Meminfo, "small-vps").contains("node_memory_SwapTotal_bytes 0\n"));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for line in ["MemTotal 12 kB", "MemTotal: many kB", "MemTotal: 12 MB", ":"] {
            assert!(field(line).is_err(), "{line}");
        }
    }
}
