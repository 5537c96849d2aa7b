//! What a page holds: families of series.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use crate::labels::Labels;
use crate::name::{InvalidName, LabelName, MetricName};

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
}

impl Kind {
    /// Returns the word that stands in a TYPE line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Untyped => "untyped",
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
    series: BTreeMap<Labels, f64>,
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
    /// declared otherwise.
    pub fn family(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        kind: Kind,
    ) -> Result<&mut Family, Refused> {
        let (name, help) = (MetricName::new(name)?, help.into());
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

    /// Moves every family of `other` onto this page: all of them or, when one is here already, none.
    ///
    /// # Errors
    /// [`Refused::OtherFamily`] for the first family that is here already. Two sources that both believe a family
    /// to be theirs is a mistake even when they agree on its type.
    pub fn append(&mut self, other: Self) -> Result<(), Refused> {
        if let Some(name) = other.0.keys().find(|name| self.0.contains_key(name)) {
            return Err(Refused::OtherFamily(name.clone()));
        }
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

impl Family {
    /// Gives the series with these labels its value.
    ///
    /// # Errors
    /// [`Refused::SeriesTwice`] when it has one already, and what [`Labels::new`] refuses.
    pub fn add<N, V>(&mut self, labels: impl IntoIterator<Item = (N, V)>, value: f64) -> Result<&mut Self, Refused>
    where
        N: Into<Cow<'static, str>>,
        V: Into<String>,
    {
        match self.series.entry(Labels::new(labels)?) {
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
    pub fn series(&self) -> impl Iterator<Item = (&Labels, f64)> {
        self.series.iter().map(|(labels, value)| (labels, *value))
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
