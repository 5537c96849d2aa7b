//! Durations as Prometheus writes them: `1h30m`, `90s`, `0`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// The units in the order in which they may stand, with their milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest that Prometheus holds: 2⁶³ nanoseconds, in milliseconds.
const LONGEST: u64 = i64::MAX as u64 / 1_000_000;

/// Reads a duration: numbers with units, the larger unit first, none twice; or `0`.
///
/// # Errors
/// When it is none, or longer than 292 years. The words are for the one who wrote it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no duration (say 90s, 5m or 1h30m)");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("a duration is empty (say 90s, 5m or 1h30m)".to_owned());
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(bad)?;
        let (count, after) = rest.split_at(end);
        let count: u64 = count.parse().map_err(|_| bad())?;
        let end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let place = UNITS.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next_unit);
        let place = place.ok_or_else(bad)?;
        next_unit = place + 1;
        total = count
            .checked_mul(UNITS[place].1)
            .and_then(|millis| total.checked_add(millis))
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| format!("`{text}` is longer than 292 years"))?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration of whole milliseconds as Prometheus does: `1h30m`.
pub(crate) fn write(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, millis) in UNITS {
        // Years and weeks are written only where nothing is left over: nobody thinks of eight days as `1w1d`.
        if matches!(unit, "y" | "w") && !rest.is_multiple_of(millis) {
            continue;
        }
        let count = rest / millis;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            rest %= millis;
        }
    }
    text
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A duration in a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written(pub(crate) Duration);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        parse(&String::deserialize(text)?).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_reads_is_read() {
        let read = |text| parse(text).map(|duration| duration.as_millis());
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("1h30m"), Ok(5_400_000));
        assert_eq!(read("1y2w3d4h5m6s7ms"), Ok(33_019_506_007));
        for bad in ["", "5", "m", "5m1h", "5m5m", "-5m", "1.5h", "5 m", "999999y", "1m30"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_would_be_read() {
        for text in ["0s", "1h30m", "8d", "2w", "1y", "1m30s500ms"] {
            assert_eq!(parse(text).map(write).unwrap(), text);
        }
    }
}
