//! The labels that tell a family's series apart.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::escape;
use crate::name::{InvalidName, LabelName};

/// Why labels were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidLabels {
    /// A name that labels do not have.
    Name(InvalidName),
    /// One name given twice.
    Twice(String),
}

impl fmt::Display for InvalidLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(reason) => reason.fmt(f),
            Self::Twice(name) => write!(f, "the label `{name}` is given twice"),
        }
    }
}

impl std::error::Error for InvalidLabels {}

impl From<InvalidName> for InvalidLabels {
    fn from(reason: InvalidName) -> Self {
        Self::Name(reason)
    }
}

/// The labels of one series, in the order of their names.
///
/// Two sets that were given in different orders are the same set. Their own order is that in which a Pushgateway prints
/// series: fewer labels first, then by the values in the order of the names.
///
/// Held as one piece of text, since a page has thousands of them: how many there are, then each name and value with its
/// length before it; nothing where there are none.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels(Box<str>);

/// A length is written in base 64, lowest digit first, with this bit set in all digits but the last: always ASCII.
const MORE: u8 = 0x40;

impl Labels {
    /// Takes pairs of name and value; any text may be a value.
    ///
    /// # Errors
    /// [`InvalidLabels::Name`] for what is no label name, [`InvalidLabels::Twice`] for a name that comes twice.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, InvalidLabels>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let pairs: Vec<(N, V)> = pairs.into_iter().collect();
        Self::of(&mut pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect::<Vec<_>>())
    }

    /// Takes pairs in any order, and leaves them sorted.
    pub(crate) fn of(pairs: &mut [(&str, &str)]) -> Result<Self, InvalidLabels> {
        for (name, _) in &*pairs {
            LabelName::check(name)?;
        }
        // Most sets are given in order.
        if !pairs.is_sorted_by(|(one, _), (other, _)| one < other) {
            pairs.sort_by_key(|(name, _)| *name);
            if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(InvalidLabels::Twice(pair[0].0.to_owned()));
            }
        }
        Ok(Self::pack(pairs))
    }

    /// Takes pairs that are known to be sorted and to hold, or of which only equality is wanted.
    pub(crate) fn pack(pairs: &[(&str, &str)]) -> Self {
        if pairs.is_empty() {
            return Self(Box::default());
        }
        let bytes = |text: &str| digits(text.len()) + text.len();
        let size = digits(pairs.len()) + pairs.iter().map(|(name, value)| bytes(name) + bytes(value)).sum::<usize>();
        let mut packed = String::with_capacity(size);
        push_length(&mut packed, pairs.len());
        for (name, value) in pairs {
            for text in [name, value] {
                push_length(&mut packed, text.len());
                packed.push_str(text);
            }
        }
        Self(packed.into_boxed_str())
    }

    /// Returns names and values, in the order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let (count, rest) = split_length(&self.0);
        Pairs { count, rest }
    }

    /// Returns the value of the label `name`, if there is one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Returns the same labels and `name`, unless there is a label of that name: then that one stays.
    #[must_use]
    pub fn or_with(self, name: &LabelName, value: &str) -> Self {
        if self.value(name.as_str()).is_some() { self } else { self.with(name, value) }
    }

    /// Returns the same labels with `name` saying `value`, whether there was a label of that name or not.
    #[must_use]
    pub fn with(&self, name: &LabelName, value: &str) -> Self {
        let mut pairs: Vec<_> = self.iter().collect();
        match pairs.binary_search_by_key(&name.as_str(), |(own, _)| *own) {
            Ok(place) => pairs[place].1 = value,
            Err(place) => pairs.insert(place, (name.as_str(), value)),
        }
        Self::pack(&pairs)
    }

    /// Returns the same labels with `from` called `to`, unless there is no `from`, or a label `to` already.
    #[must_use]
    pub fn renamed(self, from: &LabelName, to: &LabelName) -> Self {
        let (Some(value), None) = (self.value(from.as_str()), self.value(to.as_str())) else { return self };
        let others: Vec<_> = self.iter().filter(|(name, _)| *name != from.as_str()).collect();
        Self::pack(&others).with(to, value)
    }

    /// Returns how many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        split_length(&self.0).0
    }

    /// Returns whether there is no label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = |labels: &Self| labels.iter().map(|(_, value)| value).cmp(other.iter().map(|(_, value)| value));
        let names = |labels: &Self| labels.iter().map(|(name, _)| name).cmp(other.iter().map(|(name, _)| name));
        // Names are looked at last: only where all values are alike do they tell two sets apart.
        self.len().cmp(&other.len()).then_with(|| values(self)).then_with(|| names(self))
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `{name="value",…}`, or nothing when there is no label.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "{";
        for (name, value) in self.iter() {
            for piece in [before, name, "=\""] {
                f.write_str(piece)?;
            }
            escape::label_value(value, f)?;
            f.write_char('"')?;
            before = ",";
        }
        if before == "{" { Ok(()) } else { f.write_char('}') }
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Labels({self})")
    }
}

/// What is left of a set of labels.
struct Pairs<'a> {
    count: usize,
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let (name, rest) = split_text(self.rest);
        let (value, rest) = split_text(rest);
        self.rest = rest;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

fn split_text(text: &str) -> (&str, &str) {
    let (length, rest) = split_length(text);
    rest.split_at(length)
}

fn split_length(text: &str) -> (usize, &str) {
    let (mut length, mut shift) = (0, 0);
    for (place, digit) in text.bytes().enumerate() {
        length |= usize::from(digit & (MORE - 1)) << shift;
        shift += 6;
        if digit & MORE == 0 {
            return (length, &text[place + 1..]);
        }
    }
    (0, "")
}

fn push_length(text: &mut String, mut length: usize) {
    while length >= usize::from(MORE) {
        text.push(char::from((length % usize::from(MORE)) as u8 | MORE));
        length /= usize::from(MORE);
    }
    text.push(char::from(length as u8));
}

/// How many digits the length has.
fn digits(length: usize) -> usize {
    (usize::BITS - length.leading_zeros()).div_ceil(6).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_in_which_labels_are_given_does_not_matter() {
        assert_eq!(Labels::new([("b", "1"), ("a", "2")]).unwrap(), Labels::new([("a", "2"), ("b", "1")]).unwrap());
    }

    #[test]
    fn a_label_that_comes_twice_is_refused() {
        let error = Labels::new([("a", "1"), ("b", "2"), ("a", "3")]).unwrap_err();
        assert_eq!(error.to_string(), "the label `a` is given twice");
    }

    #[test]
    fn fewer_labels_come_first_and_then_values_decide() {
        let labels = |pairs: &[(&'static str, &str)]| Labels::new(pairs.iter().map(|(n, v)| (*n, *v))).unwrap();
        let ordered = [
            labels(&[]),
            labels(&[("z", "1")]),
            labels(&[("a", "2")]),
            labels(&[("b", "2")]),
            labels(&[("a", "1"), ("b", "1")]),
            labels(&[("a", "1"), ("b", "2")]),
        ];
        assert!(ordered.is_sorted(), "{ordered:?}");
    }

    #[test]
    fn a_label_is_set_kept_or_renamed() {
        let name = |text: &'static str| LabelName::new(text).unwrap();
        let labels = Labels::new([("a", "1"), ("c", "3")]).unwrap();
        assert_eq!(labels.with(&name("b"), "2").to_string(), r#"{a="1",b="2",c="3"}"#);
        assert_eq!(labels.with(&name("a"), "2").to_string(), r#"{a="2",c="3"}"#);
        assert_eq!(labels.clone().or_with(&name("a"), "2"), labels);
        assert_eq!(labels.clone().renamed(&name("a"), &name("z")).to_string(), r#"{c="3",z="1"}"#);
        assert_eq!(labels.clone().renamed(&name("a"), &name("c")), labels);
    }

    #[test]
    fn there_may_be_many_and_long_ones() {
        for (count, length) in [(63, 64), (64, 63), (65, 4095), (5000, 1), (1, 1 << 18)] {
            let pairs: Vec<_> = (0..count).map(|n| (format!("l{n:0>70}"), "é".repeat(length))).collect();
            let labels = Labels::new(pairs.clone()).unwrap();
            assert_eq!(labels.len(), count);
            assert!(labels.iter().eq(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(pairs in proptest::collection::btree_map("[a-z]{1,3}", any::<String>(), 0..5)) {
            let labels = Labels::new(pairs.clone()).unwrap();
            prop_assert_eq!(labels.len(), pairs.len());
            prop_assert!(labels.iter().eq(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        }
    }
}
