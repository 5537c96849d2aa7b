//! What each CPU did with the packets that came in.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/net/softnet_stat.
pub struct Softnet;

impl Collector for Softnet {
    fn name(&self) -> &'static str {
        "softnet"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let Some(text) = host.read_proc_if_any("net/softnet_stat")? else { return Ok(()) };
        for (row, line) in text.lines().enumerate() {
            let (cpu, counters) =
                counters(row, line).with_context(|| format!("/proc/net/softnet_stat has the line `{line}`"))?;
            for ((name, help), value) in FAMILIES.into_iter().zip(counters) {
                page.counter(name, help)?.add([("cpu", cpu.to_string())], f64::from(value))?;
            }
        }
        Ok(())
    }
}

/// In the order of the file's columns.
const FAMILIES: [(&str, &str); 3] = [
    ("node_softnet_processed_total", "Number of processed packets"),
    ("node_softnet_dropped_total", "Number of dropped packets"),
    ("node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota"),
];

/// Reads a row of hexadecimal numbers. Since Linux 5.10 the thirteenth names the CPU; before, the row does.
fn counters(row: usize, line: &str) -> anyhow::Result<(usize, [u32; 3])> {
    let columns: Vec<u32> = line
        .split_ascii_whitespace()
        .map(|column| u32::from_str_radix(column, 16))
        .collect::<Result<_, _>>()
        .context("not all of it are numbers")?;
    let Some(&[processed, dropped, squeezed]) = columns.first_chunk() else { anyhow::bail!("too few columns") };
    let cpu = columns.get(12).map_or(Ok(row), |cpu| usize::try_from(*cpu))?;
    Ok((cpu, [processed, dropped, squeezed]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn a_core_that_is_switched_off_leaves_a_gap() {
        assert_eq!(
            series(&written(&Softnet, "small-vps"), "node_softnet_processed_total"),
            [r#"node_softnet_processed_total{cpu="0"} 173362"#, r#"node_softnet_processed_total{cpu="2"} 190122"#]
        );
    }

    #[test]
    fn an_old_kernel_does_not_name_the_cpu() {
        let row = "0000000a 00000001 00000002 0 0 0 0 0 0 0 0";
        assert_eq!(counters(3, row).unwrap(), (3, [10, 1, 2]));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        assert!(counters(0, "1 2").is_err());
        assert!(counters(0, "1 2 x").is_err());
    }
}
