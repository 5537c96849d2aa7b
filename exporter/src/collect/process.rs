//! This very process, as Prometheus' client libraries tell of theirs.

use std::path::Path;

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;
use crate::stat::TICKS_PER_SECOND;

/// Reads /proc/self. A recorded tree has none, and so has no such metrics.
pub struct Process;

impl Collector for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let Some(stat) = host.read_proc_if_any("self/stat")? else { return Ok(()) };
        // The second column is the program's name in brackets, which may hold blanks and brackets.
        let (_, columns) = stat.rsplit_once(") ").context("/proc/self/stat has no program name")?;
        let columns: Vec<&str> = columns.split_ascii_whitespace().collect();
        // Counted as proc_pid_stat(5) does: the column after the name is the third.
        let column = |number: usize| -> anyhow::Result<f64> {
            let text = columns.get(number - 3).with_context(|| format!("/proc/self/stat has no column {number}"))?;
            text.parse().with_context(|| format!("column {number} of /proc/self/stat is `{text}`"))
        };
        let (user, system, start, virtual_bytes, resident_pages) =
            (column(14)?, column(15)?, column(22)?, column(23)?, column(24)?);

        page.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")?
            .set((user + system) / TICKS_PER_SECOND)?;
        page.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")?.set(virtual_bytes)?;
        page.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?
            .set(resident_pages * rustix::param::page_size() as f64)?;
        if let Some(boot_time) = host.stat()?.boot_time {
            page.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")?
                .set(boot_time as f64 + start / TICKS_PER_SECOND)?;
        }
        page.gauge("process_open_fds", "Number of open file descriptors.")?
            .set(open_files(&host.procfs.join("self/fd")).context("cannot read /proc/self/fd")? as f64)?;
        let limits = host.read_proc("self/limits")?;
        page.gauge("process_max_fds", "Maximum number of open file descriptors.")?
            .set(soft_limit(&limits, "Max open files")?)?;
        page.gauge("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.")?
            .set(soft_limit(&limits, "Max address space")?)?;
        Ok(())
    }
}

/// Counts what is in the directory. Since Linux 6.2 its size says it, without a look at each of them.
fn open_files(directory: &Path) -> std::io::Result<u64> {
    match std::fs::metadata(directory)?.len() {
        0 => Ok(std::fs::read_dir(directory)?.count() as u64),
        count => Ok(count),
    }
}

/// Finds a line of /proc/self/limits. No limit is told as the largest number there is, as Prometheus' libraries do.
fn soft_limit(limits: &str, name: &str) -> anyhow::Result<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name));
    match line.and_then(|rest| rest.split_ascii_whitespace().next()) {
        Some("unlimited") => Ok(u64::MAX as f64),
        Some(limit) => limit.parse().with_context(|| format!("`{name}` of /proc/self/limits is `{limit}`")),
        None => anyhow::bail!("/proc/self/limits has no line `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::series;
    use crate::host::Host;

    #[test]
    fn we_tell_how_much_memory_we_take() {
        let mut page = Families::new();
        Process.collect(&Files::of(Host::default()), &mut page).unwrap();
        let page = page.to_string();
        let resident = series(&page, "process_resident_memory_bytes");
        let bytes: f64 = resident[0].rsplit_once(' ').unwrap().1.parse().unwrap();
        assert!((1e5..1e9).contains(&bytes), "{resident:?}");
        assert_eq!(page.matches("# TYPE").count(), 7);
    }

    #[test]
    fn no_limit_is_the_largest_number() {
        let limits = "Max open files            1024                 4096      files\nMax address space  unlimited  unlimited  bytes\n";
        assert_eq!(soft_limit(limits, "Max open files").unwrap(), 1024.0);
        assert_eq!(soft_limit(limits, "Max address space").unwrap(), 1.844_674_407_370_955_2e19);
        assert!(soft_limit(limits, "Max cpu time").is_err());
    }
}
