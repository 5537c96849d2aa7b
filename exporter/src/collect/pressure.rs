//! How long work had to wait for CPU, memory and disks.

use exposition::Families;
use procfs_core::{CpuPressure, FromRead as _, IoPressure, MemoryPressure};

use super::Collector;
use crate::files::Files;

const MICROSECONDS_PER_MILLISECOND: f64 = 1000.0;
const MILLISECONDS_PER_SECOND: f64 = 1000.0;

/// Reads /proc/pressure, which a kernel may have been built or started without.
pub struct Pressure;

impl Collector for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        if let Some(text) = host.read_proc_if_any("pressure/cpu")? {
            // Kernels before 5.13 have no second line here, and procfs-core wants one.
            let full = if text.lines().count() == 1 { text.replacen("some", "full", 1) } else { String::new() };
            let text = [&*text, &full].concat();
            let cpu = CpuPressure::from_read(text.as_bytes())?;
            add(page, "cpu_waiting", "Total time in seconds that processes have waited for CPU time", cpu.some.total)?;
        }
        if let Some(text) = host.read_proc_if_any("pressure/io")? {
            let io = IoPressure::from_read(text.as_bytes())?;
            add(
                page,
                "io_waiting",
                "Total time in seconds that processes have waited due to IO congestion",
                io.some.total,
            )?;
            add(
                page,
                "io_stalled",
                "Total time in seconds no process could make progress due to IO congestion",
                io.full.total,
            )?;
        }
        if let Some(text) = host.read_proc_if_any("pressure/memory")? {
            let memory = MemoryPressure::from_read(text.as_bytes())?;
            add(
                page,
                "memory_waiting",
                "Total time in seconds that processes have waited for memory",
                memory.some.total,
            )?;
            add(
                page,
                "memory_stalled",
                "Total time in seconds no process could make progress due to memory congestion",
                memory.full.total,
            )?;
        }
        Ok(())
    }
}

fn add(page: &mut Families, what: &str, help: &'static str, microseconds: u64) -> anyhow::Result<()> {
    // Divided twice, as node_exporter does, so that the last digit is the same as well.
    let seconds = microseconds as f64 / MICROSECONDS_PER_MILLISECOND / MILLISECONDS_PER_SECOND;
    page.counter(format!("node_pressure_{what}_seconds_total"), help)?.set(seconds)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn waiting_and_stalling_are_told_in_seconds() {
        insta::assert_snapshot!(written(&Pressure, "small-vps"));
    }

    #[test]
    fn a_kernel_without_pressure_has_no_such_metrics() {
        assert_eq!(written(&Pressure, "64-cores"), "");
    }
}
