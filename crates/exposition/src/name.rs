//! Names that hold: whoever has one need not check it again.

use std::borrow::{Borrow, Cow};
use std::fmt;

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidName {
    /// A metric is called `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    Metric(String),
    /// A label is called `[a-zA-Z_][a-zA-Z0-9_]*`.
    Label(String),
    /// Labels that begin with `__` are Prometheus' own; a Pushgateway refuses them.
    Reserved(String),
}

impl InvalidName {
    /// Returns the name that was refused.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Metric(name) | Self::Label(name) | Self::Reserved(name) => name,
        }
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric(name) => write!(
                f,
                "`{}` is no name for a metric: letters, digits, `_` and `:`, no digit first",
                name.escape_debug()
            ),
            Self::Label(name) => {
                write!(f, "`{}` is no name for a label: letters, digits and `_`, no digit first", name.escape_debug())
            }
            Self::Reserved(name) => {
                write!(f, "the label `{name}` begins with `__`, which Prometheus keeps for itself")
            }
        }
    }
}

impl std::error::Error for InvalidName {}

/// The name of a metric family, such as `node_load1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(Cow<'static, str>);

impl MetricName {
    /// Takes `name` if it is `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    ///
    /// # Errors
    /// [`InvalidName::Metric`] otherwise.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, InvalidName> {
        let name = name.into();
        Self::check(&name)?;
        Ok(Self(name))
    }

    /// Returns whether `name` would be taken.
    pub(crate) fn check(name: &str) -> Result<(), InvalidName> {
        if is_name(name, |letter| letter == b':') { Ok(()) } else { Err(InvalidName::Metric(name.to_owned())) }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names are looked up as text; equality and order are the text's.
impl Borrow<str> for MetricName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name of a label, such as `device`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName(Cow<'static, str>);

impl LabelName {
    /// Takes `name` if it is `[a-zA-Z_][a-zA-Z0-9_]*` and does not begin with `__`.
    ///
    /// # Errors
    /// [`InvalidName::Label`] or [`InvalidName::Reserved`] otherwise.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, InvalidName> {
        let name = name.into();
        Self::check(&name)?;
        Ok(Self(name))
    }

    /// Returns whether `name` would be taken.
    pub(crate) fn check(name: &str) -> Result<(), InvalidName> {
        if !is_name(name, |_| false) {
            Err(InvalidName::Label(name.to_owned()))
        } else if name.starts_with("__") {
            Err(InvalidName::Reserved(name.to_owned()))
        } else {
            Ok(())
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `name` is a C identifier whose letters may also be those of `more`.
fn is_name(name: &str, more: impl Fn(u8) -> bool) -> bool {
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'_') || more(byte);
    let mut bytes = name.bytes();
    bytes.next().is_some_and(letter) && bytes.all(|byte| letter(byte) || byte.is_ascii_digit())
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_may_have_colons_and_a_label_may_not() {
        for name in ["up", "_", ":", "a:b_c9", "node_memory_Active_anon_bytes"] {
            assert_eq!(MetricName::new(name).unwrap().as_str(), name);
        }
        assert_eq!(LabelName::new("a:b"), Err(InvalidName::Label("a:b".into())));
        assert_eq!(LabelName::new("_a9").unwrap().as_str(), "_a9");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "9a", "a-b", "a b", "é", "a\n", "a{"] {
            assert_eq!(MetricName::new(name), Err(InvalidName::Metric(name.into())), "{name:?}");
            assert_eq!(LabelName::new(name), Err(InvalidName::Label(name.into())), "{name:?}");
        }
    }

    #[test]
    fn labels_that_prometheus_keeps_for_itself_are_refused() {
        assert_eq!(LabelName::new("__name__"), Err(InvalidName::Reserved("__name__".into())));
        assert_eq!(LabelName::new("__"), Err(InvalidName::Reserved("__".into())));
    }
}
