//! Range vectors out of expressions: `max_over_time(rate(x[1m])[1h:30s])`.

use promql_parser::parser::SubqueryExpr;
use series::Sample;

use crate::error::Error;
use crate::evaluate::{Evaluator, Steps};
use crate::moment::millis;
use crate::rows::{Evaluated, Row, is_absent};
use crate::select::Reference;
use crate::semantics::Semantics;
use crate::value::Points;

impl Evaluator<'_> {
    /// Returns what the inner expression is worth at every inner step that any window of ours may hold.
    pub(crate) fn subquery(&self, subquery: &SubqueryExpr) -> Result<Vec<Points>, Error> {
        let steps = self.inner_steps(subquery);
        let limit = self.run.engine.limits.samples;
        if steps.wide_count() == 0 {
            return Ok(Vec::new());
        }
        if steps.wide_count() > limit {
            return Err(Error::TooManySamples(limit));
        }
        let inner = Evaluator { steps, ..*self };
        let rows = match inner.evaluate(&subquery.expr)? {
            Evaluated::Vector(rows) => rows,
            Evaluated::Scalar(values) => vec![Row { labels: series::Labels::empty(), values }],
            Evaluated::Text(_) => Vec::new(),
        };
        Ok(rows
            .into_iter()
            .map(|row| Points {
                labels: row.labels,
                samples: steps
                    .times()
                    .zip(row.values)
                    .filter(|(_, value)| !is_absent(*value))
                    .map(|(time, value)| Sample::new(time, value))
                    .collect(),
            })
            .collect())
    }

    pub(crate) fn subquery_edges(&self, subquery: &SubqueryExpr) -> (Reference, i64) {
        (self.reference(subquery.at.as_ref(), subquery.offset.as_ref()), millis(subquery.range))
    }

    /// Inner steps lie on multiples of the step since 1970, not on multiples counted from the query, so that a range of
    /// queries sees the same samples again.
    fn inner_steps(&self, subquery: &SubqueryExpr) -> Steps {
        let (reference, range) = self.subquery_edges(subquery);
        let step = subquery.step.map_or_else(|| millis(self.run.engine.subquery_step), millis).max(1);
        let left = reference.at(self.steps.start).saturating_sub(range);
        let end = reference.at(self.steps.time(self.steps.count() - 1));
        // Rounded towards zero, as Go does; before 1970 that is already inside.
        let mut start = left / step * step;
        let is_before = match self.run.engine.semantics {
            Semantics::V2 => start < left,
            Semantics::V3 => start <= left,
        };
        if is_before {
            start += step;
        }
        Steps { start, end, step }
    }
}
