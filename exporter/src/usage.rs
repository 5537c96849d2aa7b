//! How much of the host was used between two pushes.
//!
//! ```text
//! Reading of the previous push ─┐
//! Reading of now ───────────────┴─▶ CPU, network, disks: what was used meanwhile, over the time that has passed
//! page of now ────────────────────▶ memory, fullest file system
//! ```
//!
//! A gateway holds one push until the next and is scraped whenever that pleases the scraper, so a rate made of scraped
//! counters is wrong by as much as the two rhythms differ. These gauges are made of one push and the one before, and
//! hold whoever looks when. The time between them is that of the boot clock: nobody sets it, and it goes on while the
//! machine sleeps.

mod cpu;
mod disks;
mod network;
mod space;

use std::time::Duration;

use exposition::Families;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use self::cpu::Cpu;
use self::disks::Disks;
use self::network::Network;
use crate::files::Files;

/// A host's counters at one moment, and the boot that they count from.
///
/// This is what is kept from one successful push to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The kernel's name for this boot; empty where it has none.
    boot_id: String,
    /// When this boot began, in seconds since 1970. Follows the clock when that is set, so it only counts without a
    /// `boot_id`.
    boot_time: u64,
    /// The moment.
    since_boot: Duration,
    /// `None` here and below where it cannot be read; then the collector of the same source has said why.
    cpu: Option<Cpu>,
    network: Option<Network>,
    disks: Option<Disks>,
}

impl Reading {
    /// Reads the counters of `host`.
    #[must_use]
    pub fn take(host: &Files) -> Self {
        let stat = host.stat().ok();
        Self {
            boot_id: host.boot_id().to_owned(),
            boot_time: stat.as_ref().and_then(|stat| stat.boot_time).unwrap_or_default(),
            since_boot: since_boot(),
            cpu: stat.map(|stat| Cpu::from(stat.total)),
            network: Network::read(host).ok(),
            disks: Disks::read(host).ok(),
        }
    }

    /// Returns the time since `previous`; `None` when the machine was started anew, or no time has passed.
    fn elapsed_since(&self, previous: &Self) -> Option<Duration> {
        let elapsed = self.since_boot.checked_sub(previous.since_boot)?;
        (self.is_same_boot(previous) && !elapsed.is_zero()).then_some(elapsed)
    }

    fn is_same_boot(&self, other: &Self) -> bool {
        if self.boot_id.is_empty() || other.boot_id.is_empty() {
            self.boot_time == other.boot_time
        } else {
            self.boot_id == other.boot_id
        }
    }
}

fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Adds to a host's `page` how full it is and, when a push went before, how much it used since.
///
/// # Errors
/// Only when these are on the page already, which would be a mistake in this program.
pub fn add(page: &mut Families, now: &Reading, previous: Option<&Reading>) -> anyhow::Result<()> {
    space::add(page)?;
    let Some(previous) = previous else { return Ok(()) };
    let Some(elapsed) = now.elapsed_since(previous) else { return Ok(()) };
    if let (Some(now), Some(previous)) = (&now.cpu, &previous.cpu) {
        now.add(page, previous)?;
    }
    if let (Some(now), Some(previous)) = (&now.network, &previous.network) {
        now.add(page, previous, elapsed)?;
    }
    if let (Some(now), Some(previous)) = (&now.disks, &previous.disks) {
        now.add(page, previous, elapsed)?;
    }
    Ok(())
}

/// Returns how much a counter has grown. One that went backwards was taken away and began anew, at 0.
fn growth(now: u64, previous: u64) -> u64 {
    now.checked_sub(previous).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::recorded;

    fn reading(boot_id: &str, boot_time: u64, seconds: u64) -> Reading {
        Reading {
            boot_id: boot_id.into(),
            boot_time,
            since_boot: Duration::from_secs(seconds),
            ..Reading::take(&Files::of(recorded("small-vps")))
        }
    }

    /// The names of what is told of `now` after `previous`, beside memory and file systems.
    fn told(now: &Reading, previous: &Reading) -> Vec<String> {
        let mut page = Families::new();
        add(&mut page, now, Some(previous)).unwrap();
        page.iter().map(|family| family.name().to_string()).collect()
    }

    #[test]
    fn every_source_is_read_and_kept() {
        let reading = Reading::take(&Files::of(recorded("small-vps")));
        assert_eq!(reading.boot_id, "19416d67-4067-4226-94a7-088789753e8c");
        let kept: Reading = serde_json::from_str(&serde_json::to_string(&reading).unwrap()).unwrap();
        assert_eq!(kept, reading);
        assert!(kept.cpu.is_some() && kept.network.is_some() && kept.disks.is_some());
    }

    #[test]
    fn the_boot_clock_runs() {
        let before = since_boot();
        assert!(before > Duration::ZERO && since_boot() >= before);
    }

    #[test]
    fn nothing_is_said_when_nothing_can_be() {
        let before = reading("a", 1, 1000);
        for (why, now) in [
            ("another boot", reading("b", 1, 2000)),
            ("no time", before.clone()),
            ("another boot, by its time", reading("", 2, 2000)),
            ("a clock that went backwards", reading("a", 1, 999)),
        ] {
            assert_eq!(told(&now, &before), Vec::<String>::new(), "{why}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_no_reboot() {
        for (now, before) in
            [(reading("a", 500, 2000), reading("a", 1, 1000)), (reading("", 1, 2000), reading("", 1, 1000))]
        {
            assert_eq!(
                told(&now, &before),
                [
                    "noroshi_exporter_disk_busy_ratio_max",
                    "noroshi_exporter_disk_read_bytes_per_second",
                    "noroshi_exporter_disk_written_bytes_per_second",
                    "noroshi_exporter_network_receive_bytes_per_second",
                    "noroshi_exporter_network_transmit_bytes_per_second",
                ]
            );
        }
    }

    #[test]
    fn a_source_that_cannot_be_read_costs_only_its_own_gauges() {
        let now = Reading { network: None, ..reading("a", 1, 2000) };
        let told = told(&now, &reading("a", 1, 1000));
        assert_eq!(told.len(), 3, "{told:?}");
    }
}
