//! All series of one name.

use std::borrow::Cow;

use crate::kind::Kind;
use crate::labels::Labels;
use crate::name::MetricName;
use crate::refused::Refused;
use crate::value::{Float, Value};

/// All series of one name. Written as one block, with its HELP and TYPE first; not written while it has no series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    name: MetricName,
    help: Cow<'static, str>,
    kind: Kind,
    /// In the order of the labels, of which none come twice.
    series: Vec<(Labels, Value)>,
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
        N: AsRef<str>,
        V: AsRef<str>,
    {
        self.insert(Labels::new(labels)?, value.into())
    }

    /// Gives the series with these labels its value.
    ///
    /// # Errors
    /// As [`Family::add`]. `le` in a histogram and `quantile` in a summary are the family's own.
    ///
    /// Series in their own order cost the same each; one that belongs before others costs as much as it has to move.
    pub fn insert(&mut self, labels: Labels, value: Value) -> Result<&mut Self, Refused> {
        if !self.kind.takes(&value) {
            return Err(Refused::OtherValue(self.name.clone(), self.kind));
        }
        if let Some(own) = self.kind.own_label().filter(|own| labels.value(own).is_some()) {
            return Err(Refused::LabelTwice(own.to_owned()));
        }
        // Whoever builds a page does so in order, or nearly.
        let place = match self.series.last() {
            Some((last, _)) if *last >= labels => self.series.binary_search_by(|(own, _)| own.cmp(&labels)),
            _ => Err(self.series.len()),
        };
        match place {
            Err(place) => {
                self.series.insert(place, (labels, value));
                Ok(self)
            }
            Ok(_) => Err(Refused::SeriesTwice(self.name.clone(), labels)),
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
        self.series.iter().map(|(labels, value)| (labels, value))
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
        let mut series: Vec<_> = self.series.into_iter().map(|(labels, value)| (change(labels), value)).collect();
        if let Some(own) = self.kind.own_label()
            && series.iter().any(|(labels, _)| labels.value(own).is_some())
        {
            return Err(Refused::LabelTwice(own.to_owned()));
        }
        series.sort_by(|(one, _), (other, _)| one.cmp(other));
        match series.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Refused::SeriesTwice(self.name, pair[0].0.clone())),
            None => Ok(Self { series, ..self }),
        }
    }

    /// Returns the same family with another help.
    #[must_use]
    pub fn with_help(self, help: impl Into<Cow<'static, str>>) -> Self {
        Self { help: without_leading_blanks(help.into()), ..self }
    }

    /// Returns a family that has no series yet.
    pub(crate) fn new(name: MetricName, help: Cow<'static, str>, kind: Kind) -> Self {
        Self { name, help, kind, series: Vec::new() }
    }

    /// Puts a family together from what was read. `series` is in order, nothing in it comes twice, and its values fit
    /// `kind`.
    pub(crate) fn read(name: MetricName, help: String, kind: Kind, series: Vec<(Labels, Value)>) -> Self {
        Self { name, help: without_leading_blanks(help.into()), kind, series }
    }

    /// Returns why the series of `other`, which bears the same name, cannot join these.
    pub(crate) fn check_absorb(&self, other: &Self) -> Result<(), Refused> {
        if self.kind != other.kind {
            return Err(Refused::OtherFamily(other.name.clone()));
        }
        let known = |labels: &Labels| self.series.binary_search_by(|(own, _)| own.cmp(labels)).is_ok();
        match other.series.iter().find(|(labels, _)| known(labels)) {
            Some((labels, _)) => Err(Refused::SeriesTwice(other.name.clone(), labels.clone())),
            None => Ok(()),
        }
    }

    /// Takes the series of a family that was found to fit.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.series.extend(other.series);
        // Two runs that are in order each: the sort only merges them.
        self.series.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
}

/// Takes away what the text format cannot carry at the beginning of a help.
pub(crate) fn without_leading_blanks(help: Cow<'static, str>) -> Cow<'static, str> {
    const BLANKS: [char; 2] = [' ', '\t'];
    match help {
        Cow::Borrowed(help) => Cow::Borrowed(help.trim_start_matches(BLANKS)),
        Cow::Owned(help) if help.starts_with(BLANKS) => Cow::Owned(help.trim_start_matches(BLANKS).to_owned()),
        owned @ Cow::Owned(_) => owned,
    }
}
