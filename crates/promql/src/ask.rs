//! Asking a query.

use promql_parser::parser::value::ValueType;
use series::{Labels, Sample};

use crate::engine::{Engine, Range};
use crate::error::{Error, invalid};
use crate::evaluate::{Evaluator, Steps, unwrap_parens};
use crate::query::Query;
use crate::rows::{Evaluated, Row, is_absent};
use crate::run::Run;
use crate::storage::Storage;
use crate::value::{Answer, Point, Points, Value};

impl Engine {
    /// Evaluates `query` at `time`, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the query asks for what cannot be, when it passes a limit, or when the storage cannot be read.
    pub fn instant(&self, storage: &dyn Storage, query: &Query, time: i64) -> Result<Answer, Error> {
        let run = Run::new(self);
        let evaluator = Evaluator::new(&run, storage, Steps { start: time, end: time, step: 1 });
        let expression = query.expression();
        let value = match expression.value_type() {
            ValueType::Matrix => Value::Matrix(evaluator.matrix(unwrap_parens(expression))?),
            _ => match evaluator.evaluate(expression)? {
                Evaluated::Scalar(values) => {
                    Value::Scalar(Sample::new(time, values.first().copied().unwrap_or(f64::NAN)))
                }
                Evaluated::Text(text) => Value::Text(text),
                Evaluated::Vector(rows) => Value::Vector(
                    rows.into_iter()
                        .filter_map(|row| {
                            let value = row.values.first().copied().filter(|value| !is_absent(*value))?;
                            Some(Point { labels: row.labels, sample: Sample::new(time, value) })
                        })
                        .collect(),
                ),
            },
        };
        Ok(run.answer(value))
    }

    /// Evaluates `query` at every step of `range`. The answer is a [`Value::Matrix`].
    ///
    /// # Errors
    /// As [`instant`](Self::instant), and when the query is worth neither numbers nor vectors, the range runs backwards,
    /// or has no step.
    pub fn range(&self, storage: &dyn Storage, query: &Query, range: Range) -> Result<Answer, Error> {
        let kind = query.expression().value_type();
        if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            let kind = if kind == ValueType::Matrix { "range vector" } else { "string" };
            return Err(invalid(format!(
                "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
            )));
        }
        if range.step <= 0 || range.end < range.start {
            return Err(invalid("a range needs an end that is not before its start, and a step above zero"));
        }
        let steps = Steps { start: range.start, end: range.end, step: range.step };
        if steps.wide_count() > self.limits.steps as u64 {
            return Err(Error::TooManySteps { steps: steps.wide_count(), limit: self.limits.steps });
        }
        let run = Run::new(self);
        let rows = match Evaluator::new(&run, storage, steps).evaluate(query.expression())? {
            Evaluated::Scalar(values) => vec![Row { labels: Labels::empty(), values }],
            Evaluated::Vector(rows) => rows,
            Evaluated::Text(_) => return Err(invalid("a text has no range")),
        };
        let mut matrix: Vec<Points> = rows
            .into_iter()
            .filter_map(|row| {
                let samples: Vec<Sample> = steps
                    .times()
                    .zip(row.values)
                    .filter(|(_, value)| !is_absent(*value))
                    .map(|(time, value)| Sample::new(time, value))
                    .collect();
                (!samples.is_empty()).then_some(Points { labels: row.labels, samples })
            })
            .collect();
        matrix.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(run.answer(Value::Matrix(matrix)))
    }
}
