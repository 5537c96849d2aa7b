//! How groups and their families are written to disk.
//!
//! Numbers are LEB128 (stamps are eight bytes), texts have their length before them. What a checksum let pass and yet does
//! not read is refused whole.

use std::sync::Arc;

use exposition::{Histogram, Kind, Summary, Value};

use crate::grouping::GroupKey;
use crate::store::group::{Family, Group, Nanoseconds, Series};

/// The bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record does not read as one")]
pub struct Unreadable;

/// Writes families.
pub fn families<'a>(families: impl ExactSizeIterator<Item = &'a Family>) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 * 1024);
    number(families.len() as u64, &mut out);
    for family in families {
        write_family(family, &mut out);
    }
    out
}

/// Reads families.
///
/// # Errors
/// When the bytes are something else.
pub fn read_families(bytes: &mut &[u8]) -> Result<Vec<Family>, Unreadable> {
    let count = read_number(bytes)?;
    (0..count).map(|_| read_family(bytes)).collect()
}

/// Writes a whole group.
pub fn write_group(group: &Group, out: &mut Vec<u8>) {
    write_key(&group.key, out);
    let stamped = group.stamped();
    for stamp in [group.success, group.failure, stamped.0, stamped.1] {
        write_stamp(stamp, out);
    }
    number(group.pushed_families().count() as u64, out);
    for family in group.pushed_families() {
        write_family(family, out);
    }
}

/// Reads a whole group.
///
/// # Errors
/// When the bytes are something else.
pub fn read_group(bytes: &mut &[u8]) -> Result<Group, Unreadable> {
    let key = Arc::new(read_key(bytes)?);
    let mut stamps = [0; 4];
    for stamp in &mut stamps {
        *stamp = read_stamp(bytes)?;
    }
    let families = read_families(bytes)?.into_iter().map(Arc::new).collect();
    Ok(Group::new(key, families, stamps[0], stamps[1], (stamps[2], stamps[3])))
}

/// Writes a group's labels.
pub fn write_key(key: &GroupKey, out: &mut Vec<u8>) {
    number(key.iter().len() as u64, out);
    for (name, value) in key.iter() {
        text(name, out);
        text(value, out);
    }
}

/// Reads a group's labels.
///
/// # Errors
/// When the bytes are something else.
pub fn read_key(bytes: &mut &[u8]) -> Result<GroupKey, Unreadable> {
    let count = read_number(bytes)?;
    let pairs: Result<Vec<(String, String)>, Unreadable> =
        (0..count).map(|_| Ok((read_text(bytes)?.to_owned(), read_text(bytes)?.to_owned()))).collect();
    GroupKey::new(pairs?).map_err(|_| Unreadable)
}

/// Writes a moment.
pub fn write_stamp(stamp: Nanoseconds, out: &mut Vec<u8>) {
    out.extend_from_slice(&stamp.to_le_bytes());
}

/// Reads a moment.
///
/// # Errors
/// When there are too few bytes.
pub fn read_stamp(bytes: &mut &[u8]) -> Result<Nanoseconds, Unreadable> {
    let (stamp, rest) = bytes.split_first_chunk().ok_or(Unreadable)?;
    *bytes = rest;
    Ok(Nanoseconds::from_le_bytes(*stamp))
}

fn write_family(family: &Family, out: &mut Vec<u8>) {
    text(&family.name, out);
    text(&family.help, out);
    out.push(match family.kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Summary => 2,
        Kind::Histogram => 4,
        _ => 3,
    });
    write_stamp(family.pushed, out);
    number(family.series.len() as u64, out);
    for series in &family.series {
        let (own, labels, distribution) = series.raw();
        text(own, out);
        number(labels as u64, out);
        match distribution {
            Some(Value::Histogram(histogram)) => {
                out.push(1);
                float(histogram.sum(), out);
                number(histogram.count(), out);
                number(histogram.own_buckets().count() as u64, out);
                for (bound, count) in histogram.own_buckets() {
                    float(bound, out);
                    number(count, out);
                }
            }
            Some(Value::Summary(summary)) => {
                out.push(2);
                float(summary.sum(), out);
                number(summary.count(), out);
                number(summary.quantiles().count() as u64, out);
                for (quantile, value) in summary.quantiles() {
                    float(quantile, out);
                    float(value, out);
                }
            }
            _ => out.push(0),
        }
    }
}

fn read_family(bytes: &mut &[u8]) -> Result<Family, Unreadable> {
    let (name, help) = (read_text(bytes)?.into(), read_text(bytes)?.into());
    let kind = match read_byte(bytes)? {
        0 => Kind::Counter,
        1 => Kind::Gauge,
        2 => Kind::Summary,
        3 => Kind::Untyped,
        4 => Kind::Histogram,
        _ => return Err(Unreadable),
    };
    let pushed = read_stamp(bytes)?;
    let count = read_number(bytes)?;
    let series: Result<Vec<Series>, Unreadable> = (0..count).map(|_| read_series(bytes)).collect();
    Ok(Family { name, help, kind, pushed, series: series?.into() })
}

fn read_series(bytes: &mut &[u8]) -> Result<Series, Unreadable> {
    let own = read_text(bytes)?;
    let labels = usize::try_from(read_number(bytes)?).map_err(|_| Unreadable)?;
    let distribution = match read_byte(bytes)? {
        0 => None,
        1 => {
            let (sum, count, buckets) = (read_float(bytes)?, read_number(bytes)?, read_number(bytes)?);
            let buckets: Result<Vec<_>, Unreadable> =
                (0..buckets).map(|_| Ok((read_float(bytes)?, read_number(bytes)?))).collect();
            Some(Histogram::new(buckets?, sum, count).into())
        }
        2 => {
            let (sum, count, quantiles) = (read_float(bytes)?, read_number(bytes)?, read_number(bytes)?);
            let quantiles: Result<Vec<_>, Unreadable> =
                (0..quantiles).map(|_| Ok((read_float(bytes)?, read_float(bytes)?))).collect();
            Some(Summary::new(quantiles?, sum, count).into())
        }
        _ => return Err(Unreadable),
    };
    Series::restored(own, labels, distribution).ok_or(Unreadable)
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn read_number(bytes: &mut &[u8]) -> Result<u64, Unreadable> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Unreadable)
}

fn read_byte(bytes: &mut &[u8]) -> Result<u8, Unreadable> {
    let (byte, rest) = bytes.split_first().ok_or(Unreadable)?;
    *bytes = rest;
    Ok(*byte)
}

fn float(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn read_float(bytes: &mut &[u8]) -> Result<f64, Unreadable> {
    let (value, rest) = bytes.split_first_chunk().ok_or(Unreadable)?;
    *bytes = rest;
    Ok(f64::from_le_bytes(*value))
}

fn text(text: &str, out: &mut Vec<u8>) {
    number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn read_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, Unreadable> {
    let length = usize::try_from(read_number(bytes)?).map_err(|_| Unreadable)?;
    let (own, rest) = bytes.split_at_checked(length).ok_or(Unreadable)?;
    *bytes = rest;
    std::str::from_utf8(own).map_err(|_| Unreadable)
}
