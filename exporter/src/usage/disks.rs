//! How busy the disks were.

use std::collections::BTreeMap;
use std::time::Duration;

use exposition::Families;
use procfs_core::{DiskStats, FromRead as _};
use serde::{Deserialize, Serialize};

use super::growth;
use crate::collect::diskstats::{SECTOR_BYTES, is_part_or_toy};
use crate::files::Files;

/// The counters of each disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disks(BTreeMap<String, Activity>);

/// What a disk did since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Activity {
    sectors_read: u64,
    sectors_written: u64,
    /// Milliseconds that it was at work. The kernel writes 32 bits of them, and begins anew after 50 days of work.
    busy: u32,
}

impl Disks {
    /// Reads /proc/diskstats.
    pub fn read(host: &Files) -> anyhow::Result<Self> {
        let text = host.read_proc_once("diskstats")?;
        let whole = |name: &str| !is_part_or_toy(name) && !is_made_of_others(name);
        let disks = DiskStats::from_read(text.as_bytes())?.0.into_iter().filter(|disk| whole(&disk.name)).map(|disk| {
            // The lower 32 bits, should a kernel ever write more.
            let busy = (disk.time_in_progress & u64::from(u32::MAX)) as u32;
            let (sectors_read, sectors_written) = (disk.sectors_read, disk.sectors_written);
            (disk.name, Activity { sectors_read, sectors_written, busy })
        });
        Ok(Self(disks.collect()))
    }

    /// Adds what was read and written a second since `previous` by all disks together, and how busy the busiest was.
    pub fn add(&self, page: &mut Families, previous: &Self, elapsed: Duration) -> anyhow::Result<()> {
        // A disk that has come since counts from the next push on.
        let both: Vec<_> =
            self.0.iter().filter_map(|(disk, now)| Some((disk, now.since(previous.0.get(disk)?)))).collect();
        let Some((busiest, most)) = both.iter().max_by_key(|(_, activity)| activity.busy) else { return Ok(()) };
        let sectors = |of: fn(&Activity) -> u64| both.iter().map(|(_, activity)| of(activity) as f64).sum::<f64>();
        for (name, help, sectors) in [
            (
                "noroshi_exporter_disk_read_bytes_per_second",
                "Bytes read per second since the previous successful push, from all disks.",
                sectors(|activity| activity.sectors_read),
            ),
            (
                "noroshi_exporter_disk_written_bytes_per_second",
                "Bytes written per second since the previous successful push, to all disks.",
                sectors(|activity| activity.sectors_written),
            ),
        ] {
            page.gauge(name, help)?.set(sectors * SECTOR_BYTES / elapsed.as_secs_f64())?;
        }
        // The kernel rounds, so a disk may seem to have been at work a little longer than the time that passed.
        let ratio = (Duration::from_millis(most.busy.into()).as_secs_f64() / elapsed.as_secs_f64()).min(1.0);
        page.gauge(
            "noroshi_exporter_disk_busy_ratio_max",
            "Share of the time since the previous successful push that the busiest disk was at work, 0 to 1.",
        )?
        .add([("device", busiest.as_str())], ratio)?;
        Ok(())
    }
}

impl Activity {
    fn since(self, previous: &Self) -> Self {
        let began_anew = self.sectors_read < previous.sectors_read || self.sectors_written < previous.sectors_written;
        Self {
            sectors_read: growth(self.sectors_read, previous.sectors_read),
            sectors_written: growth(self.sectors_written, previous.sectors_written),
            busy: if began_anew { self.busy } else { self.busy.wrapping_sub(previous.busy) },
        }
    }
}

/// Whether `device` is built upon disks (LVM, RAID, a ZFS volume, a cache) or part of a memory card: what goes through
/// it is counted below it too.
fn is_made_of_others(device: &str) -> bool {
    let is_card_part = device.strip_prefix("mmcblk").is_some_and(|rest| rest.contains('p'));
    is_card_part || ["dm-", "md", "zd", "bcache", "drbd"].iter().any(|prefix| device.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::recorded;

    fn disks<const N: usize>(disks: [(&str, u64, u64, u32); N]) -> Disks {
        let activity = |sectors_read, sectors_written, busy| Activity { sectors_read, sectors_written, busy };
        Disks(disks.map(|(disk, read, written, busy)| (disk.to_owned(), activity(read, written, busy))).into())
    }

    fn told(now: &Disks, previous: &Disks, seconds: u64) -> Vec<String> {
        let mut page = Families::new();
        now.add(&mut page, previous, Duration::from_secs(seconds)).unwrap();
        let page = page.to_string();
        let lines = page.lines().filter_map(|line| line.strip_prefix("noroshi_exporter_disk_"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn what_is_built_upon_disks_is_not_counted_again() {
        let disks = Disks::read(&Files::of(recorded("home-server"))).unwrap();
        assert_eq!(disks.0.keys().collect::<Vec<_>>(), ["mmcblk0", "nvme0n1", "sda", "sdb"]);
        assert_eq!(disks.0["sda"], Activity { sectors_read: 2000, sectors_written: 4000, busy: 120 });
    }

    #[test]
    fn bytes_are_told_by_the_second_and_the_busiest_disk_by_name() {
        let before = disks([("sda", 100, 1000, 500), ("sdb", 0, 0, 0)]);
        let now = disks([("sda", 110, 1000, 1500), ("sdb", 10, 40, 3000)]);
        assert_eq!(
            told(&now, &before, 4),
            [r#"busy_ratio_max{device="sdb"} 0.75"#, "read_bytes_per_second 2560", "written_bytes_per_second 5120"]
        );
    }

    #[test]
    fn a_disk_is_never_busier_than_always() {
        assert_eq!(
            told(&disks([("sda", 0, 0, 1010)]), &disks([("sda", 0, 0, 0)]), 1)[0],
            r#"busy_ratio_max{device="sda"} 1"#
        );
    }

    #[test]
    fn fifty_days_of_work_and_a_disk_that_was_taken_out_are_told_apart() {
        let before = disks([("sda", 10, 10, u32::MAX - 99)]);
        assert_eq!(told(&disks([("sda", 10, 12, 400)]), &before, 1)[0], r#"busy_ratio_max{device="sda"} 0.5"#);
        assert_eq!(told(&disks([("sda", 4, 12, 250)]), &before, 1)[0], r#"busy_ratio_max{device="sda"} 0.25"#);
    }

    #[test]
    fn without_a_disk_nothing_is_said() {
        assert_eq!(told(&disks([]), &disks([("sda", 1, 1, 1)]), 1), Vec::<String>::new());
    }
}
