//! The tree of a template.

use super::value::Value;

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Text between actions.
    Text(String),
    /// `{{ pipeline }}`: prints what it is worth, unless it declares.
    Action(Pipeline),
    /// `if`, `with` and `range`.
    Block { kind: Block, pipeline: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    If,
    With,
    Range,
}

/// `$x := a | b | c`.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline {
    /// Variables that are set.
    pub(super) variables: Vec<String>,
    /// Whether they are declared (`:=`) or there already (`=`).
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

/// A value, or a function with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// As it was written, for errors.
    pub(super) written: String,
    pub(super) operands: Vec<Operand>,
}

/// A value with fields: `$labels.instance`, `(first $x).Value`.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    /// Where it stands in the text, in bytes.
    pub(super) place: usize,
    /// Where the first field stands that follows it; Go says that field errors are there.
    pub(super) chain: Option<usize>,
    /// As it was written, for errors.
    pub(super) written: String,
    pub(super) base: Base,
    pub(super) fields: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Base {
    /// `.`
    Dot,
    /// `$x`, or `$` alone
    Variable(String),
    Function(String),
    Literal(Value),
    Parenthesis(Pipeline),
}
