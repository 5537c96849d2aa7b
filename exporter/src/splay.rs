//! A fleet that does not push all at once.

use std::time::Duration;

use crate::pack;

/// Returns how long this host waits before it pushes, from nothing up to `splay`.
///
/// Always as long for the same host, so that its pushes stay as far apart as cron starts them.
#[must_use]
pub fn pause(splay: Duration, host: &str) -> Duration {
    let share = f64::from(pack::checksum(&[host.as_bytes()])) / (f64::from(u32::MAX) + 1.0);
    splay.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_waits_as_long_every_time_and_a_fleet_is_spread() {
        let minute = Duration::from_secs(60);
        assert_eq!(pause(minute, "web-1"), pause(minute, "web-1"));
        let mut per_quarter = [0; 4];
        for host in 0..400 {
            let pause = pause(minute, &format!("web-{host}"));
            assert!(pause < minute);
            per_quarter[pause.as_secs() as usize / 15] += 1;
        }
        assert!(per_quarter.iter().all(|hosts| (60..140).contains(hosts)), "{per_quarter:?}");
    }
}
