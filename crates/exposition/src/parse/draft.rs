//! Families of which more may come.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::{Fault, ParseError};
use crate::family::{Families, Family, Kind, Refused};
use crate::labels::Labels;
use crate::name::MetricName;
use crate::value::{Float, Histogram, Summary, Value};

/// Which part of its series a line tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// The number itself.
    Value,
    /// The number that belongs to a bucket's bound or a quantile.
    Of(f64),
    /// How many observations there were.
    Count,
    /// What they add up to.
    Sum,
    /// None: a line of a histogram that names no bucket. A gateway passes over such.
    Nothing,
}

impl Part {
    /// Returns what a line without `_count` and `_sum` tells, whose `le` or `quantile` is `own`.
    pub fn of_value(kind: Kind, own: f64) -> Self {
        match kind.own_label() {
            None => Self::Value,
            Some(_) if own.is_nan() => Self::Nothing,
            Some(_) => Self::Of(own),
        }
    }
}

/// The families of a page, in the order in which they came.
#[derive(Default)]
pub struct Drafts<'page> {
    drafts: Vec<Draft<'page>>,
    places: HashMap<&'page str, usize>,
    /// Name and place of the family that the last line was about: most lines are about the same one.
    last: Option<(&'page str, usize)>,
}

/// A family as far as it is known.
pub struct Draft<'page> {
    /// Its name.
    pub name: &'page str,
    /// What HELP said.
    pub help: Option<String>,
    /// What TYPE said, or, from the first sample on, that it said nothing.
    pub kind: Option<Kind>,
    /// The line that was the first to name it.
    line: usize,
    series: BTreeMap<Labels, Value>,
}

impl<'page> Drafts<'page> {
    /// Returns the place of the family that a line with this name is about, and which part of a series it tells.
    ///
    /// `h_count` is about `h` if that is known to be a histogram or summary by now, and about itself otherwise.
    pub fn open(&mut self, name: &'page str, line: usize) -> (usize, Part) {
        if let Some((last, place)) = self.last
            && last == name
        {
            return (place, Part::Value);
        }
        if let Some(place) = self.places.get(name) {
            self.last = Some((name, *place));
            return (*place, Part::Value);
        }
        for (suffix, part) in [("_count", Part::Count), ("_sum", Part::Sum), ("_bucket", Part::Value)] {
            let Some(bare) = name.strip_suffix(suffix).filter(|bare| !bare.is_empty()) else { continue };
            let Some(place) = self.places.get(bare) else { continue };
            if self.drafts[*place].kind.is_some_and(|kind| kind.suffixes().contains(&suffix)) {
                return (*place, part);
            }
        }
        let place = self.drafts.len();
        self.drafts.push(Draft { name, help: None, kind: None, line, series: BTreeMap::new() });
        self.places.insert(name, place);
        self.last = Some((name, place));
        (place, Part::Value)
    }

    /// Returns the family at a place that [`Drafts::open`] returned.
    pub fn at(&mut self, place: usize) -> &mut Draft<'page> {
        &mut self.drafts[place]
    }

    /// Makes a page of them.
    pub fn finish(self) -> Result<Families, ParseError> {
        let mut page = Families::new();
        for draft in self.drafts {
            let line = draft.line;
            let Some(family) = draft.finish().map_err(|reason| ParseError { line, fault: Fault::Refused(reason) })?
            else {
                continue;
            };
            page.merge(family).map_err(|reason| ParseError { line, fault: Fault::Refused(reason) })?;
        }
        Ok(page)
    }
}

impl Draft<'_> {
    /// Takes what a line says.
    pub fn add(&mut self, labels: Labels, part: Part, number: f64) -> Result<(), Refused> {
        match self.kind {
            Some(Kind::Histogram) => self.add_to_histogram(labels, part, number),
            Some(Kind::Summary) => self.add_to_summary(labels, part, number),
            _ => match self.series.entry(labels) {
                Entry::Vacant(place) => {
                    place.insert(number.into());
                }
                Entry::Occupied(place) => {
                    return Err(Refused::SeriesTwice(MetricName::new(self.name.to_owned())?, place.key().clone()));
                }
            },
        }
        Ok(())
    }

    fn add_to_histogram(&mut self, labels: Labels, part: Part, number: f64) {
        let value = self.series.entry(labels).or_insert_with(|| Histogram::open().into());
        let Value::Histogram(histogram) = value else { return };
        match part {
            Part::Of(bound) => histogram.buckets.push((Float(bound), count(number))),
            Part::Count => histogram.count = count(number),
            Part::Sum => histogram.sum = Float(number),
            Part::Value | Part::Nothing => {}
        }
    }

    fn add_to_summary(&mut self, labels: Labels, part: Part, number: f64) {
        let value = self.series.entry(labels).or_insert_with(|| Summary::new([], 0.0, 0).into());
        let Value::Summary(summary) = value else { return };
        match part {
            Part::Of(quantile) => summary.quantiles.push((Float(quantile), Float(number))),
            Part::Count => summary.count = count(number),
            Part::Sum => summary.sum = Float(number),
            Part::Value | Part::Nothing => {}
        }
    }

    /// Returns the family, or nothing when it has no series.
    fn finish(mut self) -> Result<Option<Family>, Refused> {
        if self.series.is_empty() {
            return Ok(None);
        }
        for value in self.series.values_mut() {
            if let Value::Histogram(histogram) = value {
                histogram.close();
            }
        }
        let name = MetricName::new(self.name.to_owned())?;
        let kind = self.kind.unwrap_or(Kind::Untyped);
        Ok(Some(Family::read(name, self.help.unwrap_or_default(), kind, self.series)))
    }
}

/// Counts are whole: what stands behind the point is cut off, and what is no count at all is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a conversion that saturates is meant")]
fn count(number: f64) -> u64 {
    number as u64
}
