//! Asking a query.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use promql_parser::parser::value::ValueType;
use series::Sample;

use crate::error::{Error, invalid};
use crate::evaluate::{Evaluator, Steps, unwrap_parens};
use crate::limits::Limits;
use crate::query::Query;
use crate::rows::{Evaluated, is_absent};
use crate::semantics::Semantics;
use crate::storage::Storage;
use crate::value::{Answer, Point, Points, Value};

/// How queries are evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Whose reading is followed.
    pub semantics: Semantics,
    /// What a query may cost.
    pub limits: Limits,
    /// For how long a sample stands for its series; Prometheus: 5 min.
    pub lookback: Duration,
    /// Step of a subquery that names none (`[1h:]`); Prometheus: the global evaluation interval.
    pub subquery_step: Duration,
}

/// The moments of a range query, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First moment.
    pub start: i64,
    /// Last moment at most.
    pub end: i64,
    /// From one moment to the next; more than zero.
    pub step: i64,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            semantics: Semantics::default(),
            limits: Limits::default(),
            lookback: Duration::from_secs(300),
            subquery_step: Duration::from_secs(60),
        }
    }
}

impl Engine {
    /// Evaluates `query` at `time`, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the query asks for what cannot be, when it passes a limit, or when the storage cannot be read.
    pub fn instant(&self, storage: &dyn Storage, query: &Query, time: i64) -> Result<Answer, Error> {
        let run = Run::new(self);
        let evaluator = run.evaluator(storage, Steps { start: time, end: time, step: 1 });
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
        let rows = match run.evaluator(storage, steps).evaluate(query.expression())? {
            Evaluated::Scalar(values) => vec![crate::rows::Row { labels: series::Labels::empty(), values }],
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

/// One evaluation: what it has cost and what it has to say.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    started: Instant,
    spent: Cell<u64>,
    warnings: RefCell<BTreeSet<String>>,
}

impl<'a> Run<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self { engine, started: Instant::now(), spent: Cell::new(0), warnings: RefCell::default() }
    }

    fn evaluator<'r>(&'r self, storage: &'r dyn Storage, steps: Steps) -> Evaluator<'r> {
        Evaluator { run: self, storage, steps, start: steps.start, end: steps.end }
    }

    fn answer(self, value: Value) -> Answer {
        Answer { value, warnings: self.warnings.into_inner().into_iter().collect() }
    }

    /// Notes that so many samples were read or computed, and ends the query when it is over its limits.
    pub(crate) fn spend(&self, samples: usize) -> Result<(), Error> {
        let spent = self.spent.get().saturating_add(samples as u64);
        self.spent.set(spent);
        if spent > self.engine.limits.samples {
            return Err(Error::TooManySamples(self.engine.limits.samples));
        }
        if self.started.elapsed() > self.engine.limits.time {
            return Err(Error::TooSlow(self.engine.limits.time));
        }
        Ok(())
    }

    pub(crate) fn warn(&self, text: String) {
        self.warnings.borrow_mut().insert(text);
    }
}

/// Shows only what it was made for.
impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("spent", &self.spent).finish_non_exhaustive()
    }
}

/// Keeps a duration within what the arithmetic on moments can hold: ten thousand years.
pub(crate) fn millis(duration: Duration) -> i64 {
    const LONGEST: i64 = 10_000 * 366 * 86_400_000;
    i64::try_from(duration.as_millis()).map_or(LONGEST, |millis| millis.min(LONGEST))
}
