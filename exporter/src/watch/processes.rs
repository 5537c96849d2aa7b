//! Processes by name or pattern, under process-exporter's names.
//!
//! ```text
//! /proc ── scan, once for all watches ──▶ processes of each watch ── totals ──▶ page
//!                                                                     ▲
//! what the last run saw ──────────────────────────────────────────────┘
//! ```
//!
//! Unlike process-exporter, a process counts for every watch that it matches, not for the first one only, and children
//! count only if they match themselves: two watches never take a process from each other.

mod counts;
mod scan;
mod totals;

use std::collections::BTreeMap;

use exposition::Families;

use self::counts::Counts;
pub use self::scan::{Seen, scan};
pub use self::totals::Totals;
use super::config::Process;
use super::labels::{Labels, labels};
use crate::files::Files;
use crate::host::Host;
use crate::stat::TICKS_PER_SECOND;

/// The letters of proc_pid_stat(5), as process-exporter sorts them.
const STATES: [(&str, &[char]); 5] =
    [("Running", &['R']), ("Sleeping", &['S']), ("Waiting", &['D']), ("Zombie", &['Z']), ("Other", &[])];

/// What was seen of each watch's processes, and the totals that go with it.
pub struct Look {
    groups: Vec<Vec<Seen>>,
    boot_time: u64,
    boot_id: String,
}

impl Look {
    /// Reads /proc once.
    ///
    /// # Errors
    /// When /proc itself cannot be read. A process that goes while it is looked at is not there.
    pub fn take(host: &Host, watches: &[Process]) -> anyhow::Result<Self> {
        let files = Files::of(host.clone());
        let boot_id = files.read_proc("sys/kernel/random/boot_id")?.trim().to_owned();
        let boot_time = files.stat()?.boot_time.unwrap_or_default();
        Ok(Self { groups: scan(&host.procfs, watches)?, boot_time, boot_id })
    }

    /// Puts what was seen onto a page, and takes it over into `totals`.
    ///
    /// # Errors
    /// When something does not fit onto a page, which would be a mistake in this program.
    pub fn write(&self, watches: &[Process], bot: Option<&str>, totals: &mut Totals) -> anyhow::Result<Families> {
        let mut page = Families::new();
        let mut groups = BTreeMap::new();
        for (watch, seen) in watches.iter().zip(&self.groups) {
            groups.insert(watch.name.clone(), seen.as_slice());
        }
        let counts = totals.advance(&self.boot_id, &groups);
        for (watch, seen) in watches.iter().zip(&self.groups) {
            let group = labels(&[("groupname", &watch.name)], watch.bot.as_deref().or(bot));
            let total = counts.get(&watch.name).copied().unwrap_or_default();
            self.gauges(seen, &group, &mut page)?;
            counters(seen, total, &group, &mut page)?;
        }
        Ok(page)
    }

    fn gauges(&self, seen: &[Seen], group: &Labels, page: &mut Families) -> anyhow::Result<()> {
        let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>() as f64;
        page.gauge("namedprocess_namegroup_num_procs", "number of processes in this group")?
            .add(group.clone(), seen.len() as f64)?;
        page.gauge("namedprocess_namegroup_num_threads", "Number of threads")?
            .add(group.clone(), sum(|process| process.threads))?;
        let memory = page.gauge("namedprocess_namegroup_memory_bytes", "number of bytes of memory in use")?;
        for (kind, bytes) in [
            ("resident", sum(|process| process.resident_bytes)),
            ("virtual", sum(|process| process.virtual_bytes)),
            ("swapped", sum(|process| process.swapped_bytes)),
        ] {
            memory.add(with(group, "memtype", kind), bytes)?;
        }
        let states = page.gauge(
            "namedprocess_namegroup_states",
            "Number of processes in states Running, Sleeping, Waiting, Zombie, or Other",
        )?;
        for (state, letters) in STATES {
            let is_it = |letter: char| match letters {
                [] => STATES.iter().all(|(_, letters)| !letters.contains(&letter)),
                letters => letters.contains(&letter),
            };
            states
                .add(with(group, "state", state), seen.iter().filter(|process| is_it(process.state)).count() as f64)?;
        }
        // Who is not root sees its own processes' files only; a sum without the others would be no sum.
        if seen.is_empty() || seen.iter().any(|process| process.files.is_some()) {
            let files = seen.iter().filter_map(|process| process.files);
            page.gauge("namedprocess_namegroup_open_filedesc", "number of open file descriptors for this group")?
                .add(group.clone(), files.clone().map(|files| files.open).sum::<u64>() as f64)?;
            page.gauge(
                "namedprocess_namegroup_worst_fd_ratio",
                "the worst (closest to 1) ratio between open fds and max fds among all procs in this group",
            )?
            .add(group.clone(), files.map(|files| files.open as f64 / files.limit).fold(0.0, f64::max))?;
        }
        // Nothing has no start; a 0 would look like a restart, there and back.
        if let Some(oldest) = seen.iter().map(|process| process.start_ticks).min() {
            page.gauge(
                "namedprocess_namegroup_oldest_start_time_seconds",
                "start time in seconds since 1970/01/01 of oldest process in group",
            )?
            .add(group.clone(), (self.boot_time as f64 + oldest as f64 / TICKS_PER_SECOND).floor())?;
        }
        Ok(())
    }
}

fn counters(seen: &[Seen], total: Counts, group: &Labels, page: &mut Families) -> anyhow::Result<()> {
    let cpu = page.counter("namedprocess_namegroup_cpu_seconds_total", "Cpu user usage in seconds")?;
    for (mode, ticks) in [("user", total.user_ticks), ("system", total.system_ticks)] {
        cpu.add(with(group, "mode", mode), ticks as f64 / TICKS_PER_SECOND)?;
    }
    if seen.is_empty() || seen.iter().any(|process| process.is_io_known) {
        page.counter("namedprocess_namegroup_read_bytes_total", "number of bytes read by this group")?
            .add(group.clone(), total.read_bytes as f64)?;
        page.counter("namedprocess_namegroup_write_bytes_total", "number of bytes written by this group")?
            .add(group.clone(), total.write_bytes as f64)?;
    }
    Ok(())
}

fn with(group: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = group.clone();
    labels.push((name, value.to_owned()));
    labels
}

#[cfg(test)]
mod tests;
