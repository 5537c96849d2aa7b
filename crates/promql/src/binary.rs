//! Two operands and a sign.

mod matching;
mod operator;
mod sets;

use promql_parser::parser::{BinaryExpr, VectorMatchFillValues};

use self::matching::Matching;
use self::operator::Operator;
use crate::error::{Error, invalid};
use crate::evaluate::Evaluator;
use crate::rows::{ABSENT, Evaluated, Row, SAME_LABELS, is_absent, join};

impl Evaluator<'_> {
    pub(crate) fn binary(&self, binary: &BinaryExpr) -> Result<Evaluated, Error> {
        let modifier = binary.modifier.clone().unwrap_or_default();
        let semantics = self.run.engine.semantics;
        if modifier.fill_values != VectorMatchFillValues::default() {
            return Err(Error::Unsupported("the modifier `fill`".to_owned()));
        }
        let sides = (self.evaluate(&binary.lhs)?, self.evaluate(&binary.rhs)?);
        if let Some(set) = sets::Set::of(binary.op) {
            let (Evaluated::Vector(left), Evaluated::Vector(right)) = sides else {
                return Err(invalid(format!("set operator {} not allowed in binary scalar expression", binary.op)));
            };
            let matching = Matching::new(&modifier, semantics)?;
            return Ok(Evaluated::Vector(sets::combine(set, left, right, &matching)?));
        }
        let Some(operator) = Operator::of(binary.op) else {
            return Err(Error::Unsupported(format!("the operator `{}`", binary.op)));
        };
        let answers_bool = modifier.return_bool;
        let drops_name = operator.changes_meaning(semantics) || answers_bool;
        match sides {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                let values = left.iter().zip(&right).map(|(left, right)| operator.of_scalars(*left, *right)).collect();
                Ok(Evaluated::Scalar(values))
            }
            (Evaluated::Vector(rows), Evaluated::Scalar(scalar)) => {
                let compute = |step: usize, value: f64| {
                    operator.apply(value, scalar.get(step).copied().unwrap_or(f64::NAN), answers_bool)
                };
                with_scalar(rows, drops_name, compute)
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(rows)) => {
                let compute = |step: usize, value: f64| {
                    let kept = operator.apply(scalar.get(step).copied().unwrap_or(f64::NAN), value, answers_bool);
                    // A comparison keeps the vector's value, on whichever side it stands.
                    if operator.is_comparison() && !answers_bool { kept.map(|_| value) } else { kept }
                };
                with_scalar(rows, drops_name, compute)
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                let matching = Matching::new(&modifier, semantics)?;
                self.run.spend(self.steps.count().saturating_mul(left.len().max(right.len())))?;
                Ok(Evaluated::Vector(matching::combine(operator, answers_bool, &left, &right, &matching)?))
            }
            _ => Err(invalid("binary expression must contain only scalar and instant vector types")),
        }
    }
}

fn with_scalar(
    mut rows: Vec<Row>,
    drops_name: bool,
    compute: impl Fn(usize, f64) -> Option<f64>,
) -> Result<Evaluated, Error> {
    for row in &mut rows {
        row.map(|step, value| compute(step, value).unwrap_or(ABSENT));
        if drops_name {
            row.labels = row.labels.without_metric();
        }
    }
    rows.retain(|row| row.values.iter().any(|value| !is_absent(*value)));
    Ok(Evaluated::Vector(join(rows, SAME_LABELS)?))
}
