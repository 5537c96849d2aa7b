//! Families as a page tells of them, unchecked.

use std::borrow::Cow;
use std::ops::Range;

use crate::kind::Kind;
use crate::value::Value;

/// A label's name and value.
pub type Label<'page> = (Cow<'page, str>, Cow<'page, str>);

/// All that the page says of one name, in the order in which it said it.
#[derive(Clone, Debug, PartialEq)]
pub struct Family<'page> {
    /// The name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub name: Cow<'page, str>,
    /// What is measured; empty where nobody said.
    pub help: Cow<'page, str>,
    /// What the values mean.
    pub kind: Kind,
    /// Where it began: the line in text, the number of the message in protobuf, each from 1.
    pub at: usize,
    pub(crate) metrics: Vec<Metric>,
    /// The labels of all series, one behind the other: a list for each of them would be most of the work.
    pub(crate) labels: Vec<Label<'page>>,
}

/// What is kept of a series beside its labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    pub labels: Range<usize>,
    pub value: Option<(Kind, Value)>,
    /// Where a timestamp was; the value itself is not kept.
    pub timestamp_at: Option<usize>,
    pub at: usize,
}

/// One series of a family.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a, 'page> {
    /// The labels as they came; in text without the `le` of a histogram and the `quantile` of a summary.
    pub labels: &'a [Label<'page>],
    /// The value and what type it is of, which in protobuf may not be the family's; `None` where there is none.
    pub value: Option<(Kind, &'a Value)>,
    /// Whether a line of it has a timestamp, which is not kept.
    pub has_timestamp: bool,
    /// Where it began: the line in text, its number in the family in protobuf, each from 1.
    pub at: usize,
}

impl<'page> Family<'page> {
    /// Returns the series in the order in which they came.
    pub fn series(&self) -> impl ExactSizeIterator<Item = Series<'_, 'page>> {
        self.metrics.iter().map(|metric| Series {
            labels: &self.labels[metric.labels.clone()],
            value: metric.value.as_ref().map(|(kind, value)| (*kind, value)),
            has_timestamp: metric.timestamp_at.is_some(),
            at: metric.at,
        })
    }
}
