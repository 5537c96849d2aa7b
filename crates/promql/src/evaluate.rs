//! Walking the syntax tree.

use promql_parser::parser::{Expr, UnaryExpr};

use crate::error::{Error, invalid};
use crate::rows::{Evaluated, Row, SAME_LABELS, join};
use crate::run::Run;
use crate::storage::Storage;

/// Evaluates expressions at all its steps.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) storage: &'a dyn Storage,
    pub(crate) steps: Steps,
    /// What `@ start()` means: the query's first moment, in a subquery too.
    pub(crate) start: i64,
    /// What `@ end()` means.
    pub(crate) end: i64,
}

/// The moments at which an expression is evaluated, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

impl Steps {
    /// Returns how many steps there are, however many.
    pub(crate) fn wide_count(self) -> u64 {
        if self.end < self.start {
            return 0;
        }
        self.end.abs_diff(self.start) / self.step.unsigned_abs().max(1) + 1
    }

    pub(crate) fn count(self) -> usize {
        usize::try_from(self.wide_count()).unwrap_or(usize::MAX)
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.count()).map(move |place| self.time(place))
    }

    pub(crate) fn time(self, place: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(place as i64))
    }
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(run: &'a Run<'a>, storage: &'a dyn Storage, steps: Steps) -> Self {
        Self { run, storage, steps, start: steps.start, end: steps.end }
    }

    /// Returns what `expression` is worth at every step.
    pub(crate) fn evaluate(&self, expression: &Expr) -> Result<Evaluated, Error> {
        match expression {
            Expr::NumberLiteral(number) => Ok(Evaluated::Scalar(vec![number.val; self.steps.count()])),
            Expr::StringLiteral(text) => Ok(Evaluated::Text(text.val.clone())),
            Expr::Paren(paren) => self.evaluate(&paren.expr),
            Expr::Unary(unary) => self.negate(unary),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => Ok(Evaluated::Vector(self.aggregate(aggregate)?)),
            Expr::VectorSelector(selector) => Ok(Evaluated::Vector(self.instant_vector(selector)?)),
            Expr::Call(call) => self.call(call),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                Err(invalid("a range vector stands where it has no meaning"))
            }
            Expr::Extension(_) => Err(Error::Unsupported("an extension of the parser".to_owned())),
        }
    }

    /// Returns a vector, or says that there is none.
    pub(crate) fn vector(&self, expression: &Expr) -> Result<Vec<Row>, Error> {
        match self.evaluate(expression)? {
            Evaluated::Vector(rows) => Ok(rows),
            Evaluated::Scalar(_) | Evaluated::Text(_) => Err(invalid("expected an instant vector")),
        }
    }

    /// Returns a number for each step, or says that there is none.
    pub(crate) fn scalar(&self, expression: &Expr) -> Result<Vec<f64>, Error> {
        match self.evaluate(expression)? {
            Evaluated::Scalar(values) => Ok(values),
            Evaluated::Vector(_) | Evaluated::Text(_) => Err(invalid("expected a scalar")),
        }
    }

    /// Returns a text, or says that there is none.
    pub(crate) fn text(&self, expression: &Expr) -> Result<String, Error> {
        match self.evaluate(expression)? {
            Evaluated::Text(text) => Ok(text),
            Evaluated::Vector(_) | Evaluated::Scalar(_) => Err(invalid("expected a string")),
        }
    }

    /// The parser keeps no other sign than the minus.
    fn negate(&self, unary: &UnaryExpr) -> Result<Evaluated, Error> {
        match self.evaluate(&unary.expr)? {
            Evaluated::Scalar(mut values) => {
                values.iter_mut().for_each(|value| *value = -*value);
                Ok(Evaluated::Scalar(values))
            }
            Evaluated::Vector(mut rows) => {
                for row in &mut rows {
                    row.labels = row.labels.without_metric();
                    row.map(|_, value| -value);
                }
                Ok(Evaluated::Vector(join(rows, SAME_LABELS)?))
            }
            Evaluated::Text(_) => {
                Err(invalid("unary expression only allowed on expressions of type scalar or instant vector"))
            }
        }
    }
}

/// Returns what stands inside any number of parentheses.
pub(crate) fn unwrap_parens(mut expression: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expression {
        expression = &paren.expr;
    }
    expression
}
