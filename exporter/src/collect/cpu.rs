//! CPU time and the counters around it.

use exposition::Families;

use super::Collector;
use crate::files::Files;
use crate::stat::TICKS_PER_SECOND;

/// Reads /proc/stat.
pub struct Cpu;

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let stat = host.stat()?;
        let seconds = page.counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.")?;
        let names: Vec<String> = stat.cpus.iter().map(|(cpu, _)| cpu.to_string()).collect();
        for ((_, times), cpu) in stat.cpus.iter().zip(&names) {
            for (mode, ticks) in [
                ("user", times.user),
                ("nice", times.nice),
                ("system", times.system),
                ("idle", times.idle),
                ("iowait", times.iowait),
                ("irq", times.irq),
                ("softirq", times.softirq),
                ("steal", times.steal),
            ] {
                seconds.add([("cpu", cpu.as_str()), ("mode", mode)], ticks as f64 / TICKS_PER_SECOND)?;
            }
        }
        let guests =
            page.counter("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.")?;
        for ((_, times), cpu) in stat.cpus.iter().zip(&names) {
            for (mode, ticks) in [("user", times.guest), ("nice", times.guest_nice)] {
                guests.add([("cpu", cpu.as_str()), ("mode", mode)], ticks as f64 / TICKS_PER_SECOND)?;
            }
        }
        for (name, help, value) in [
            ("node_intr_total", "Total number of interrupts serviced.", stat.interrupts),
            ("node_context_switches_total", "Total number of context switches.", stat.context_switches),
            ("node_forks_total", "Total number of forks.", stat.forks),
        ] {
            if let Some(value) = value {
                page.counter(name, help)?.set(value as f64)?;
            }
        }
        for (name, help, value) in [
            ("node_boot_time_seconds", "Node boot time, in unixtime.", stat.boot_time),
            ("node_procs_running", "Number of processes in runnable state.", stat.procs_running),
            ("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.", stat.procs_blocked),
        ] {
            if let Some(value) = value {
                page.gauge(name, help)?.set(value as f64)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn every_core_of_a_large_machine_has_its_eight_modes() {
        let page = written(&Cpu, "64-cores");
        assert_eq!(series(&page, "node_cpu_seconds_total").len(), 64 * 8);
        assert!(page.contains("node_cpu_seconds_total{cpu=\"63\",mode=\"steal\"} 0.63\n"), "{page}");
    }

    #[test]
    fn a_core_that_is_switched_off_leaves_a_gap() {
        let page = written(&Cpu, "small-vps");
        let idle: Vec<_> = series(&page, "node_cpu_seconds_total")
            .into_iter()
            .filter(|line| line.contains(r#"mode="idle""#))
            .collect();
        assert_eq!(
            idle,
            [
                r#"node_cpu_seconds_total{cpu="0",mode="idle"} 1036.62"#,
                r#"node_cpu_seconds_total{cpu="2",mode="idle"} 1.017171e+06"#
            ]
        );
        assert!(page.contains("node_boot_time_seconds 1.795368344e+09\n"), "{page}");
        assert!(page.contains("node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 12.5\n"), "{page}");
    }
}
