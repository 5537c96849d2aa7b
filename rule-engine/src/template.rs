//! Texts of labels and annotations: the part of Go's text/template that rule files use, with Prometheus' functions.
//!
//! `define`, `template`, `block`, `break` and `continue`, and functions that Prometheus does not have are refused by
//! name when the file is read.

mod action;
mod call;
mod collection;
mod compare;
mod float;
mod humanize;
mod lex;
mod link;
mod node;
mod parse;
mod print;
mod run;
mod value;
mod words;

use series::Labels;

use self::node::Node;
use self::run::Run;
pub(crate) use self::value::Query;

/// What Prometheus puts before every text, so that `$labels` and its like are there. Positions in errors count it.
const PREAMBLE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// A text with actions (`{{ $labels.instance }} is down`).
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    nodes: Vec<Node>,
}

/// Why a text is no template. The words are for the one who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadTemplate {
    /// The line of the text, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// What a text may speak of.
pub(crate) struct Subject<'a> {
    /// The name of the alert, for errors.
    pub(crate) alert: &'a str,
    /// `$labels`: those of the series that the rule's query returned.
    pub(crate) labels: &'a Labels,
    /// `$value`.
    pub(crate) value: f64,
    /// `$externalLabels`.
    pub(crate) external_labels: &'a Labels,
    /// `$externalURL`.
    pub(crate) external_url: &'a str,
    /// Asks a query at the time of the evaluation.
    pub(crate) query: &'a Query<'a>,
}

impl Template {
    /// Understands `text`.
    ///
    /// # Errors
    /// When an action is malformed, or uses a function, a variable or a keyword that is not there.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        Ok(Self { text: text.to_owned(), nodes: parse::parse(text)? })
    }

    /// Returns the text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fills the text in. What goes wrong stands in the text, as in Prometheus: an alert with an ugly text is better than none.
    pub(crate) fn expand(&self, subject: &Subject<'_>) -> String {
        match Run::new(subject, &self.text).run(&self.nodes) {
            Ok(text) => text,
            Err(reason) => format!("<error expanding template: {reason}>"),
        }
    }
}

/// Equal texts are equal templates.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

#[cfg(test)]
mod tests;
