//! Families of which more may come.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::kind::Kind;
use crate::labels::Labels;
use crate::raw::{Family, Label, Metric};
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
    /// What the name of the last line was about: most lines have the name of the one before.
    last: Option<(&'page str, usize, Part)>,
}

/// A family as far as it is known.
pub struct Draft<'page> {
    /// Its name.
    pub name: &'page str,
    /// What HELP said.
    pub help: Option<Cow<'page, str>>,
    /// What TYPE said, or, from the first sample on, that it said nothing.
    pub kind: Option<Kind>,
    /// The line that was the first to name it.
    line: usize,
    metrics: Vec<Metric>,
    /// The labels of all series, and behind them those of the line that is being read.
    pub labels: Vec<Label<'page>>,
    /// Where the series of a histogram or a summary are: their lines may lie apart.
    known: HashMap<Labels, usize>,
}

impl<'page> Drafts<'page> {
    /// Returns the place of the family that a line with this name is about, and which part of a series it tells.
    ///
    /// `h_count` is about `h` if that is known to be a histogram or summary by now, and about itself otherwise.
    pub fn open(&mut self, name: &'page str, line: usize) -> (usize, Part) {
        if let Some((last, place, part)) = self.last
            && last == name
        {
            return (place, part);
        }
        let (place, part) = self.find(name).unwrap_or_else(|| {
            let place = self.drafts.len();
            self.drafts.push(Draft::new(name, line));
            self.places.insert(name, place);
            (place, Part::Value)
        });
        self.last = Some((name, place, part));
        (place, part)
    }

    fn find(&self, name: &str) -> Option<(usize, Part)> {
        if let Some(place) = self.places.get(name) {
            return Some((*place, Part::Value));
        }
        for (suffix, part) in [("_count", Part::Count), ("_sum", Part::Sum), ("_bucket", Part::Value)] {
            let Some(bare) = name.strip_suffix(suffix).filter(|bare| !bare.is_empty()) else { continue };
            let Some(place) = self.places.get(bare) else { continue };
            if self.drafts[*place].kind.is_some_and(|kind| kind.suffixes().contains(&suffix)) {
                return Some((*place, part));
            }
        }
        None
    }

    /// Returns the family at a place that [`Drafts::open`] returned.
    pub fn at(&mut self, place: usize) -> &mut Draft<'page> {
        &mut self.drafts[place]
    }

    /// Returns those that have series.
    pub fn finish(self) -> Vec<Family<'page>> {
        self.drafts.into_iter().filter(|draft| !draft.metrics.is_empty()).map(Draft::finish).collect()
    }
}

impl<'page> Draft<'page> {
    fn new(name: &'page str, line: usize) -> Self {
        let (metrics, labels, known) = (Vec::new(), Vec::new(), HashMap::new());
        Self { name, help: None, kind: None, line, metrics, labels, known }
    }

    /// Returns where the labels of the line that is being read begin.
    pub fn labels_begin(&self) -> usize {
        self.metrics.last().map_or(0, |metric| metric.labels.end)
    }

    /// Takes what a line says, whose labels are the last in [`Draft::labels`].
    pub fn add(&mut self, part: Part, number: f64, has_timestamp: bool, line: usize) {
        let kind = self.kind.unwrap_or(Kind::Untyped);
        let place = match kind {
            Kind::Histogram => self.open(|| Histogram::new([], 0.0, 0).into(), kind, line),
            Kind::Summary => self.open(|| Summary::new([], 0.0, 0).into(), kind, line),
            _ => self.push(number.into(), kind, line),
        };
        let metric = &mut self.metrics[place];
        if has_timestamp {
            metric.timestamp_at.get_or_insert(line);
        }
        match &mut metric.value {
            Some((_, Value::Histogram(histogram))) => match part {
                Part::Of(bound) => histogram.buckets.push((Float(bound), count(number))),
                Part::Count => histogram.count = count(number),
                Part::Sum => histogram.sum = Float(number),
                Part::Value | Part::Nothing => {}
            },
            Some((_, Value::Summary(summary))) => match part {
                Part::Of(quantile) => summary.quantiles.push((Float(quantile), Float(number))),
                Part::Count => summary.count = count(number),
                Part::Sum => summary.sum = Float(number),
                Part::Value | Part::Nothing => {}
            },
            _ => {}
        }
    }

    fn push(&mut self, value: Value, kind: Kind, line: usize) -> usize {
        let labels = self.labels_begin()..self.labels.len();
        self.metrics.push(Metric { labels, value: Some((kind, value)), timestamp_at: None, at: line });
        self.metrics.len() - 1
    }

    /// Returns the place of the series with the line's labels, in whatever order they stand there.
    fn open(&mut self, empty: impl Fn() -> Value, kind: Kind, line: usize) -> usize {
        let begin = self.labels_begin();
        let (before, own) = self.labels.split_at(begin);
        if let Some(last) = self.metrics.last()
            && before[last.labels.clone()] == *own
        {
            self.labels.truncate(begin);
            return self.metrics.len() - 1;
        }
        let mut pairs: Vec<(&str, &str)> = own.iter().map(|(name, value)| (&**name, &**value)).collect();
        pairs.sort_unstable();
        let labels = Labels::pack(&pairs);
        if let Some(place) = self.known.get(&labels) {
            self.labels.truncate(begin);
            return *place;
        }
        self.known.insert(labels, self.metrics.len());
        self.push(empty(), kind, line)
    }

    fn finish(self) -> Family<'page> {
        Family {
            name: Cow::Borrowed(self.name),
            help: self.help.unwrap_or_default(),
            kind: self.kind.unwrap_or(Kind::Untyped),
            at: self.line,
            metrics: self.metrics,
            labels: self.labels,
        }
    }
}

/// Counts are whole: what stands behind the point is cut off, and what is no count at all is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a conversion that saturates is meant")]
pub fn count(number: f64) -> u64 {
    number as u64
}
