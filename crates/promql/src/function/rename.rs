//! New labels out of old ones.

use regex::{Regex, RegexBuilder};
use series::Labels;

use crate::error::{Error, invalid};

/// Returns whether `name` may name a label.
pub(crate) fn is_label_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// `label_replace`, ready for many series.
#[derive(Debug)]
pub(crate) struct Replacement {
    target: String,
    template: String,
    source: String,
    pattern: Regex,
}

impl Replacement {
    pub(crate) fn new(target: String, template: String, source: String, pattern: &str) -> Result<Self, Error> {
        let whole = RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(1 << 20).build();
        let pattern =
            whole.map_err(|_| invalid(format!("invalid regular expression in label_replace(): {pattern}")))?;
        if !is_label_name(&target) {
            return Err(invalid(format!("invalid destination label name in label_replace(): {target}")));
        }
        Ok(Self { target, template, source, pattern })
    }

    /// Returns the labels with the target set, or as they are when the source does not fit.
    pub(crate) fn apply(&self, labels: &Labels) -> Labels {
        let Some(found) = self.pattern.captures(labels.get(&self.source)) else { return labels.clone() };
        let mut value = String::new();
        found.expand(&self.template, &mut value);
        labels.with(&self.target, &value)
    }
}
