//! How well the host's clock is kept.

use std::io::ErrorKind;

use exposition::{Families, Kind};
use rtime_clock::adjtime::{Timex as Clock, adjtimex};

use super::Collector;
use crate::files::Files;

/// The clock's state when nothing disciplines it.
const TIME_ERROR: i32 = 5;
/// The bit of the status that says that offset and jitter are told in nanoseconds.
const STA_NANO: i32 = 0x2000;

const MICROSECONDS_PER_SECOND: f64 = 1e6;
const NANOSECONDS_PER_SECOND: f64 = 1e9;
/// Frequencies are told in parts per million, with 16 bits behind the point.
const SCALED_PARTS: f64 = 1e6 * 65536.0;

/// Asks adjtimex(2), without setting anything. There is no file to read, so a recorded tree cannot change it.
pub struct Timex;

impl Collector for Timex {
    fn name(&self) -> &'static str {
        "timex"
    }

    fn collect(&self, _: &Files, page: &mut Families) -> anyhow::Result<()> {
        let mut clock = Clock::new();
        match adjtimex(&mut clock) {
            Ok(state) => add(page, &clock, state),
            // Where we may not even ask (`ProtectClock=` of systemd, some containers), there are no such metrics.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[rustfmt::skip]
fn add(page: &mut Families, Clock(clock): &Clock, state: i32) -> anyhow::Result<()> {
    let unit = if clock.status & STA_NANO == 0 { MICROSECONDS_PER_SECOND } else { NANOSECONDS_PER_SECOND };
    for (name, kind, help, value) in [
        ("sync_status", Kind::Gauge, "Is clock synchronized to a reliable server (1 = yes, 0 = no).", f64::from(u8::from(state != TIME_ERROR))),
        ("offset_seconds", Kind::Gauge, "Time offset in between local system and reference clock.", clock.offset as f64 / unit),
        ("frequency_adjustment_ratio", Kind::Gauge, "Local clock frequency adjustment.", 1.0 + clock.freq as f64 / SCALED_PARTS),
        ("maxerror_seconds", Kind::Gauge, "Maximum error in seconds.", clock.maxerror as f64 / MICROSECONDS_PER_SECOND),
        ("estimated_error_seconds", Kind::Gauge, "Estimated error in seconds.", clock.esterror as f64 / MICROSECONDS_PER_SECOND),
        ("status", Kind::Gauge, "Value of the status array bits.", f64::from(clock.status)),
        ("loop_time_constant", Kind::Gauge, "Phase-locked loop time constant.", clock.constant as f64),
        ("tick_seconds", Kind::Gauge, "Seconds between clock ticks.", clock.tick as f64 / MICROSECONDS_PER_SECOND),
        ("pps_frequency_hertz", Kind::Gauge, "Pulse per second frequency.", clock.ppsfreq as f64 / SCALED_PARTS),
        ("pps_jitter_seconds", Kind::Gauge, "Pulse per second jitter.", clock.jitter as f64 / unit),
        ("pps_shift_seconds", Kind::Gauge, "Pulse per second interval duration.", f64::from(clock.shift)),
        ("pps_stability_hertz", Kind::Gauge, "Pulse per second stability, average of recent frequency changes.", clock.stabil as f64 / SCALED_PARTS),
        ("pps_jitter_total", Kind::Counter, "Pulse per second count of jitter limit exceeded events.", clock.jitcnt as f64),
        ("pps_calibration_total", Kind::Counter, "Pulse per second count of calibration intervals.", clock.calcnt as f64),
        ("pps_error_total", Kind::Counter, "Pulse per second count of calibration errors.", clock.errcnt as f64),
        ("pps_stability_exceeded_total", Kind::Counter, "Pulse per second count of stability limit exceeded events.", clock.stbcnt as f64),
        ("tai_offset_seconds", Kind::Gauge, "International Atomic Time (TAI) offset.", f64::from(clock.tai)),
    ] {
        page.family(format!("node_timex_{name}"), help, kind)?.set(value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: i32, set: impl FnOnce(&mut Clock)) -> String {
        let mut clock = Clock::new();
        set(&mut clock);
        let mut page = Families::new();
        add(&mut page, &clock, state).unwrap();
        page.to_string()
    }

    #[test]
    fn a_clock_that_nobody_disciplines_says_so() {
        assert!(told(TIME_ERROR, |_| ()).contains("node_timex_sync_status 0\n"));
        assert!(told(0, |_| ()).contains("node_timex_sync_status 1\n"));
    }

    #[test]
    fn the_offset_comes_in_microseconds_or_in_nanoseconds() {
        let coarse = told(0, |Clock(clock)| clock.offset = -1500);
        assert!(coarse.contains("node_timex_offset_seconds -0.0015\n"), "{coarse}");
        let fine = told(0, |Clock(clock)| (clock.offset, clock.status) = (-1500, STA_NANO | 1));
        assert!(fine.contains("node_timex_offset_seconds -1.5e-06\n"), "{fine}");
        assert!(fine.contains("node_timex_status 8193\n"), "{fine}");
    }

    #[test]
    fn a_clock_that_is_sped_up_by_one_in_a_million() {
        let page = told(0, |Clock(clock)| (clock.freq, clock.tick, clock.tai) = (65536, 10_000, 37));
        assert!(page.contains("node_timex_frequency_adjustment_ratio 1.000001\n"), "{page}");
        assert!(page.contains("node_timex_tick_seconds 0.01\n"), "{page}");
        assert!(page.contains("node_timex_tai_offset_seconds 37\n"), "{page}");
    }

    #[test]
    fn this_machine_answers() {
        let mut page = Families::new();
        Timex.collect(&Files::of(crate::Host::default()), &mut page).unwrap();
        assert!([0, 17].contains(&page.series_count()), "{page}");
    }
}
