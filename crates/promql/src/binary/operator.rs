//! Arithmetic and comparisons.

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_MOD, T_MUL, T_NEQ, T_POW, T_SUB, TokenType,
};

use crate::semantics::Semantics;

/// An operator between numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub(super) fn of(token: TokenType) -> Option<Self> {
        let id = token.id();
        Some(match id {
            _ if id == T_ADD => Self::Add,
            _ if id == T_SUB => Self::Subtract,
            _ if id == T_MUL => Self::Multiply,
            _ if id == T_DIV => Self::Divide,
            _ if id == T_MOD => Self::Modulo,
            _ if id == T_POW => Self::Power,
            _ if id == T_ATAN2 => Self::Atan2,
            _ if id == T_EQLC => Self::Equal,
            _ if id == T_NEQ => Self::NotEqual,
            _ if id == T_LSS => Self::Less,
            _ if id == T_LTE => Self::LessOrEqual,
            _ if id == T_GTR => Self::Greater,
            _ if id == T_GTE => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(super) fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }

    /// Returns whether the result is another thing than the metric it came from, so that it loses its name.
    /// Prometheus 2.x forgot that of `atan2`.
    pub(super) fn changes_meaning(self, semantics: Semantics) -> bool {
        let is_forgotten = self == Self::Atan2 && semantics == Semantics::V2;
        !self.is_comparison() && !is_forgotten
    }

    /// Returns the value of `left` and `right`: of a comparison the left one if it holds, or 1 and 0 if `answers_bool`.
    pub(super) fn apply(self, left: f64, right: f64, answers_bool: bool) -> Option<f64> {
        match self.compare(left, right) {
            None => Some(self.compute(left, right)),
            Some(holds) if answers_bool => Some(f64::from(u8::from(holds))),
            Some(holds) => holds.then_some(left),
        }
    }

    /// Returns the value for two scalars, between which a comparison is always `bool`.
    pub(super) fn of_scalars(self, left: f64, right: f64) -> f64 {
        self.apply(left, right, true).unwrap_or(f64::NAN)
    }

    #[expect(clippy::float_cmp, reason = "this is what `==` asks for")]
    fn compare(self, left: f64, right: f64) -> Option<bool> {
        Some(match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            _ => return None,
        })
    }

    fn compute(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Modulo => left % right,
            Self::Power => left.powf(right),
            Self::Atan2 => left.atan2(right),
            _ => f64::NAN,
        }
    }
}
