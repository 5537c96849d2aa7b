//! A page: families of series.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::family::{self, Family};
use crate::kind::Kind;
use crate::name::MetricName;
use crate::refused::Refused;

/// A page: metric families, in the order of their names. `to_string()` writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Families(BTreeMap<MetricName, Family>);

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
        let (name, help) = (MetricName::new(name)?, family::without_leading_blanks(help.into()));
        if may_collide(&name, kind) && !self.0.contains_key(&name) {
            self.check_collision(&name, kind)?;
        }
        match self.0.entry(name) {
            Entry::Vacant(place) => {
                let name = place.key().clone();
                Ok(place.insert(Family::new(name, help, kind)))
            }
            Entry::Occupied(place) => {
                let family = place.into_mut();
                if family.kind() == kind && family.help() == help {
                    Ok(family)
                } else {
                    Err(Refused::OtherFamily(family.name().clone()))
                }
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
        match self.0.get(family.name()) {
            Some(own) => own.check_absorb(family),
            None => self.check_collision(family.name(), family.kind()),
        }
    }

    /// Takes a family that was found to fit.
    fn put(&mut self, family: Family) {
        match self.0.entry(family.name().clone()) {
            Entry::Vacant(place) => {
                place.insert(family);
            }
            Entry::Occupied(place) => place.into_mut().absorb(family),
        }
    }

    /// Refuses a new family whose series would be named as those of one that is here.
    fn check_collision(&self, name: &MetricName, kind: Kind) -> Result<(), Refused> {
        let collision = |other: &Family| Refused::Collision(name.clone(), other.name().clone());
        for suffix in Kind::Histogram.suffixes() {
            let Some(bare) = name.as_str().strip_suffix(suffix) else { continue };
            if let Some(other) = self.0.get(bare).filter(|other| other.kind().suffixes().contains(suffix)) {
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
        if let (Some(first), Some(last)) = (other.0.keys().next(), other.0.keys().next_back())
            // Sources give their families names of their own, so there is mostly nothing between them.
            && self.0.range::<MetricName, _>(first..=last).next().is_some()
            && let Some(name) = other.0.keys().find(|name| self.0.contains_key(*name))
        {
            return Err(Refused::OtherFamily(name.clone()));
        }
        other.0.values().try_for_each(|family| self.check_collision(family.name(), family.kind()))?;
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
        self.iter().map(Family::series_count).sum()
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

/// Whether the series of such a family may be named as those of another: most cannot, and need not be searched for.
fn may_collide(name: &MetricName, kind: Kind) -> bool {
    let ends = |suffix: &&str| name.as_str().ends_with(*suffix);
    !kind.suffixes().is_empty() || Kind::Histogram.suffixes().iter().any(ends)
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
