//! From what was sent to a page that holds.

use crate::error::{ParseError, Place};
use crate::families::Families;
use crate::family::Family;
use crate::fault::Fault;
use crate::labels::{InvalidLabels, Labels};
use crate::name::MetricName;
use crate::raw;
use crate::value::Value;

/// Where a series was found: the family and what [`raw::Series::at`] says.
type PlaceOf = fn(family: &raw::Family<'_>, at: usize) -> Place;

/// Makes a page of families that are well formed, or returns the first thing for which a gateway would refuse it.
///
/// What comes first on the page is told first; families that collide are told of when nothing else is wrong.
pub fn check(families: Vec<raw::Family<'_>>, place: PlaceOf) -> Result<Families, ParseError> {
    let mut page = Families::new();
    let mut first: Option<(usize, ParseError)> = None;
    for mut family in families {
        let at = family.at;
        match checked(&mut family) {
            Ok(checked) => {
                let merged = page.merge(checked).map_err(Fault::Refused);
                // A collision is a matter of the whole page, so it does not hide what is wrong with one line.
                if let (Err(fault), None) = (merged, &first) {
                    first = Some((usize::MAX, ParseError { place: place(&family, 0), fault }));
                }
            }
            Err((series_at, fault)) => {
                let order = if series_at == 0 { at } else { series_at };
                if first.as_ref().is_none_or(|(other, _)| order < *other) {
                    first = Some((order, ParseError { place: place(&family, series_at), fault }));
                }
            }
        }
    }
    match first {
        Some((_, error)) => Err(error),
        None => Ok(page),
    }
}

/// Returns the family, or what is wrong with it and where.
fn checked(family: &mut raw::Family<'_>) -> Result<Family, (usize, Fault)> {
    let name = MetricName::new(family.name.clone().into_owned());
    let name = name.map_err(|reason| (0, Fault::Refused(reason.into())))?;
    let metrics = std::mem::take(&mut family.metrics);
    let mut all: Vec<(Labels, Value)> = Vec::with_capacity(metrics.len());
    let mut places = Vec::with_capacity(metrics.len());
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut fault = None;
    for metric in metrics {
        let at = metric.at;
        if let Some(at) = metric.timestamp_at {
            fault = Some((at, Fault::HasTimestamp));
            break;
        }
        match one(family, metric, &mut pairs) {
            Ok(series) => all.push(series),
            Err(found) => {
                fault = Some((at, found));
                break;
            }
        }
        places.push(at);
    }
    // Most pages were written in this order, and then nothing can come twice.
    if !all.is_sorted_by(|(one, _), (other, _)| one < other)
        && let Some((at, labels)) = sort(&mut all, &places)
    {
        // What went wrong further down is of no interest.
        return Err((at, Fault::SeriesTwice(name, labels)));
    }
    match fault {
        Some(fault) => Err(fault),
        None => Ok(Family::read(name, std::mem::take(&mut family.help).into_owned(), family.kind, all)),
    }
}

/// Sorts series that were found at `places`. Returns the first that came before, and where it came again.
fn sort(all: &mut Vec<(Labels, Value)>, places: &[usize]) -> Option<(usize, Labels)> {
    let mut placed: Vec<_> = all.drain(..).zip(places).collect();
    // Stable: of two equal ones the second is the one that came later.
    placed.sort_by(|((one, _), _), ((other, _), _)| one.cmp(other));
    let twice =
        placed.windows(2).filter(|pair| pair[0].0.0 == pair[1].0.0).map(|pair| &pair[1]).min_by_key(|entry| entry.1);
    let twice = twice.map(|((labels, _), at)| (**at, labels.clone()));
    all.extend(placed.into_iter().map(|(series, _)| series));
    twice
}

/// Returns a series' labels and value. `pairs` is only there to be used again.
fn one<'a>(
    family: &'a raw::Family<'_>,
    metric: raw::Metric,
    pairs: &mut Vec<(&'a str, &'a str)>,
) -> Result<(Labels, Value), Fault> {
    let name = || family.name.clone().into_owned();
    let value = metric.value.filter(|(kind, _)| *kind == family.kind);
    let (_, value) = value.ok_or_else(|| Fault::NotA(name(), family.kind))?;
    let labels = &family.labels[metric.labels];
    if labels.is_empty() {
        return Ok((Labels::default(), value));
    }
    pairs.clear();
    pairs.extend(labels.iter().map(|(name, value)| (&**name, &**value)));
    let labels = Labels::of(pairs).map_err(|reason| match reason {
        InvalidLabels::Name(reason) => Fault::InvalidLabel(name(), reason.name().to_owned()),
        InvalidLabels::Twice(label) => Fault::LabelsAlike(name(), label),
    })?;
    match family.kind.own_label().filter(|own| labels.value(own).is_some()) {
        Some(own) => Err(Fault::LabelsAlike(name(), own.to_owned())),
        None => Ok((labels, value)),
    }
}
