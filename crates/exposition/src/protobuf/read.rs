//! From a message to a family.

use std::borrow::Cow;

use super::wire::{Field, field};
use crate::fault::{Fault, Quoted};
use crate::kind::Kind;
use crate::limits::Limits;
use crate::name::MetricName;
use crate::raw::{Family, Label, Metric};
use crate::value::{Float, Histogram, Summary, Value};

/// What is wrong with a family, and where in it.
pub struct At {
    /// The family's name as far as it is known.
    pub name: String,
    /// Which series, from 1; 0 for none.
    pub series: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// Reads a `MetricFamily`. `series_left` is how many values may still come.
pub fn family<'page>(
    message: &'page [u8],
    number: usize,
    limits: &Limits,
    series_left: &mut usize,
) -> Result<Family<'page>, At> {
    let (family, messages) = header(message, number, limits)?;
    let mut family = Family { metrics: Vec::with_capacity(messages.len()), ..family };
    for (place, message) in messages.into_iter().enumerate() {
        let read = metric(message, place + 1, &mut family, limits, series_left);
        read.map_err(|fault| At { name: family.name.clone().into_owned(), series: place + 1, fault })?;
    }
    Ok(family)
}

/// Reads what is said of the family as a whole; it may stand behind the series, so those are only listed.
fn header<'page>(
    mut message: &'page [u8],
    at: usize,
    limits: &Limits,
) -> Result<(Family<'page>, Vec<&'page [u8]>), At> {
    let mut messages = Vec::new();
    // Zero is what a type is that nobody mentions.
    let (mut name, mut help, mut kind) = (&[][..], Cow::Borrowed(""), 0);
    let mut read = || {
        while let Some((number, field)) = field(&mut message, "MetricFamily")? {
            match number {
                1 => name = field.bytes("Name")?,
                // As in text, only label values are held to UTF-8.
                2 => help = String::from_utf8_lossy(field.bytes("Help")?),
                3 => kind = field.varint("Type")?,
                4 => messages.push(field.bytes("Metric")?),
                _ => {}
            }
        }
        Ok(())
    };
    let read = read();
    let shown = String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]).into_owned();
    let at_family = |fault| At { name: shown.clone(), series: 0, fault };
    read.map_err(at_family)?;
    if name.is_empty() {
        return Err(at_family(Fault::NoName));
    }
    if name.len() > limits.name_bytes {
        return Err(at_family(Fault::LongName(limits.name_bytes)));
    }
    let name = std::str::from_utf8(name).map_err(|_| at_family(Fault::Refused(invalid_name(&shown))))?;
    MetricName::check(name).map_err(|reason| at_family(Fault::Refused(reason.into())))?;
    let kind = kind_of(kind).map_err(at_family)?;
    Ok((Family { name: Cow::Borrowed(name), help, kind, at, metrics: Vec::new(), labels: Vec::new() }, messages))
}

/// How much of a name is shown in an error.
const SHOWN_BYTES: usize = 100;

fn invalid_name(name: &str) -> crate::refused::Refused {
    crate::name::InvalidName::Metric(name.to_owned()).into()
}

/// Returns the type that `MetricType` numbers so.
fn kind_of(number: u64) -> Result<Kind, Fault> {
    match number {
        0 => Ok(Kind::Counter),
        1 => Ok(Kind::Gauge),
        2 => Ok(Kind::Summary),
        3 => Ok(Kind::Untyped),
        4 => Ok(Kind::Histogram),
        // The text format, which is what is served, has no words for it.
        5 => Err(Fault::Kind(Quoted::new(b"GAUGE_HISTOGRAM"))),
        other => Err(Fault::Kind(Quoted::new(other.to_string().as_bytes()))),
    }
}

/// Reads a `Metric` and adds it to its family.
fn metric<'page>(
    mut message: &'page [u8],
    at: usize,
    family: &mut Family<'page>,
    limits: &Limits,
    series_left: &mut usize,
) -> Result<(), Fault> {
    let begin = family.labels.len();
    let (mut value, mut timestamp_at) = (None, None);
    while let Some((number, field)) = field(&mut message, "Metric")? {
        let kind = match number {
            1 => {
                if family.labels.len() - begin == limits.labels {
                    return Err(Fault::TooManyLabels(limits.labels));
                }
                let label = label(field.bytes("Label")?, &family.name, limits)?;
                family.labels.push(label);
                continue;
            }
            2 => Kind::Gauge,
            3 => Kind::Counter,
            4 => Kind::Summary,
            5 => Kind::Untyped,
            7 => Kind::Histogram,
            6 => {
                field.varint("TimestampMs")?;
                timestamp_at = Some(at);
                continue;
            }
            _ => continue,
        };
        let read = one(kind, field, series_left, limits)?;
        // A value of the family's type counts more than one of another, wherever it stands.
        if value.is_none() || kind == family.kind {
            value = Some((kind, read));
        }
    }
    if value.is_none() {
        spend(series_left, limits)?;
    }
    family.metrics.push(Metric { labels: begin..family.labels.len(), value, timestamp_at, at });
    Ok(())
}

/// Reads a `LabelPair`. Whether the name is one is not asked here, as it is not in text.
fn label<'page>(mut message: &'page [u8], metric: &str, limits: &Limits) -> Result<Label<'page>, Fault> {
    let (mut name, mut value) = (&[][..], &[][..]);
    while let Some((number, field)) = field(&mut message, "LabelPair")? {
        match number {
            1 => name = field.bytes("Name")?,
            2 => value = field.bytes("Value")?,
            _ => {}
        }
    }
    if name.len() > limits.name_bytes {
        return Err(Fault::LongName(limits.name_bytes));
    }
    if value.len() > limits.value_bytes {
        return Err(Fault::LongValue(limits.value_bytes));
    }
    let name = std::str::from_utf8(name).map_err(|_| {
        Fault::InvalidLabel(metric.to_owned(), String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]).into())
    })?;
    let value = std::str::from_utf8(value)
        .map_err(|_| Fault::NotUtf8(metric.to_owned(), name.to_owned(), Quoted::new(value)))?;
    Ok((Cow::Borrowed(name), Cow::Borrowed(value)))
}

fn one(kind: Kind, field: Field<'_>, series_left: &mut usize, limits: &Limits) -> Result<Value, Fault> {
    match kind {
        Kind::Counter => number(field.bytes("Counter")?, "Counter", series_left, limits),
        Kind::Gauge => number(field.bytes("Gauge")?, "Gauge", series_left, limits),
        Kind::Untyped => number(field.bytes("Untyped")?, "Untyped", series_left, limits),
        Kind::Summary => summary(field.bytes("Summary")?, series_left, limits),
        Kind::Histogram => histogram(field.bytes("Histogram")?, series_left, limits),
    }
}

/// Reads a `Counter`, a `Gauge` or an `Untyped`, which are alike in what we keep of them.
fn number(mut message: &[u8], name: &str, series_left: &mut usize, limits: &Limits) -> Result<Value, Fault> {
    let mut value = 0.0;
    while let Some((number, field)) = field(&mut message, name)? {
        if number == 1 {
            value = field.double("Value")?;
        }
    }
    spend(series_left, limits)?;
    Ok(value.into())
}

fn summary(mut message: &[u8], series_left: &mut usize, limits: &Limits) -> Result<Value, Fault> {
    let mut own = Summary::new([], 0.0, 0);
    while let Some((number, field)) = field(&mut message, "Summary")? {
        match number {
            1 => own.count = field.varint("SampleCount")?,
            2 => own.sum = Float(field.double("SampleSum")?),
            3 => {
                spend(series_left, limits)?;
                own.quantiles.extend(quantile(field.bytes("Quantile")?)?);
            }
            _ => {}
        }
    }
    spend(series_left, limits)?;
    Ok(own.into())
}

/// Reads a `Quantile`, or nothing where it is none: a NaN is not of this world.
fn quantile(mut message: &[u8]) -> Result<Option<(Float, Float)>, Fault> {
    let (mut quantile, mut value) = (0.0, 0.0);
    while let Some((number, field)) = field(&mut message, "Quantile")? {
        match number {
            1 => quantile = field.double("Quantile")?,
            2 => value = field.double("Value")?,
            _ => {}
        }
    }
    Ok((!quantile.is_nan()).then_some((Float(quantile), Float(value))))
}

fn histogram(mut message: &[u8], series_left: &mut usize, limits: &Limits) -> Result<Value, Fault> {
    let (mut own, mut float_count) = (Histogram::new([], 0.0, 0), 0.0);
    while let Some((number, field)) = field(&mut message, "Histogram")? {
        match number {
            1 => own.count = field.varint("SampleCount")?,
            2 => own.sum = Float(field.double("SampleSum")?),
            3 => {
                spend(series_left, limits)?;
                own.buckets.extend(bucket(field.bytes("Bucket")?)?);
            }
            4 => float_count = field.double("SampleCountFloat")?,
            _ => {}
        }
    }
    spend(series_left, limits)?;
    own.count = whole(own.count, float_count);
    Ok(own.into())
}

/// Reads a `Bucket`, or nothing where its bound is no number.
fn bucket(mut message: &[u8]) -> Result<Option<(Float, u64)>, Fault> {
    let (mut count, mut float_count, mut bound) = (0, 0.0, 0.0);
    while let Some((number, field)) = field(&mut message, "Bucket")? {
        match number {
            1 => count = field.varint("CumulativeCount")?,
            2 => bound = field.double("UpperBound")?,
            4 => float_count = field.double("CumulativeCountFloat")?,
            _ => {}
        }
    }
    Ok((!bound.is_nan()).then_some((Float(bound), whole(count, float_count))))
}

/// Returns the count, or the whole part of the one in fractions where there is only that.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a conversion that saturates is meant")]
fn whole(count: u64, float_count: f64) -> u64 {
    if count == 0 { float_count as u64 } else { count }
}

/// Counts a value.
fn spend(series_left: &mut usize, limits: &Limits) -> Result<(), Fault> {
    *series_left = series_left.checked_sub(1).ok_or(Fault::TooManySeries(limits.series))?;
    Ok(())
}
