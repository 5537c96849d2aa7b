//! Functions: which arguments they take, and what their results are called.

mod absent;
mod buckets;

use promql_parser::parser::{Call, Expr};

use crate::error::{Error, invalid};
use crate::evaluate::{Evaluator, unwrap_parens};
use crate::function::{
    self, Rate, Replacement, calendar, clamp, elementwise, is_label_name, over_time, predict, quantile_of, rate,
    round_to, smooth,
};
use crate::rows::{ABSENT, Evaluated, Row, SAME_LABELS, is_absent, join};
use crate::select::Take;
use crate::semantics::Semantics;

/// The arguments of a call.
struct Arguments<'e> {
    function: &'e str,
    expressions: Vec<&'e Expr>,
}

impl<'e> Arguments<'e> {
    fn get(&self, place: usize) -> Result<&'e Expr, Error> {
        self.expressions
            .get(place)
            .copied()
            .ok_or_else(|| invalid(format!("{} needs more than {place} argument(s)", self.function)))
    }
}

impl Evaluator<'_> {
    pub(crate) fn call(&self, call: &Call) -> Result<Evaluated, Error> {
        let function = call.func.name;
        let arguments =
            Arguments { function, expressions: call.args.args.iter().map(|argument| &**argument).collect() };
        let steps = self.steps.count();
        match function {
            "time" => return Ok(Evaluated::Scalar(self.steps.times().map(|time| time as f64 / 1000.0).collect())),
            "pi" => return Ok(Evaluated::Scalar(vec![std::f64::consts::PI; steps])),
            "scalar" => return Ok(Evaluated::Scalar(only_value(&self.vector(arguments.get(0)?)?, steps))),
            _ => {}
        }
        let rows = if let Some(rows) = self.of_window(&arguments)? {
            rows
        } else if let Some(rows) = self.of_values(&arguments)? {
            rows
        } else if let Some(rows) = self.of_vectors(&arguments)? {
            rows
        } else {
            return Err(Error::Unsupported(format!("the function `{function}`")));
        };
        Ok(Evaluated::Vector(rows))
    }

    /// Functions of a range vector. Their results lose the metric's name, and no two may then be called the same, be they
    /// there at the same step or not.
    fn of_window(&self, arguments: &Arguments<'_>) -> Result<Option<Vec<Row>>, Error> {
        let semantics = self.run.engine.semantics;
        let window = |place| arguments.get(place);
        let rows = if let Some(compute) = over_time(arguments.function, semantics) {
            self.windows(window(0)?, compute)?
        } else {
            match arguments.function {
                "rate" => self.windows(window(0)?, |window| rate(window, Rate::PerSecond, semantics))?,
                "increase" => self.windows(window(0)?, |window| rate(window, Rate::Increase, semantics))?,
                "delta" => self.windows(window(0)?, |window| rate(window, Rate::Delta, semantics))?,
                "predict_linear" => {
                    let seconds = self.scalar(arguments.get(1)?)?;
                    self.windows(window(0)?, |window| predict(window, at(&seconds, window.step)))?
                }
                "quantile_over_time" => {
                    let shares = self.scalar(arguments.get(0)?)?;
                    shares.iter().for_each(|share| self.warn_of_share(*share));
                    self.windows(window(1)?, |window| {
                        let mut values: Vec<f64> = window.samples.iter().map(|sample| sample.value).collect();
                        Some(quantile_of(at(&shares, window.step), &mut values))
                    })?
                }
                "holt_winters" | "double_exponential_smoothing" => {
                    let smoothing = factors(&self.scalar(arguments.get(1)?)?, "smoothing")?;
                    let trend = factors(&self.scalar(arguments.get(2)?)?, "trend")?;
                    self.windows(window(0)?, |window| {
                        smooth(window.samples, at(&smoothing, window.step), at(&trend, window.step))
                    })?
                }
                "absent_over_time" => return self.absent_over_time(arguments.get(0)?).map(Some),
                _ => return Ok(None),
            }
        };
        let keeps_name = match arguments.function {
            "last_over_time" => true,
            "first_over_time" => semantics == Semantics::V3,
            _ => false,
        };
        Ok(Some(if keeps_name { rows } else { nameless_apart(rows)? }))
    }

    /// Functions of each value by itself.
    fn of_values(&self, arguments: &Arguments<'_>) -> Result<Option<Vec<Row>>, Error> {
        let change_all = |change: &dyn Fn(usize, f64) -> f64| -> Result<Option<Vec<Row>>, Error> {
            let mut rows = self.vector(arguments.get(0)?)?;
            rows.iter_mut().for_each(|row| row.map(change));
            rows.retain(|row| !row.is_empty());
            nameless(rows).map(Some)
        };
        if let Some(compute) = elementwise(arguments.function) {
            return change_all(&|_, value| compute(value));
        }
        if let Some(compute) = calendar(arguments.function) {
            if !arguments.expressions.is_empty() {
                return change_all(&|_, value| compute(value));
            }
            let values = self.steps.times().map(|time| compute((time / 1000) as f64)).collect();
            return Ok(Some(vec![Row { labels: series::Labels::empty(), values }]));
        }
        match arguments.function {
            "round" => {
                let to = match arguments.expressions.get(1) {
                    Some(to) => self.scalar(to)?,
                    None => vec![1.0; self.steps.count()],
                };
                change_all(&|step, value| round_to(value, at(&to, step)))
            }
            "clamp" => {
                let (least, most) = (self.scalar(arguments.get(1)?)?, self.scalar(arguments.get(2)?)?);
                change_all(&|step, value| {
                    let (least, most) = (at(&least, step), at(&most, step));
                    // Prometheus answers nothing where no value can lie.
                    if most < least { ABSENT } else { clamp(value, least, most) }
                })
            }
            "clamp_min" => {
                let least = self.scalar(arguments.get(1)?)?;
                change_all(&|step, value| clamp(value, at(&least, step), f64::INFINITY))
            }
            "clamp_max" => {
                let most = self.scalar(arguments.get(1)?)?;
                change_all(&|step, value| clamp(value, f64::NEG_INFINITY, at(&most, step)))
            }
            "timestamp" => match unwrap_parens(arguments.get(0)?) {
                // Of a stored sample its own time, of a computed one the step's.
                Expr::VectorSelector(selector) => nameless(self.newest(selector, Take::Time)?).map(Some),
                _ => {
                    let times: Vec<f64> = self.steps.times().map(|time| time as f64 / 1000.0).collect();
                    change_all(&|step, _| at(&times, step))
                }
            },
            _ => Ok(None),
        }
    }

    /// Functions that look at the whole vector or at its labels.
    fn of_vectors(&self, arguments: &Arguments<'_>) -> Result<Option<Vec<Row>>, Error> {
        let rows = match arguments.function {
            "vector" => vec![Row { labels: series::Labels::empty(), values: self.scalar(arguments.get(0)?)? }],
            "absent" => self.absent(arguments.get(0)?)?,
            "sort" => sorted(self.vector(arguments.get(0)?)?, |one, other| one.partial_cmp(other)),
            "sort_desc" => sorted(self.vector(arguments.get(0)?)?, |one, other| other.partial_cmp(one)),
            "label_replace" => {
                let text = |place| self.text(arguments.get(place)?);
                let replacement = Replacement::new(text(1)?, text(2)?, text(3)?, &text(4)?)?;
                let mut rows = self.vector(arguments.get(0)?)?;
                rows.iter_mut().for_each(|row| row.labels = replacement.apply(&row.labels));
                join(rows, SAME_LABELS)?
            }
            "label_join" => self.label_join(arguments)?,
            "histogram_quantile" => {
                let shares = self.scalar(arguments.get(0)?)?;
                shares.iter().for_each(|share| self.warn_of_share(*share));
                buckets::of_each(self.vector(arguments.get(1)?)?, |step, buckets| {
                    function::histogram_quantile(at(&shares, step), buckets)
                })?
            }
            "histogram_fraction" => {
                let (lower, upper) = (self.scalar(arguments.get(0)?)?, self.scalar(arguments.get(1)?)?);
                buckets::of_each(self.vector(arguments.get(2)?)?, |step, buckets| {
                    function::fraction(at(&lower, step), at(&upper, step), buckets)
                })?
            }
            // They are about native histograms, of which a float is none.
            "histogram_avg" | "histogram_count" | "histogram_sum" | "histogram_stddev" | "histogram_stdvar" => {
                self.vector(arguments.get(0)?)?;
                Vec::new()
            }
            _ => return Ok(None),
        };
        Ok(Some(rows))
    }

    fn label_join(&self, arguments: &Arguments<'_>) -> Result<Vec<Row>, Error> {
        let target = self.text(arguments.get(1)?)?;
        let separator = self.text(arguments.get(2)?)?;
        if !is_label_name(&target) {
            return Err(invalid(format!("invalid destination label name in label_join(): {target}")));
        }
        let mut sources = Vec::new();
        for expression in arguments.expressions.iter().skip(3) {
            let source = self.text(expression)?;
            if !is_label_name(&source) {
                return Err(invalid(format!("invalid source label name in label_join(): {source}")));
            }
            sources.push(source);
        }
        let mut rows = self.vector(arguments.get(0)?)?;
        for row in &mut rows {
            let values: Vec<&str> = sources.iter().map(|source| row.labels.get(source)).collect();
            row.labels = row.labels.with(&target, &values.join(&separator));
        }
        join(rows, SAME_LABELS)
    }
}

fn at(values: &[f64], step: usize) -> f64 {
    values.get(step).copied().unwrap_or(f64::NAN)
}

fn factors(values: &[f64], what: &str) -> Result<Vec<f64>, Error> {
    let letter = what.get(..1).unwrap_or_default();
    match values.iter().find(|factor| !(**factor > 0.0 && **factor < 1.0)) {
        Some(factor) => Err(invalid(format!("invalid {what} factor. Expected: 0 < {letter}f < 1, got: {factor}"))),
        None => Ok(values.to_vec()),
    }
}

fn nameless(mut rows: Vec<Row>) -> Result<Vec<Row>, Error> {
    rows.iter_mut().for_each(|row| row.labels = row.labels.without_metric());
    join(rows, SAME_LABELS)
}

fn nameless_apart(mut rows: Vec<Row>) -> Result<Vec<Row>, Error> {
    let mut seen = std::collections::HashSet::with_capacity(rows.len());
    for row in &mut rows {
        row.labels = row.labels.without_metric();
        if !seen.insert(row.labels.clone()) {
            return Err(invalid(SAME_LABELS));
        }
    }
    Ok(rows)
}

/// `scalar`: the value where there is just one series, NaN elsewhere.
fn only_value(rows: &[Row], steps: usize) -> Vec<f64> {
    (0..steps)
        .map(|step| {
            let mut there = rows.iter().map(|row| at(&row.values, step)).filter(|value| !is_absent(*value));
            match (there.next(), there.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        })
        .collect()
}

/// Sorts by the first step, which is the only one of an instant query; of a range the order means nothing. NaN is last.
fn sorted(mut rows: Vec<Row>, compare: impl Fn(&f64, &f64) -> Option<std::cmp::Ordering>) -> Vec<Row> {
    rows.sort_by(|one, other| {
        let (one, other) = (at(&one.values, 0), at(&other.values, 0));
        one.is_nan().cmp(&other.is_nan()).then_with(|| compare(&one, &other).unwrap_or(std::cmp::Ordering::Equal))
    });
    rows
}
