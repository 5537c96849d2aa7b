//! Samples out of the storage.

use std::time::{SystemTime, UNIX_EPOCH};

use promql_parser::label::MatchOp;
use promql_parser::parser::{AtModifier, Expr, MatrixSelector, Offset, VectorSelector};
use series::{Labels, METRIC_NAME, Matcher, Sample, is_stale};

use crate::error::{Error, invalid};
use crate::evaluate::Evaluator;
use crate::moment::millis;
use crate::rows::Row;
use crate::value::Points;

/// Which moment a selector looks at when the query looks at another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    /// `@`: the same moment for every step.
    fixed: Option<i64>,
    /// `offset`: how much earlier, in milliseconds.
    earlier: i64,
}

impl Reference {
    pub(crate) fn at(self, step: i64) -> i64 {
        self.fixed.unwrap_or(step).saturating_sub(self.earlier)
    }
}

/// The samples that a range selector sees at one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    /// Never empty, oldest first, no stale markers.
    pub(crate) samples: &'a [Sample],
    /// Its edges, in milliseconds since 1970.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// The step's own moment and place.
    pub(crate) now: i64,
    pub(crate) step: usize,
}

/// What of a sample a vector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    Value,
    /// When it was measured, in seconds since 1970.
    Time,
}

impl Evaluator<'_> {
    pub(crate) fn instant_vector(&self, selector: &VectorSelector) -> Result<Vec<Row>, Error> {
        self.newest(selector, Take::Value)
    }

    /// Returns the newest sample of each series that is not older than the lookback.
    pub(crate) fn newest(&self, selector: &VectorSelector, take: Take) -> Result<Vec<Row>, Error> {
        let reference = self.reference(selector.at.as_ref(), selector.offset.as_ref());
        let lookback = millis(self.run.engine.lookback);
        let (first, last) = (reference.at(self.steps.start), reference.at(self.steps.time(self.steps.count() - 1)));
        let mut rows = Vec::new();
        let mut samples = Vec::new();
        for stored in self.storage.select(&matchers(selector)?, first.saturating_sub(lookback), last)? {
            samples.clear();
            stored.read(&mut samples)?;
            self.run.spend(samples.len() + self.steps.count())?;
            let mut row = Row::absent(stored.labels().clone(), self.steps.count());
            let mut next = 0;
            for (value, time) in row.values.iter_mut().zip(self.steps.times()) {
                let moment = reference.at(time);
                while samples.get(next).is_some_and(|sample| sample.timestamp <= moment) {
                    next += 1;
                }
                let Some(sample) = next.checked_sub(1).and_then(|place| samples.get(place)) else { continue };
                let is_fresh = self.run.engine.semantics.is_inside(sample.timestamp, moment.saturating_sub(lookback));
                if is_fresh && !is_stale(sample.value) {
                    *value = match take {
                        Take::Value => sample.value,
                        Take::Time => sample.timestamp as f64 / 1000.0,
                    };
                }
            }
            if !row.is_empty() {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// Calls `visit` with every series of a range vector and with its windows, step by step; empty windows are left out.
    /// What `visit` answers for a window is the series' value at that step.
    pub(crate) fn windows(
        &self,
        expression: &Expr,
        mut visit: impl FnMut(Window<'_>) -> Option<f64>,
    ) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        let mut compute = |labels: &Labels, samples: &[Sample], reference: Reference, range: i64| {
            self.run.spend(self.steps.count())?;
            let mut row = Row::absent(labels.clone(), self.steps.count());
            let (mut from, mut to) = (0, 0);
            for (step, (value, now)) in row.values.iter_mut().zip(self.steps.times()).enumerate() {
                let end = reference.at(now);
                let start = end.saturating_sub(range);
                while samples.get(to).is_some_and(|sample| sample.timestamp <= end) {
                    to += 1;
                }
                while from < to
                    && samples
                        .get(from)
                        .is_some_and(|sample| !self.run.engine.semantics.is_inside(sample.timestamp, start))
                {
                    from += 1;
                }
                let Some(samples @ [_, ..]) = samples.get(from..to) else { continue };
                if let Some(computed) = visit(Window { samples, start, end, now, step }) {
                    *value = computed;
                }
            }
            if !row.is_empty() {
                rows.push(row);
            }
            Ok::<(), Error>(())
        };
        match unwrap_range(expression)? {
            RangeVector::Selector(selector) => {
                let (reference, range) = self.edges(selector);
                self.each_series(selector, |labels, samples| compute(labels, samples, reference, range))?;
            }
            RangeVector::Subquery(subquery) => {
                let (reference, range) = self.subquery_edges(subquery);
                for points in self.subquery(subquery)? {
                    compute(&points.labels, &points.samples, reference, range)?;
                }
            }
        }
        Ok(rows)
    }

    /// Returns the range vector itself, for a query that asks for nothing else. There is one step then.
    pub(crate) fn matrix(&self, expression: &Expr) -> Result<Vec<Points>, Error> {
        let mut all = Vec::new();
        let (reference, range) = match unwrap_range(expression)? {
            RangeVector::Subquery(subquery) => {
                all = self.subquery(subquery)?;
                self.subquery_edges(subquery)
            }
            RangeVector::Selector(selector) => {
                self.each_series(selector, |labels, samples| {
                    all.push(Points { labels: labels.clone(), samples: samples.to_vec() });
                    Ok(())
                })?;
                self.edges(selector)
            }
        };
        let end = reference.at(self.steps.start);
        let start = end.saturating_sub(range);
        let semantics = self.run.engine.semantics;
        for points in &mut all {
            points.samples.retain(|sample| sample.timestamp <= end && semantics.is_inside(sample.timestamp, start));
        }
        all.retain(|points| !points.samples.is_empty());
        all.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(all)
    }

    /// Reads the samples that any step's window may hold, series by series, without stale markers.
    fn each_series(
        &self,
        selector: &MatrixSelector,
        mut visit: impl FnMut(&Labels, &[Sample]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (reference, range) = self.edges(selector);
        let start = reference.at(self.steps.start).saturating_sub(range);
        let end = reference.at(self.steps.time(self.steps.count() - 1));
        let mut samples = Vec::new();
        for stored in self.storage.select(&matchers(&selector.vs)?, start, end)? {
            samples.clear();
            stored.read(&mut samples)?;
            self.run.spend(samples.len())?;
            samples.retain(|sample| !is_stale(sample.value));
            visit(stored.labels(), &samples)?;
        }
        Ok(())
    }

    fn edges(&self, selector: &MatrixSelector) -> (Reference, i64) {
        (self.reference(selector.vs.at.as_ref(), selector.vs.offset.as_ref()), millis(selector.range))
    }

    pub(crate) fn reference(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Reference {
        let fixed = at.map(|at| match at {
            AtModifier::Start => self.start,
            AtModifier::End => self.end,
            AtModifier::At(time) => since_epoch(*time),
        });
        let earlier = match offset {
            None => 0,
            Some(Offset::Pos(duration)) => millis(*duration),
            Some(Offset::Neg(duration)) => -millis(*duration),
        };
        Reference { fixed, earlier }
    }
}

/// The two kinds of range vectors.
pub(crate) enum RangeVector<'e> {
    Selector(&'e MatrixSelector),
    Subquery(&'e promql_parser::parser::SubqueryExpr),
}

pub(crate) fn unwrap_range(expression: &Expr) -> Result<RangeVector<'_>, Error> {
    match crate::evaluate::unwrap_parens(expression) {
        Expr::MatrixSelector(selector) => Ok(RangeVector::Selector(selector)),
        Expr::Subquery(subquery) => Ok(RangeVector::Subquery(subquery)),
        _ => Err(invalid("expected a range vector")),
    }
}

/// Returns the conditions of a selector, its metric's name among them.
pub(crate) fn matchers(selector: &VectorSelector) -> Result<Vec<Matcher>, Error> {
    if !selector.matchers.or_matchers.is_empty() {
        return Err(Error::Unsupported("`or` between matchers".to_owned()));
    }
    let name = selector.name.iter().map(|name| Ok(Matcher::equal(METRIC_NAME, name.as_str())));
    let others = selector.matchers.matchers.iter().map(|matcher| {
        let (name, value) = (matcher.name.as_str(), matcher.value.as_str());
        match &matcher.op {
            MatchOp::Equal => Ok(Matcher::equal(name, value)),
            MatchOp::NotEqual => Ok(Matcher::not_equal(name, value)),
            // The pattern as the parser has understood it, which knows what Go's engine forgives.
            MatchOp::Re(pattern) => Matcher::matches(name, pattern.as_str()),
            MatchOp::NotRe(pattern) => Matcher::matches_not(name, pattern.as_str()),
        }
    });
    name.chain(others).collect::<Result<_, _>>().map_err(|reason| invalid(reason.to_string()))
}

fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}
