//! What a query answers.

use series::{Labels, Sample};

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was computed.
    pub value: Value,
    /// What the asker should know of it: a quantile out of range, say. Each once.
    pub warnings: Vec<String>,
}

/// A computed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, and the moment it belongs to.
    Scalar(Sample),
    /// A text.
    Text(String),
    /// One sample for each series, in the order of the answer: `topk` and `sort` give it a meaning.
    Vector(Vec<Point>),
    /// Many samples for each series, in the order of the labels: a range, or an instant query for one (`up[5m]`).
    Matrix(Vec<Points>),
}

/// A series with one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What the series is called.
    pub labels: Labels,
    /// Its sample.
    pub sample: Sample,
}

/// A series with its samples, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// What the series is called.
    pub labels: Labels,
    /// Its samples, at least one.
    pub samples: Vec<Sample>,
}
