//! The labels that tell a family's series apart.

use std::borrow::Cow;

use crate::family::Refused;
use crate::name::LabelName;

/// The labels of one series, in the order of their names.
///
/// Two sets that were given in different orders are the same set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<(LabelName, String)>);

impl Labels {
    /// Takes pairs of name and value; any text may be a value.
    ///
    /// # Errors
    /// [`Refused::Name`] for what is no label name, [`Refused::LabelTwice`] for a name that comes twice.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Refused>
    where
        N: Into<Cow<'static, str>>,
        V: Into<String>,
    {
        let mut labels = pairs
            .into_iter()
            .map(|(name, value)| Ok((LabelName::new(name)?, value.into())))
            .collect::<Result<Vec<_>, Refused>>()?;
        labels.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some(pair) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Refused::LabelTwice(pair[0].0.clone()));
        }
        Ok(Self(labels))
    }

    /// Returns names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&LabelName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// Returns the value of the label `name`, if there is one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| (own.as_str() == name).then_some(value))
    }

    /// Returns the same labels and `name`, unless there is a label of that name: then that one stays.
    #[must_use]
    pub fn or_with(mut self, name: &LabelName, value: &str) -> Self {
        if let Err(place) = self.0.binary_search_by(|(own, _)| own.cmp(name)) {
            self.0.insert(place, (name.clone(), value.to_owned()));
        }
        self
    }

    /// Returns the same labels with `from` called `to`, unless there is no `from`, or a label `to` already.
    #[must_use]
    pub fn renamed(mut self, from: &LabelName, to: &LabelName) -> Self {
        let place = |labels: &Self, name: &LabelName| labels.0.binary_search_by(|(own, _)| own.cmp(name));
        if let (Ok(old), Err(_)) = (place(&self, from), place(&self, to)) {
            let (_, value) = self.0.remove(old);
            return self.or_with(to, &value);
        }
        self
    }

    /// Returns whether there is no label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_labels_are_given_does_not_matter() {
        assert_eq!(Labels::new([("b", "1"), ("a", "2")]).unwrap(), Labels::new([("a", "2"), ("b", "1")]).unwrap());
    }

    #[test]
    fn a_label_that_comes_twice_is_refused() {
        let error = Labels::new([("a", "1"), ("b", "2"), ("a", "3")]).unwrap_err();
        assert_eq!(error.to_string(), "the label `a` is given twice");
    }
}
