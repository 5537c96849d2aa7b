//! /proc/stat, which procfs-core would read without its interrupts and without the numbers of the CPUs (a CPU that
//! is switched off leaves a gap).

use anyhow::{Context as _, bail};

/// `USER_HZ`: 100 on every architecture that we are built for, whatever the kernel's own tick is.
pub const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time by mode since boot, in ticks. Guests' time is part of `user` and `nice` too, as the kernel counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Ordinary programs.
    pub user: u64,
    /// Programs of low priority.
    pub nice: u64,
    /// The kernel.
    pub system: u64,
    /// Nothing to do.
    pub idle: u64,
    /// Nothing to do but wait for a disk.
    pub iowait: u64,
    /// Interrupts.
    pub irq: u64,
    /// Deferred work of interrupts.
    pub softirq: u64,
    /// Time that the hypervisor gave to somebody else.
    pub steal: u64,
    /// The part of `user` that ran virtual machines.
    pub guest: u64,
    /// The part of `nice` that ran virtual machines.
    pub guest_nice: u64,
}

/// What /proc/stat says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// All CPUs together.
    pub total: CpuTimes,
    /// Each CPU that is switched on, with its number.
    pub cpus: Vec<(u32, CpuTimes)>,
    /// Interrupts since boot.
    pub interrupts: Option<u64>,
    /// Context switches since boot.
    pub context_switches: Option<u64>,
    /// When the machine was started, in seconds since 1970.
    pub boot_time: Option<u64>,
    /// Processes and threads made since boot.
    pub forks: Option<u64>,
    /// Threads that run or could run.
    pub procs_running: Option<u64>,
    /// Threads that wait for a disk.
    pub procs_blocked: Option<u64>,
}

impl Stat {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When a line of it is not what it should be.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut stat = Self::default();
        let mut has_total = false;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(key) = words.next() else { continue };
            let first = || -> anyhow::Result<Option<u64>> {
                let word = line.split_ascii_whitespace().nth(1).unwrap_or_default();
                Ok(Some(word.parse().with_context(|| format!("`{key}` of /proc/stat is no number: `{word}`"))?))
            };
            match key {
                "cpu" => (stat.total, has_total) = (cpu_times(key, words)?, true),
                "intr" => stat.interrupts = first()?,
                "ctxt" => stat.context_switches = first()?,
                "btime" => stat.boot_time = first()?,
                "processes" => stat.forks = first()?,
                "procs_running" => stat.procs_running = first()?,
                "procs_blocked" => stat.procs_blocked = first()?,
                _ => {
                    if let Some(number) = key.strip_prefix("cpu").and_then(|number| number.parse().ok()) {
                        stat.cpus.push((number, cpu_times(key, words)?));
                    }
                }
            }
        }
        if !has_total {
            bail!("/proc/stat has no line `cpu`");
        }
        Ok(stat)
    }
}

/// Reads the columns of a `cpu` line. Old kernels have fewer, newer ones may have more.
fn cpu_times<'a>(key: &str, columns: impl Iterator<Item = &'a str>) -> anyhow::Result<CpuTimes> {
    let mut ticks = [0_u64; 10];
    for (place, column) in ticks.iter_mut().zip(columns) {
        *place = column.parse().with_context(|| format!("`{key}` of /proc/stat has `{column}` among its numbers"))?;
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice] = ticks;
    Ok(CpuTimes { user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_has_fewer_columns_and_a_cpu_may_be_missing() {
        let stat = Stat::parse("cpu  3 1 2 9\ncpu0 1 0 1 4\ncpu2 2 1 1 5\nintr 7 1 2\nbtime 99\n").unwrap();
        assert_eq!(stat.total, CpuTimes { user: 3, nice: 1, system: 2, idle: 9, ..CpuTimes::default() });
        assert_eq!(stat.cpus.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((stat.interrupts, stat.boot_time, stat.forks), (Some(7), Some(99), None));
    }

    #[test]
    fn what_is_not_the_file_is_refused() {
        for (text, reason) in [
            ("", "/proc/stat has no line `cpu`"),
            ("cpu  1 2 x 4\n", "`cpu` of /proc/stat has `x` among its numbers"),
            ("cpu  1 2 3 4\nbtime\n", "`btime` of /proc/stat is no number: ``"),
        ] {
            assert_eq!(Stat::parse(text).unwrap_err().to_string(), reason);
        }
    }
}
