//! When a page was taken, so that it can still be said after the clock was set.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::pack;

/// Below this, two clocks differ because one is slewed. Pages keep the time that they were taken at then, so that a
/// page that is sent twice is the same page.
const STEP_MS: u64 = 2_000;

/// A moment on two clocks: the one on the wall, which may be set, and the one that counts from the boot on, asleep or
/// awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    wall_ms: i64,
    since_boot_ms: u64,
    boot: u32,
}

impl Moment {
    /// Looks at both clocks, in the boot that the kernel calls `boot_id`.
    #[must_use]
    pub fn now(boot_id: &str) -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let since_boot =
            Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default());
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::at(wall, since_boot, boot_id)
    }

    /// Returns the moment `wall` after 1970 and `since_boot` after the boot that the kernel calls `boot_id`.
    #[must_use]
    pub fn at(wall: Duration, since_boot: Duration, boot_id: &str) -> Self {
        Self {
            wall_ms: wall.as_millis().try_into().unwrap_or(i64::MAX),
            since_boot_ms: since_boot.as_millis().try_into().unwrap_or(u64::MAX),
            boot: pack::checksum(&[boot_id.as_bytes()]),
        }
    }

    /// Returns the time on the wall, in milliseconds since 1970.
    #[must_use]
    pub fn wall_ms(self) -> i64 {
        self.wall_ms
    }

    /// Returns when this was, in milliseconds since 1970, as we know it `now`: when the clock was set in between,
    /// it was wrong then and is right now.
    #[must_use]
    pub fn told_at(self, now: Self) -> i64 {
        let Some(passed) = now.since_boot_ms.checked_sub(self.since_boot_ms).filter(|_| now.boot == self.boot) else {
            return self.wall_ms;
        };
        let then = now.wall_ms.saturating_sub_unsigned(passed);
        if then.abs_diff(self.wall_ms) > STEP_MS { then } else { self.wall_ms }
    }

    pub(super) fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.wall_ms.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.since_boot_ms.to_le_bytes());
        bytes[16..].copy_from_slice(&self.boot.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; 20]) -> Self {
        let part = |from: usize| std::array::from_fn(|index| bytes[from + index]);
        Self {
            wall_ms: i64::from_le_bytes(part(0)),
            since_boot_ms: u64::from_le_bytes(part(8)),
            boot: u32::from_le_bytes(std::array::from_fn(|index| bytes[16 + index])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: u64, since_boot: u64, boot: &str) -> Moment {
        Moment::at(Duration::from_secs(wall), Duration::from_secs(since_boot), boot)
    }

    #[test]
    fn a_page_keeps_the_time_at_which_it_was_taken() {
        let page = at(1_000_000, 500, "a");
        assert_eq!(page.told_at(at(1_000_060, 560, "a")), 1_000_000_000);
        // A clock that is slewed, and one of another boot, about which nothing can be said.
        assert_eq!(page.told_at(at(1_000_061, 560, "a")), 1_000_000_000);
        assert_eq!(page.told_at(at(2_000_000, 560, "b")), 1_000_000_000);
        assert_eq!(page.told_at(at(2_000_000, 60, "a")), 1_000_000_000);
    }

    #[test]
    fn a_clock_that_was_wrong_when_the_page_was_taken_is_put_right() {
        // Without a battery a clock begins in 1970; the network tells the time a minute later.
        assert_eq!(at(5, 5, "a").told_at(at(1_700_000_000, 65, "a")), 1_699_999_940_000);
        assert_eq!(at(1_700_003_600, 5, "a").told_at(at(1_700_000_000, 65, "a")), 1_699_999_940_000);
    }

    #[test]
    fn a_moment_survives_the_disk() {
        let moment = at(1_700_000_000, 12_345, "boot");
        assert_eq!(Moment::from_bytes(&moment.to_bytes()), moment);
    }
}
