//! What the parts of a template are worth.

use std::collections::BTreeMap;
use std::sync::Arc;

use promql::Point;
use series::Labels;

/// Asks a query at the time of the evaluation.
pub(crate) type Query<'a> = dyn Fn(&str) -> Result<Vec<Point>, String> + 'a;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// No value, as Go's nil.
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// Labels by name.
    Labels(Labels),
    /// What `args` makes.
    Arguments(Arc<BTreeMap<String, Value>>),
    /// A series with its value.
    Sample(Arc<Sample>),
    /// What a query returned.
    List(Arc<Vec<Value>>),
    /// The dot at the top: `.Labels`, `.Value`, `.ExternalLabels`, `.ExternalURL`.
    Subject,
}

/// A series with its value.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Value {
    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Returns whether `if` takes it for true: whatever is not empty and not zero.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Arguments(arguments) => !arguments.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Sample(_) | Self::Subject => true,
        }
    }

    /// Returns what Go calls the type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Labels(_) => "map[string]string",
            Self::Arguments(_) => "map[string]interface {}",
            Self::Sample(_) => "*template.sample",
            Self::List(_) => "template.queryResult",
            Self::Subject => "struct",
        }
    }
}
