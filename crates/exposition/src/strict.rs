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
    for family in families {
        let at = family.at;
        match checked(&family) {
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
fn checked(family: &raw::Family<'_>) -> Result<Family, (usize, Fault)> {
    let name = MetricName::new(family.name.clone().into_owned());
    let name = name.map_err(|reason| (0, Fault::Refused(reason.into())))?;
    let mut all: Vec<(Labels, Value, usize)> = Vec::with_capacity(family.metrics.len());
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut fault: Option<(usize, Fault)> = None;
    for series in family.series() {
        match one(family, &series, &mut pairs) {
            Ok((labels, value)) => all.push((labels, value, series.at)),
            Err(found) => {
                fault = Some((series.at, found));
                break;
            }
        }
    }
    // The sort is stable: of two equal ones the second is the one that came later. It costs little when a page was
    // written in this order, as most are.
    all.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let twice = all.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| &pair[1]).min_by_key(|entry| entry.2);
    if let Some((labels, _, at)) = twice
        && fault.as_ref().is_none_or(|(other, _)| at < other)
    {
        return Err((*at, Fault::SeriesTwice(name, labels.clone())));
    }
    match fault {
        Some(fault) => Err(fault),
        None => {
            let series = all.into_iter().map(|(labels, value, _)| (labels, value)).collect();
            Ok(Family::read(name, family.help.clone().into_owned(), family.kind, series))
        }
    }
}

/// Returns a series' labels and value. `pairs` is only there to be used again.
fn one<'a>(
    family: &'a raw::Family<'_>,
    series: &raw::Series<'a, '_>,
    pairs: &mut Vec<(&'a str, &'a str)>,
) -> Result<(Labels, Value), Fault> {
    if series.has_timestamp {
        return Err(Fault::HasTimestamp);
    }
    let name = || family.name.clone().into_owned();
    let value = series.value.filter(|(kind, _)| *kind == family.kind);
    let (_, value) = value.ok_or_else(|| Fault::NotA(name(), family.kind))?;
    pairs.clear();
    pairs.extend(series.labels.iter().map(|(name, value)| (&**name, &**value)));
    let labels = Labels::of(pairs).map_err(|reason| match reason {
        InvalidLabels::Name(reason) => Fault::InvalidLabel(name(), reason.name().to_owned()),
        InvalidLabels::Twice(label) => Fault::LabelsAlike(name(), label),
    })?;
    match family.kind.own_label().filter(|own| labels.value(own).is_some()) {
        Some(own) => Err(Fault::LabelsAlike(name(), own.to_owned())),
        None => Ok((labels, value.clone())),
    }
}
