//! What is kept of a group. Nothing here changes once it is made: a push makes a new one, and who reads keeps the old one.

use std::fmt::Write as _;
use std::sync::Arc;

use exposition::{Kind, Number, Value};

use crate::grouping::GroupKey;
use crate::store::labels;

/// When the group was last changed by a push.
pub const PUSH_TIME: &str = "push_time_seconds";
/// When a push to the group was last refused.
pub const PUSH_FAILURE_TIME: &str = "push_failure_time_seconds";
/// What is said of [`PUSH_TIME`], whatever a body says.
pub const PUSH_TIME_HELP: &str = "Last Unix time when changing this group in the Pushgateway succeeded.";
/// What is said of [`PUSH_FAILURE_TIME`], whatever a body says.
pub const PUSH_FAILURE_TIME_HELP: &str = "Last Unix time when changing this group in the Pushgateway failed.";

/// A moment in nanoseconds since 1970; 0 stands for never.
pub type Nanoseconds = i64;

/// The last push of each family of a group.
#[derive(Debug)]
pub struct Group {
    /// The labels in the path of its pushes.
    pub key: Arc<GroupKey>,
    /// Its families in the order of their names, the two stamps among them.
    pub families: Box<[Arc<Family>]>,
    /// When a push last succeeded.
    pub success: Nanoseconds,
    /// When a push was last refused.
    pub failure: Nanoseconds,
}

/// All series of one name in a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name; all groups share one copy of it.
    pub name: Arc<str>,
    /// What is measured.
    pub help: Arc<str>,
    /// What the values mean.
    pub kind: Kind,
    /// When it was pushed.
    pub pushed: Nanoseconds,
    /// The series in the order in which they were pushed.
    pub series: Box<[Series]>,
}

/// A series as it will be printed: most of a scrape is copying these.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// `a="1",b="2"`; for a number followed by `} 42` and the line's end.
    text: Box<str>,
    labels: u32,
    /// For histograms and summaries, whose lines are made when they are asked for.
    distribution: Option<Box<Value>>,
}

impl Group {
    /// Returns the group with these families and stamps; the stamps' own families are added.
    #[must_use]
    pub fn new(
        key: Arc<GroupKey>,
        mut families: Vec<Arc<Family>>,
        success: Nanoseconds,
        failure: Nanoseconds,
        stamped: (Nanoseconds, Nanoseconds),
    ) -> Self {
        let labels = key.stamp_labels();
        families.push(stamp(PUSH_FAILURE_TIME, PUSH_FAILURE_TIME_HELP, &labels, failure, stamped.1));
        families.push(stamp(PUSH_TIME, PUSH_TIME_HELP, &labels, success, stamped.0));
        families.sort_by(|one, other| one.name.cmp(&other.name));
        Self { key, families: families.into(), success, failure }
    }

    /// Returns the family of this name.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&Arc<Family>> {
        let place = self.families.binary_search_by(|family| (*family.name).cmp(name)).ok()?;
        self.families.get(place)
    }

    /// Returns the families that were pushed, which the stamps were not.
    pub fn pushed_families(&self) -> impl Iterator<Item = &Arc<Family>> {
        self.families.iter().filter(|family| !is_stamp(&family.name))
    }

    /// Returns when the stamps' families were made: that of the success, that of the failure.
    #[must_use]
    pub fn stamped(&self) -> (Nanoseconds, Nanoseconds) {
        let of = |name| self.family(name).map_or(0, |family| family.pushed);
        (of(PUSH_TIME), of(PUSH_FAILURE_TIME))
    }

    /// Returns whether the last push to it was taken.
    #[must_use]
    pub fn last_push_successful(&self) -> bool {
        self.success > self.failure
    }

    /// Returns how many series it has.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.families.iter().map(|family| family.series.len()).sum()
    }
}

/// Returns whether this is one of the two families that the store sets itself.
#[must_use]
pub fn is_stamp(name: &str) -> bool {
    name == PUSH_TIME || name == PUSH_FAILURE_TIME
}

/// Returns seconds as Prometheus' programs calculate them.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a float of seconds has microseconds, as upstream's")]
pub fn seconds(moment: Nanoseconds) -> f64 {
    moment as f64 / 1e9
}

fn stamp(name: &str, help: &str, labels: &str, value: Nanoseconds, pushed: Nanoseconds) -> Arc<Family> {
    let series = Series::number(labels.to_owned(), seconds(value));
    Arc::new(Family { name: name.into(), help: help.into(), kind: Kind::Gauge, pushed, series: [series].into() })
}

impl Family {
    /// Returns whether both have the same series, whatever their values: then nothing need be looked up anew.
    #[must_use]
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.series.len() == other.series.len()
            && self.series.iter().zip(&*other.series).all(|(one, other)| one.labels() == other.labels())
    }
}

impl Series {
    /// Takes printed labels, without braces, and a number.
    #[must_use]
    pub fn number(mut labels: String, value: f64) -> Self {
        Self::number_behind(&mut labels, value)
    }

    fn number_behind(text: &mut String, value: f64) -> Self {
        let labels = text.len();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "}} {}", Number(value));
        Self { labels: u32::try_from(labels).unwrap_or(u32::MAX), text: text.as_str().into(), distribution: None }
    }

    /// Takes printed labels and a value of any kind. What is in `labels` afterwards is of no use: it is for the next ones.
    #[must_use]
    pub fn new(labels: &mut String, value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::number_behind(labels, number.0),
            other => Self::distribution(labels.clone(), other.clone()),
        }
    }

    /// Takes printed labels and a histogram or summary.
    #[must_use]
    pub fn distribution(labels: String, value: Value) -> Self {
        let length = u32::try_from(labels.len()).unwrap_or(u32::MAX);
        Self { labels: length, text: labels.into(), distribution: Some(Box::new(value)) }
    }

    /// Puts a series together from what was on disk.
    #[must_use]
    pub fn restored(text: &str, labels: usize, distribution: Option<Value>) -> Option<Self> {
        if !text.is_char_boundary(labels) {
            return None;
        }
        let labels = u32::try_from(labels).ok()?;
        Some(Self { text: text.into(), labels, distribution: distribution.map(Box::new) })
    }

    /// Returns the labels as they are printed: `a="1",b="2"`.
    #[must_use]
    pub fn labels(&self) -> &str {
        self.text.get(..self.labels as usize).unwrap_or(&self.text)
    }

    /// Returns the labels one by one.
    pub fn label_pairs(&self) -> labels::Pairs<'_> {
        labels::pairs(self.labels())
    }

    /// Returns what follows on `name{` in the line of a number.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        self.distribution.is_none().then_some(&*self.text)
    }

    /// Returns the whole text, for the disk.
    #[must_use]
    pub fn raw(&self) -> (&str, usize, Option<&Value>) {
        (&self.text, self.labels as usize, self.distribution.as_deref())
    }

    /// Returns the number as it is printed.
    #[must_use]
    pub fn number_text(&self) -> &str {
        self.text.get(self.labels as usize + 2..).unwrap_or_default().trim_end()
    }

    /// Returns the value.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.distribution {
            Some(value) => (**value).clone(),
            None => self.number_text().parse().unwrap_or(f64::NAN).into(),
        }
    }

    /// Returns the histogram or summary, for what is not a number.
    #[must_use]
    pub fn as_distribution(&self) -> Option<&Value> {
        self.distribution.as_deref()
    }
}
