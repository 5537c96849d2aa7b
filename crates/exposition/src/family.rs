//! What a page holds: families of series.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use crate::labels::Labels;
use crate::name::{InvalidName, LabelName, MetricName};
use crate::value::{Float, Value};

/// What the values of a family mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only ever grows, but for a fresh start at 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Nobody said.
    Untyped,
    /// Counts of observations below bounds.
    Histogram,
    /// Quantiles of observations.
    Summary,
}

impl Kind {
    /// Returns the word that stands in a TYPE line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Untyped => "untyped",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }

    /// Returns the type that `word` stands for in a TYPE line; upper and lower case are the same there.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Untyped, Self::Histogram, Self::Summary]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }

    /// Returns what is put behind the family's name to name its series, beside the name alone.
    pub(crate) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Histogram => &["_bucket", "_count", "_sum"],
            Self::Summary => &["_count", "_sum"],
            Self::Counter | Self::Gauge | Self::Untyped => &[],
        }
    }

    /// Returns the label that tells the lines of one series apart.
    pub(crate) fn own_label(self) -> Option<&'static str> {
        match self {
            Self::Histogram => Some("le"),
            Self::Summary => Some("quantile"),
            Self::Counter | Self::Gauge | Self::Untyped => None,
        }
    }

    /// Returns whether a series of such a family can have this value.
    fn takes(self, value: &Value) -> bool {
        match value {
            Value::Number(_) => matches!(self, Self::Counter | Self::Gauge | Self::Untyped),
            Value::Histogram(_) => self == Self::Histogram,
            Value::Summary(_) => self == Self::Summary,
        }
    }
}

/// Why something does not go onto a page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// A name that names do not look like.
    Name(InvalidName),
    /// One label name given twice for one series.
    LabelTwice(LabelName),
    /// The family is on the page already, with another type or help.
    OtherFamily(MetricName),
    /// The series has a value already.
    SeriesTwice(MetricName, Labels),
    /// The value is none for a family of this type: a number for a histogram, say.
    OtherValue(MetricName, Kind),
    /// The first family's series would bear names of the second's: `h` that is a histogram, and a gauge `h_count`.
    Collision(MetricName, MetricName),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(reason) => reason.fmt(f),
            Self::LabelTwice(name) => write!(f, "the label `{name}` is given twice"),
            Self::OtherFamily(name) => {
                write!(f, "the family `{name}` is on the page already, with another type or help")
            }
            Self::SeriesTwice(name, labels) => write!(f, "the series {name}{labels} has a value already"),
            Self::OtherValue(name, kind) => write!(f, "`{name}` is a {}, and this is no value for one", kind.as_str()),
            Self::Collision(name, other) => {
                write!(f, "the family `{name}` has series of the same name as the family `{other}`")
            }
        }
    }
}

impl std::error::Error for Refused {}

impl From<InvalidName> for Refused {
    fn from(reason: InvalidName) -> Self {
        Self::Name(reason)
    }
}

/// A page: metric families, in the order of their names. `to_string()` writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Families(BTreeMap<MetricName, Family>);

/// All series of one name. Written as one block, with its HELP and TYPE first; not written while it has no series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    name: MetricName,
    help: Cow<'static, str>,
    kind: Kind,
    series: BTreeMap<Labels, Value>,
}

impl Families {
    /// Returns an empty page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the family `name`, which joins the page unless it is there already.
    ///
    /// # Errors
    /// [`Refused::Name`] for what is no metric name, [`Refused::OtherFamily`] when the family of that name was
    /// declared otherwise, [`Refused::Collision`] when its series would be named as another's.
    pub fn family(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        kind: Kind,
    ) -> Result<&mut Family, Refused> {
        let (name, help) = (MetricName::new(name)?, without_leading_blanks(help.into()));
        if !self.0.contains_key(&name) {
            self.check_collision(&name, kind)?;
        }
        match self.0.entry(name.clone()) {
            Entry::Vacant(place) => Ok(place.insert(Family { name, help, kind, series: BTreeMap::new() })),
            Entry::Occupied(place) => {
                let family = place.into_mut();
                if family.kind == kind && family.help == help { Ok(family) } else { Err(Refused::OtherFamily(name)) }
            }
        }
    }

    /// Returns the [`Kind::Counter`] family `name`.
    ///
    /// # Errors
    /// As [`Families::family`].
    pub fn counter(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<&mut Family, Refused> {
        self.family(name, help, Kind::Counter)
    }

    /// Returns the [`Kind::Gauge`] family `name`.
    ///
    /// # Errors
    /// As [`Families::family`].
    pub fn gauge(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<&mut Family, Refused> {
        self.family(name, help, Kind::Gauge)
    }

    /// Returns the family of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Family> {
        self.0.get(name)
    }

    /// Takes the family of this name off the page.
    pub fn remove(&mut self, name: &str) -> Option<Family> {
        self.0.remove(name)
    }

    /// Moves a family onto this page. One that is here already with the same type takes its series, and keeps its help.
    ///
    /// # Errors
    /// [`Refused::OtherFamily`] for another type, [`Refused::SeriesTwice`] for a series that is here already,
    /// [`Refused::Collision`] as in [`Families::family`]. Then the page is as it was.
    pub fn merge(&mut self, family: Family) -> Result<(), Refused> {
        self.check_merge(&family)?;
        self.put(family);
        Ok(())
    }

    /// Moves every family of `other` onto this page as [`Families::merge`] does: all of them or none.
    ///
    /// # Errors
    /// As [`Families::merge`], for the first family that does not fit. Then the page is as it was.
    pub fn merge_all(&mut self, other: Self) -> Result<(), Refused> {
        other.iter().try_for_each(|family| self.check_merge(family))?;
        other.0.into_values().for_each(|family| self.put(family));
        Ok(())
    }

    fn check_merge(&self, family: &Family) -> Result<(), Refused> {
        let Some(own) = self.0.get(&family.name) else { return self.check_collision(&family.name, family.kind) };
        if own.kind != family.kind {
            return Err(Refused::OtherFamily(family.name.clone()));
        }
        match family.series.keys().find(|labels| own.series.contains_key(*labels)) {
            Some(labels) => Err(Refused::SeriesTwice(family.name.clone(), labels.clone())),
            None => Ok(()),
        }
    }

    /// Takes a family that was found to fit.
    fn put(&mut self, family: Family) {
        match self.0.entry(family.name.clone()) {
            Entry::Vacant(place) => {
                place.insert(family);
            }
            Entry::Occupied(place) => place.into_mut().series.extend(family.series),
        }
    }

    /// Refuses a new family whose series would be named as those of one that is here.
    fn check_collision(&self, name: &MetricName, kind: Kind) -> Result<(), Refused> {
        let collision = |other: &Family| Refused::Collision(name.clone(), other.name.clone());
        for suffix in Kind::Histogram.suffixes() {
            let Some(bare) = name.as_str().strip_suffix(suffix) else { continue };
            if let Some(other) = self.0.get(bare).filter(|other| other.kind.suffixes().contains(suffix)) {
                return Err(collision(other));
            }
        }
        for suffix in kind.suffixes() {
            if let Some(other) = self.0.get(format!("{name}{suffix}").as_str()) {
                return Err(collision(other));
            }
        }
        Ok(())
    }

    /// Moves every family of `other` onto this page: all of them or, when one is here already, none.
    ///
    /// # Errors
    /// [`Refused::OtherFamily`] for the first family that is here already. Two sources that both believe a family
    /// to be theirs is a mistake even when they agree on its type. [`Refused::Collision`] as in [`Families::family`].
    pub fn append(&mut self, other: Self) -> Result<(), Refused> {
        if let Some(name) = other.0.keys().find(|name| self.0.contains_key(*name)) {
            return Err(Refused::OtherFamily(name.clone()));
        }
        other.0.values().try_for_each(|family| self.check_collision(&family.name, family.kind))?;
        self.0.extend(other.0);
        Ok(())
    }

    /// Returns the families in the order of their names, also those that have no series yet.
    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        self.0.values()
    }

    /// Returns how many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.iter().map(|family| family.series.len()).sum()
    }
}

/// The families in the order of their names.
impl IntoIterator for Families {
    type Item = Family;
    type IntoIter = std::collections::btree_map::IntoValues<MetricName, Family>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

impl Family {
    /// Gives the series with these labels its value: a number, a [`Histogram`](crate::Histogram) or a
    /// [`Summary`](crate::Summary).
    ///
    /// # Errors
    /// [`Refused::SeriesTwice`] when it has one already, [`Refused::OtherValue`] for a value that does not fit the
    /// family's type, and what [`Labels::new`] refuses.
    pub fn add<N, V>(
        &mut self,
        labels: impl IntoIterator<Item = (N, V)>,
        value: impl Into<Value>,
    ) -> Result<&mut Self, Refused>
    where
        N: Into<Cow<'static, str>>,
        V: Into<String>,
    {
        self.insert(Labels::new(labels)?, value.into())
    }

    /// Gives the series with these labels its value.
    ///
    /// # Errors
    /// As [`Family::add`]. `le` in a histogram and `quantile` in a summary are the family's own.
    pub fn insert(&mut self, labels: Labels, value: Value) -> Result<&mut Self, Refused> {
        if !self.kind.takes(&value) {
            return Err(Refused::OtherValue(self.name.clone(), self.kind));
        }
        if let Some(own) = self.kind.own_label().and_then(|own| labels.iter().find(|(name, _)| name.as_str() == own)) {
            return Err(Refused::LabelTwice(own.0.clone()));
        }
        match self.series.entry(labels) {
            Entry::Vacant(place) => {
                place.insert(value);
                Ok(self)
            }
            Entry::Occupied(place) => Err(Refused::SeriesTwice(self.name.clone(), place.key().clone())),
        }
    }

    /// Gives the one series without labels its value.
    ///
    /// # Errors
    /// [`Refused::SeriesTwice`] when it has one already.
    pub fn set(&mut self, value: f64) -> Result<&mut Self, Refused> {
        self.add::<&str, &str>([], value)
    }

    /// Returns the name that all series of the family share.
    #[must_use]
    pub fn name(&self) -> &MetricName {
        &self.name
    }

    /// Returns the sentence that says what is measured.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Returns what the values mean.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns labels and values, in the order of the labels.
    pub fn series(&self) -> impl Iterator<Item = (&Labels, &Value)> {
        self.series.iter()
    }

    /// Returns labels and numbers, in the order of the labels; series of histograms and summaries are passed over.
    pub fn numbers(&self) -> impl Iterator<Item = (&Labels, f64)> {
        self.series.iter().filter_map(|(labels, value)| match value {
            Value::Number(Float(number)) => Some((labels, *number)),
            Value::Histogram(_) | Value::Summary(_) => None,
        })
    }

    /// Returns how many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Returns the same family with labels as `change` makes them of each series' own.
    ///
    /// # Errors
    /// [`Refused::SeriesTwice`] when two series have the same labels then, and what [`Family::insert`] refuses.
    pub fn relabel(self, mut change: impl FnMut(Labels) -> Labels) -> Result<Self, Refused> {
        let mut changed = Self { series: BTreeMap::new(), ..self };
        for (labels, value) in self.series {
            changed.insert(change(labels), value)?;
        }
        Ok(changed)
    }

    /// Returns the same family with another help.
    #[must_use]
    pub fn with_help(self, help: impl Into<Cow<'static, str>>) -> Self {
        Self { help: without_leading_blanks(help.into()), ..self }
    }

    /// Puts a family together from what was read.
    pub(crate) fn read(name: MetricName, help: String, kind: Kind, series: BTreeMap<Labels, Value>) -> Self {
        Self { name, help: without_leading_blanks(help.into()), kind, series }
    }
}

/// Takes away what the text format cannot carry at the beginning of a help.
fn without_leading_blanks(help: Cow<'static, str>) -> Cow<'static, str> {
    const BLANKS: [char; 2] = [' ', '\t'];
    match help {
        Cow::Borrowed(help) => Cow::Borrowed(help.trim_start_matches(BLANKS)),
        Cow::Owned(help) if help.starts_with(BLANKS) => Cow::Owned(help.trim_start_matches(BLANKS).to_owned()),
        owned @ Cow::Owned(_) => owned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_asked_for_twice_is_the_same_family() {
        let mut page = Families::new();
        page.gauge("temperature", "Degrees.").unwrap().add([("room", "a")], 1.0).unwrap();
        page.gauge("temperature", "Degrees.").unwrap().add([("room", "b")], 2.0).unwrap();
        assert_eq!(page.iter().count(), 1);
        assert_eq!(page.series_count(), 2);
    }

    #[test]
    fn a_family_keeps_its_type_and_help() {
        let mut page = Families::new();
        page.gauge("up", "Up.").unwrap();
        for error in [page.counter("up", "Up.").unwrap_err(), page.gauge("up", "Down.").unwrap_err()] {
            assert_eq!(error.to_string(), "the family `up` is on the page already, with another type or help");
        }
    }

    #[test]
    fn a_series_has_one_value() {
        let mut page = Families::new();
        let family = page.gauge("up", "Up.").unwrap();
        family.add([("a", "1"), ("b", "\"")], 1.0).unwrap();
        let error = family.add([("b", "\""), ("a", "1")], 2.0).unwrap_err();
        assert_eq!(error.to_string(), r#"the series up{a="1",b="\""} has a value already"#);
    }

    #[test]
    fn a_family_that_comes_from_two_places_has_the_series_of_both() {
        let page = |kind, label: &'static str| {
            let mut page = Families::new();
            page.family("players", label, kind).unwrap().add([("bot", label)], 1.0).unwrap();
            page
        };
        let mut both = page(Kind::Gauge, "a");
        both.merge_all(page(Kind::Gauge, "b")).unwrap();
        assert_eq!(
            both.to_string(),
            "# HELP players a\n# TYPE players gauge\nplayers{bot=\"a\"} 1\nplayers{bot=\"b\"} 1\n"
        );
        let before = both.clone();
        assert!(both.merge_all(page(Kind::Gauge, "b")).is_err(), "a series twice");
        assert!(both.merge_all(page(Kind::Counter, "c")).is_err(), "another type");
        assert_eq!(both, before);
    }

    #[test]
    fn two_families_whose_series_bear_one_name_are_refused_in_either_order() {
        let mut page = Families::new();
        page.family("h", "", Kind::Histogram).unwrap();
        let error = page.gauge("h_bucket", "").unwrap_err();
        assert_eq!(error.to_string(), "the family `h_bucket` has series of the same name as the family `h`");
        page.gauge("s_sum", "").unwrap();
        let error = page.family("s", "", Kind::Summary).unwrap_err();
        assert_eq!(error.to_string(), "the family `s` has series of the same name as the family `s_sum`");
        page.gauge("g", "").unwrap();
        page.gauge("g_count", "").unwrap();
    }

    #[test]
    fn a_histogram_takes_no_number() {
        let mut page = Families::new();
        let error = page.family("h", "", Kind::Histogram).unwrap().set(1.0).unwrap_err();
        assert_eq!(error.to_string(), "`h` is a histogram, and this is no value for one");
    }

    #[test]
    fn pages_are_joined_whole_or_not_at_all() {
        let mut page = Families::new();
        page.gauge("b", "").unwrap().set(1.0).unwrap();
        let before = page.clone();
        let mut other = Families::new();
        other.gauge("a", "").unwrap().set(1.0).unwrap();
        other.gauge("b", "").unwrap().add([("x", "y")], 1.0).unwrap();
        assert!(page.append(other).is_err());
        assert_eq!(page, before);
    }
}
