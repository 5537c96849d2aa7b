//! How busy the CPUs were.

use exposition::Families;
use serde::{Deserialize, Serialize};

use crate::stat::CpuTimes;

/// What all CPUs together did since boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Ticks that they were at work.
    busy: u64,
    /// Ticks that they had nothing to do, or nothing but wait for a disk.
    idle: u64,
}

impl From<CpuTimes> for Cpu {
    fn from(CpuTimes { user, nice, system, idle, iowait, irq, softirq, steal, .. }: CpuTimes) -> Self {
        Self {
            // The time of guests is part of `user` and `nice` already.
            busy: [user, nice, system, irq, softirq, steal].into_iter().fold(0, u64::saturating_add),
            idle: idle.saturating_add(iowait),
        }
    }
}

impl Cpu {
    /// Adds the share that was used since `previous`, if that can be said.
    pub fn add(&self, page: &mut Families, previous: &Self) -> anyhow::Result<()> {
        if let Some(ratio) = self.used_ratio_since(previous) {
            page.gauge(
                "noroshi_exporter_cpu_used_ratio",
                "Share of all CPUs' time used since the previous successful push, 0 to 1.",
            )?
            .set(ratio)?;
        }
        Ok(())
    }

    /// Returns the share of all CPUs' time that was used since `previous`, from 0 to 1.
    ///
    /// It needs no clock, for the ticks are one. `None` when no tick has passed, or a counter went backwards (a
    /// container that moved, a CPU that left).
    fn used_ratio_since(&self, previous: &Self) -> Option<f64> {
        let busy = self.busy.checked_sub(previous.busy)? as f64;
        let idle = self.idle.checked_sub(previous.idle)? as f64;
        let all = busy + idle;
        (all > 0.0).then(|| busy / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::recorded;
    use crate::files::Files;

    #[test]
    fn waiting_for_a_disk_is_not_work_and_a_guest_is_not_counted_twice() {
        let cpu = Cpu::from(Files::of(recorded("small-vps")).stat().unwrap().total);
        // user 40118 + nice 7 + system 5306 + irq 3 + softirq 84 + steal 28; idle 205399 + iowait 510.
        assert_eq!(cpu, Cpu { busy: 45_546, idle: 205_909 });
    }

    #[test]
    fn the_share_is_of_the_time_between_the_readings() {
        let before = Cpu { busy: 1000, idle: 5000 };
        assert_eq!(Cpu { busy: 1025, idle: 5075 }.used_ratio_since(&before), Some(0.25));
        assert_eq!(Cpu { busy: 1000, idle: 5100 }.used_ratio_since(&before), Some(0.0));
        assert_eq!(Cpu { busy: 1100, idle: 5000 }.used_ratio_since(&before), Some(1.0));
    }

    #[test]
    fn nothing_is_said_when_nothing_can_be() {
        let before = Cpu { busy: 1000, idle: 5000 };
        for (why, now) in [
            ("no tick", before.clone()),
            ("busy backwards", Cpu { busy: 999, idle: 6000 }),
            ("idle backwards", Cpu { busy: 2000, idle: 4999 }),
        ] {
            assert_eq!(now.used_ratio_since(&before), None, "{why}");
        }
    }
}
