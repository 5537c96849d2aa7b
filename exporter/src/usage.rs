//! How busy the CPUs were between two pushes.

use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::stat::{CpuTimes, Stat};

/// The CPUs' counters at one moment, and the boot that they count from.
///
/// This is what is kept from one successful push to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The kernel's name for this boot; empty where it has none.
    boot_id: String,
    /// When this boot began, in seconds since 1970. Follows the clock when that is set, so it only counts without a
    /// `boot_id`.
    boot_time: u64,
    /// Ticks that all CPUs together were at work.
    busy: u64,
    /// Ticks that they had nothing to do, or nothing but wait for a disk.
    idle: u64,
}

impl Reading {
    /// Reads the counters of `host`.
    ///
    /// # Errors
    /// When /proc/stat cannot be read.
    pub fn take(host: &Host) -> anyhow::Result<Self> {
        let stat = Stat::read(host)?;
        let boot_id = host.read_proc_if_any("sys/kernel/random/boot_id")?.unwrap_or_default();
        let CpuTimes { user, nice, system, idle, iowait, irq, softirq, steal, .. } = stat.total;
        Ok(Self {
            boot_id: boot_id.trim().to_owned(),
            boot_time: stat.boot_time.unwrap_or_default(),
            // The time of guests is part of `user` and `nice` already.
            busy: [user, nice, system, irq, softirq, steal].into_iter().fold(0, u64::saturating_add),
            idle: idle.saturating_add(iowait),
        })
    }

    /// Returns the share of all CPUs' time that was used since `previous`, from 0 to 1.
    ///
    /// `None` when that cannot be said: the machine was started anew, no tick has passed, or a counter went backwards
    /// (a container that moved, a CPU that left).
    #[must_use]
    pub fn used_ratio_since(&self, previous: &Self) -> Option<f64> {
        if !self.is_same_boot(previous) {
            return None;
        }
        let busy = self.busy.checked_sub(previous.busy)? as f64;
        let idle = self.idle.checked_sub(previous.idle)? as f64;
        let all = busy + idle;
        (all > 0.0).then(|| busy / all)
    }

    fn is_same_boot(&self, other: &Self) -> bool {
        if self.boot_id.is_empty() || other.boot_id.is_empty() {
            self.boot_time == other.boot_time
        } else {
            self.boot_id == other.boot_id
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::recorded;

    fn reading(boot_id: &str, boot_time: u64, busy: u64, idle: u64) -> Reading {
        Reading { boot_id: boot_id.into(), boot_time, busy, idle }
    }

    #[test]
    fn waiting_for_a_disk_is_not_work_and_a_guest_is_not_counted_twice() {
        let reading = Reading::take(&recorded("small-vps")).unwrap();
        // user 40118 + nice 7 + system 5306 + irq 3 + softirq 84 + steal 28; idle 205399 + iowait 510.
        assert_eq!((reading.busy, reading.idle), (45_546, 205_909));
        assert_eq!(reading.boot_id, "19416d67-4067-4226-94a7-088789753e8c");
    }

    #[test]
    fn the_share_is_of_the_time_between_the_readings() {
        let before = reading("a", 1, 1000, 5000);
        assert_eq!(reading("a", 1, 1025, 5075).used_ratio_since(&before), Some(0.25));
        assert_eq!(reading("a", 1, 1000, 5100).used_ratio_since(&before), Some(0.0));
        assert_eq!(reading("a", 1, 1100, 5000).used_ratio_since(&before), Some(1.0));
    }

    #[test]
    fn nothing_is_said_when_nothing_can_be() {
        let before = reading("a", 1, 1000, 5000);
        for (why, now) in [
            ("another boot", reading("b", 1, 2000, 6000)),
            ("no time", before.clone()),
            ("busy backwards", reading("a", 1, 999, 6000)),
            ("idle backwards", reading("a", 1, 2000, 4999)),
            ("another boot, by its time", reading("", 2, 2000, 6000)),
        ] {
            assert_eq!(now.used_ratio_since(&before), None, "{why}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_no_reboot() {
        assert_eq!(reading("a", 500, 1100, 5100).used_ratio_since(&reading("a", 1, 1000, 5000)), Some(0.5));
        assert_eq!(reading("", 1, 1100, 5100).used_ratio_since(&reading("", 1, 1000, 5000)), Some(0.5));
    }
}
