//! The names of a series.

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::METRIC_NAME;

/// A name and its value. Both are shared, because the same few words name thousands of series.
pub type Label = (Arc<str>, Arc<str>);

/// What tells one series from another: labels in the order of their names, none twice, none empty.
///
/// A clone costs one counter. An empty value is the same as no label, as everywhere in Prometheus.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// Returns no labels.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new([]))
    }

    /// Returns the value of the label `name`, or the empty string.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        // Rarely more than a dozen: a walk beats a binary search.
        self.0.iter().find(|(other, _)| &**other == name).map_or("", |(_, value)| value)
    }

    /// Returns the metric's name, or the empty string.
    #[must_use]
    pub fn metric(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// Returns the labels in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the labels as they are kept, for those who share the words.
    #[must_use]
    pub fn as_slice(&self) -> &[Label] {
        &self.0
    }

    /// Returns how many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns those labels whose names `keep` likes.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// Returns the labels without the metric's name.
    #[must_use]
    pub fn without_metric(&self) -> Self {
        self.filter(|name| name != METRIC_NAME)
    }

    /// Returns the labels with `name` set to `value`; an empty value takes the label away.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut labels: Vec<Label> = self.0.iter().filter(|(other, _)| &**other != name).cloned().collect();
        if !value.is_empty() {
            let place = labels.partition_point(|(other, _)| &**other < name);
            labels.insert(place, (name.into(), value.into()));
        }
        Self(labels.into())
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

/// Of a name given twice the last value counts.
impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for Labels {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(labels: T) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        // Stable, so that equal names stay in the order given; the later one is kept below.
        labels.sort_by(|(one, _), (other, _)| one.cmp(other));
        labels.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = Arc::clone(&later.1);
            }
            same
        });
        labels.retain(|(_, value)| !value.is_empty());
        Self(labels.into())
    }
}

/// As a selector would name the series: `up{instance="db-1"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric();
        f.write_str(metric)?;
        let mut others = self.iter().filter(|(name, _)| *name != METRIC_NAME).peekable();
        if others.peek().is_none() && !metric.is_empty() {
            return Ok(());
        }
        f.write_char('{')?;
        for (place, (name, value)) in others.enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}=\"")?;
            for letter in value.chars() {
                match letter {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    other => f.write_char(other)?,
                }
            }
            f.write_char('"')?;
        }
        f.write_char('}')
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn labels_are_sorted_unique_and_never_empty() {
        let made = labels(&[("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);

        assert_eq!(made.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(made.get("c"), "");
    }

    #[test]
    fn setting_a_label_keeps_the_order_and_an_empty_value_takes_it_away() {
        let made = labels(&[("a", "1"), ("c", "3")]).with("b", "2");

        assert_eq!(made, labels(&[("a", "1"), ("b", "2"), ("c", "3")]));
        assert_eq!(made.with("b", ""), labels(&[("a", "1"), ("c", "3")]));
    }

    #[test]
    fn a_series_reads_as_its_selector() {
        assert_eq!(labels(&[(METRIC_NAME, "up"), ("instance", "a\"b")]).to_string(), r#"up{instance="a\"b"}"#);
        assert_eq!(labels(&[(METRIC_NAME, "up")]).to_string(), "up");
        assert_eq!(Labels::empty().to_string(), "{}");
    }
}
