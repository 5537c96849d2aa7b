//! A text that has been understood.

use std::panic::{self, AssertUnwindSafe};
use std::thread;

use promql_parser::parser::{self, Expr, Function, value::ValueType};

/// A query, ready to be evaluated any number of times.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    text: String,
    expression: Expr,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsable(String);

/// Longer than any query that a person or a dashboard writes.
const LONGEST: usize = 64 << 10;

/// How deep expressions may be nested; a chain like `a + b + c` counts each sign. Evaluation walks the tree on the stack.
const DEEPEST: usize = 200;

/// What parsing and dropping a tree as deep as [`LONGEST`] allows may need; untouched pages cost nothing.
const STACK: usize = 64 << 20;

impl Query {
    /// Understands `text`.
    ///
    /// # Errors
    /// When it is no PromQL, longer than 64 KiB, or nested deeper than 200 levels. The words are meant for the one who wrote it.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        if text.len() > LONGEST {
            return Err(Unparsable(format!("the query is longer than {LONGEST} bytes")));
        }
        // Most queries are short and cannot be deep; the others get a stack of their own.
        let expression = if text.len() <= DEEPEST {
            understand(text)
        } else {
            thread::scope(|scope| {
                let parsing = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || understand(text));
                match parsing {
                    Ok(parsing) => parsing.join().unwrap_or_else(|_| Err(hopeless())),
                    Err(reason) => Err(Unparsable(format!("no thread to parse the query on: {reason}"))),
                }
            })
        }?;
        Ok(Self { text: text.to_owned(), expression })
    }

    /// Returns the text that was parsed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the query as a formatter would write it.
    #[must_use]
    pub fn pretty(&self) -> String {
        self.expression.prettify()
    }

    /// Returns the syntax tree.
    #[must_use]
    pub fn expression(&self) -> &Expr {
        &self.expression
    }
}

fn hopeless() -> Unparsable {
    Unparsable("the query cannot be parsed".to_owned())
}

fn understand(text: &str) -> Result<Expr, Unparsable> {
    register_old_functions();
    // The parser computes durations without looking whether they fit.
    let expression =
        panic::catch_unwind(AssertUnwindSafe(|| parser::parse(text))).map_err(|_| hopeless())?.map_err(Unparsable)?;
    if depth(&expression) > DEEPEST {
        return Err(Unparsable(format!("the query is nested deeper than {DEEPEST} levels")));
    }
    Ok(expression)
}

/// Prometheus 2.x knows `double_exponential_smoothing` by this name, and the parser does not.
fn register_old_functions() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let smoothing = Function::new(
            "holt_winters",
            vec![ValueType::Matrix, ValueType::Scalar, ValueType::Scalar],
            0,
            ValueType::Vector,
            false,
        );
        // Refused only if a newer parser knows it by itself, which is just as good.
        let _ = parser::register_extra_functions(vec![smoothing]);
    });
}

fn depth(expression: &Expr) -> usize {
    let mut deepest = 0;
    let mut pending = vec![(expression, 1)];
    while let Some((expression, level)) = pending.pop() {
        deepest = deepest.max(level);
        let mut push = |child| pending.push((child, level + 1));
        match expression {
            Expr::Aggregate(aggregate) => {
                push(&aggregate.expr);
                if let Some(parameter) = &aggregate.param {
                    push(parameter);
                }
            }
            Expr::Unary(unary) => push(&unary.expr),
            Expr::Binary(binary) => {
                push(&binary.lhs);
                push(&binary.rhs);
            }
            Expr::Paren(paren) => push(&paren.expr),
            Expr::Subquery(subquery) => push(&subquery.expr),
            Expr::Call(call) => call.args.args.iter().for_each(|argument| push(argument)),
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::VectorSelector(_)
            | Expr::MatrixSelector(_)
            | Expr::Extension(_) => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_refused_with_a_reason() {
        for text in ["", "sum(", "up[", "up{job=}", "1 +", "x[59223372036854775807]"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_query_as_deep_as_the_sea_costs_an_error() {
        let nested = format!("{}1{}", "(".repeat(30_000), ")".repeat(30_000));
        let chain = format!("1{}", " + 1".repeat(15_000));
        let signs = format!("{}1", "-".repeat(60_000));

        for text in [nested, chain, signs] {
            let refused = Query::parse(&text);
            assert!(refused.is_err() || text.starts_with('-'), "{refused:?}");
        }
        assert!(Query::parse(&"x".repeat(70_000)).unwrap_err().to_string().contains("longer"));
    }
}
