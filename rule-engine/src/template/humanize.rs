//! Numbers for people, as Prometheus' template functions write them.

use jiff::Timestamp;

use super::float::write;
use super::print;
use super::value::Value;

fn four(value: f64) -> String {
    write(value, 'g', Some(4))
}

/// Reads the argument of a humanizing function: a number, or a text that holds one.
pub(super) fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Text(text) => {
            text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", print::quoted(text)))
        }
        other => Err(format!("can't convert {} to float", other.kind())),
    }
}

/// `1234567` → `1.235M`
pub(super) fn plain(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four(value);
    }
    if value.abs() >= 1.0 {
        return larger(value, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"]);
    }
    let (value, prefix) = smaller(value);
    format!("{}{prefix}", four(value))
}

/// `1048576` → `1Mi`
pub(super) fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four(value);
    }
    larger(value, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
}

fn larger(mut value: f64, base: f64, prefixes: &[&str]) -> String {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = next;
        value /= base;
    }
    format!("{}{prefix}", four(value))
}

fn smaller(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// `3661` seconds → `1h 1m 1s`
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return four(value);
    }
    if value == 0.0 {
        return format!("{}s", four(value));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = smaller(value);
        return format!("{}{prefix}s", four(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as i64;
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four(value.abs()))
    }
}

/// `0.123` → `12.3%`
pub(super) fn percentage(value: f64) -> String {
    format!("{}%", four(value * 100.0))
}

/// Seconds since 1970 → `2015-04-20 20:10:30 +0000 UTC`, to the millisecond.
pub(super) fn timestamp(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Ok(four(value));
    }
    let too_far = || {
        let shown = write(value, 'g', None);
        format!("{shown} cannot be represented as a nanoseconds timestamp since it overflows int64")
    };
    let nanos = value * 1e9;
    if nanos.abs() >= i64::MAX as f64 {
        return Err(too_far());
    }
    let millis = nanos as i64 / 1_000_000;
    let time = Timestamp::from_millisecond(millis).map_err(|_| too_far())?;
    let fraction = format!("{:03}", millis.rem_euclid(1000));
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{}{dot}{fraction} +0000 UTC", time.strftime("%Y-%m-%d %H:%M:%S")))
}
