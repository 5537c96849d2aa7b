//! Filling a template in.

use std::sync::Arc;

use series::Labels;

use super::node::{Base, Block, Command, Node, Operand, Pipeline};
use super::value::Value;
use super::{PREAMBLE, Subject, call, print};

/// More than any text for people, in bytes; a `range` within a `range` cannot take the memory.
const LONGEST: usize = 256 << 10;

/// Actions that a text may take, in all.
const STEPS: u32 = 200_000;

pub(super) struct Run<'a> {
    subject: &'a Subject<'a>,
    text: &'a str,
    variables: Vec<(String, Value)>,
    output: String,
    steps: u32,
}

/// What goes wrong, in the words of Prometheus.
type Outcome<T> = Result<T, String>;

impl<'a> Run<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, text: &'a str) -> Self {
        let labels = |labels: &Labels| Value::Labels(labels.clone());
        let variables = vec![
            (String::new(), Value::Subject),
            ("labels".to_owned(), labels(subject.labels)),
            ("externalLabels".to_owned(), labels(subject.external_labels)),
            ("externalURL".to_owned(), Value::text(subject.external_url)),
            ("value".to_owned(), Value::Float(subject.value)),
        ];
        Self { subject, text, variables, output: String::new(), steps: 0 }
    }

    pub(super) fn run(mut self, nodes: &[Node]) -> Outcome<String> {
        self.nodes(nodes, &Value::Subject)?;
        Ok(self.output)
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Outcome<()> {
        for node in nodes {
            match node {
                Node::Text(text) => self.output.push_str(text),
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        print::one(&value, &mut self.output);
                    }
                }
                Node::Block { kind, pipeline, then, otherwise } => {
                    let known = self.variables.len();
                    self.block(*kind, pipeline, then, otherwise, dot)?;
                    self.variables.truncate(known);
                }
            }
            self.steps += 1;
            if self.output.len() > LONGEST || self.steps > STEPS {
                return Err(self.executing(0, "it makes too much text"));
            }
        }
        Ok(())
    }

    fn block(
        &mut self,
        kind: Block,
        pipeline: &Pipeline,
        then: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Outcome<()> {
        let value = self.pipeline(pipeline, dot)?;
        match kind {
            Block::If if value.is_true() => return self.nodes(then, dot),
            Block::With if value.is_true() => return self.nodes(then, &value),
            Block::If | Block::With => return self.nodes(otherwise, dot),
            Block::Range => {}
        }
        let entries: Vec<(Value, Value)> = match &value {
            Value::Missing => Vec::new(),
            Value::List(list) => {
                list.iter().enumerate().map(|(place, value)| (Value::Int(place as i64), value.clone())).collect()
            }
            Value::Labels(labels) => {
                labels.iter().map(|(name, value)| (Value::text(name), Value::text(value))).collect()
            }
            Value::Arguments(arguments) => {
                arguments.iter().map(|(name, value)| (Value::text(name.as_str()), value.clone())).collect()
            }
            other => {
                let place = pipeline.commands.first().and_then(|command| command.operands.first());
                let mut shown = String::new();
                print::one(other, &mut shown);
                return Err(self.at(place, format!("range can't iterate over {shown}")));
            }
        };
        if entries.is_empty() {
            return self.nodes(otherwise, dot);
        }
        let known = self.variables.len();
        for (index, element) in entries {
            match pipeline.variables.as_slice() {
                [] => {}
                [one] => self.set(one, element.clone(), pipeline.declares),
                [one, two, ..] => {
                    self.set(one, index, pipeline.declares);
                    self.set(two, element.clone(), pipeline.declares);
                }
            }
            self.nodes(then, &element)?;
            self.variables.truncate(known);
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value, declares: bool) {
        if !declares && let Some(known) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            known.1 = value;
            return;
        }
        self.variables.push((name.to_owned(), value));
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Outcome<Value> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        let value = last.unwrap_or(Value::Missing);
        // Those of a range are set again for each element.
        if let [one] = pipeline.variables.as_slice() {
            self.set(one, value.clone(), pipeline.declares);
        }
        Ok(value)
    }

    /// Evaluates one stage of a pipeline; `piped` is what the stage before it was worth.
    fn command(&mut self, command: &Command, piped: Option<Value>, dot: &Value) -> Outcome<Value> {
        let Some((first, arguments)) = command.operands.split_first() else { return Ok(Value::Missing) };
        let Base::Function(name) = &first.base else {
            if !arguments.is_empty() || piped.is_some() {
                return Err(self.at(Some(first), format!("can't give argument to non-function {}", first.written)));
            }
            return self.operand(first, dot);
        };
        if matches!(name.as_str(), "and" | "or") {
            return self.shortcut(first, name == "or", arguments, piped, dot);
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(argument, dot)?);
        }
        values.extend(piped);
        let value = call::call(self.subject, name, values).map_err(|wrong| {
            match wrong.argument.and_then(|place| arguments.get(place)) {
                Some(argument) => self.at(Some(argument), wrong.reason),
                None => self.executing(first.place, &format!("<{}>: {}", command.written, wrong.reason)),
            }
        })?;
        self.fields(first, value)
    }

    /// `and` and `or` look only as far as they must.
    fn shortcut(
        &mut self,
        operand: &Operand,
        wanted: bool,
        arguments: &[Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Outcome<Value> {
        let mut value = None;
        for argument in arguments {
            let worth = self.operand(argument, dot)?;
            let decides = worth.is_true() == wanted;
            value = Some(worth);
            if decides {
                break;
            }
        }
        let decided = value.as_ref().is_some_and(|value| value.is_true() == wanted);
        let value = if decided { value } else { piped.or(value) };
        let name = if wanted { "or" } else { "and" };
        value.ok_or_else(|| self.at(Some(operand), format!("wrong number of args for {name}: want at least 1 got 0")))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Outcome<Value> {
        let value = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Variable(name) => self
                .variables
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map_or(Value::Missing, |(_, value)| value.clone()),
            Base::Function(name) if matches!(name.as_str(), "and" | "or") => {
                return self.shortcut(operand, name == "or", &[], None, dot);
            }
            Base::Function(name) => {
                call::call(self.subject, name, Vec::new()).map_err(|wrong| self.at(Some(operand), wrong.reason))?
            }
            Base::Literal(value) => value.clone(),
            Base::Parenthesis(pipeline) => self.pipeline(pipeline, dot)?,
        };
        self.fields(operand, value)
    }

    fn fields(&self, operand: &Operand, mut value: Value) -> Outcome<Value> {
        for field in &operand.fields {
            value = match (&value, field.as_str()) {
                (Value::Subject, "Labels") => Value::Labels(self.subject.labels.clone()),
                (Value::Subject, "ExternalLabels") => Value::Labels(self.subject.external_labels.clone()),
                (Value::Subject, "ExternalURL") => Value::text(self.subject.external_url),
                (Value::Subject, "Value") => Value::Float(self.subject.value),
                (Value::Sample(sample), "Labels") => Value::Labels(sample.labels.clone()),
                (Value::Sample(sample), "Value") => Value::Float(sample.value),
                // A label that is not there is empty, as everywhere.
                (Value::Labels(labels), name) => Value::text(labels.get(name)),
                (Value::Arguments(arguments), name) => {
                    Arc::clone(arguments).get(name).cloned().unwrap_or(Value::Missing)
                }
                (Value::Missing, name) => {
                    return Err(self.at(Some(operand), format!("nil data; no entry for key \"{name}\"")));
                }
                (other, name) => {
                    let reason = format!("can't evaluate field {name} in type {}", other.kind());
                    return Err(self.at(Some(operand), reason));
                }
            };
        }
        Ok(value)
    }

    /// Says where it went wrong as Go does.
    fn at(&self, operand: Option<&Operand>, reason: impl AsRef<str>) -> String {
        let reason = reason.as_ref();
        match operand {
            None => self.executing(0, reason),
            Some(operand) => {
                let place = operand.chain.unwrap_or(operand.place);
                self.executing(place, &format!("<{}>: {reason}", operand.written))
            }
        }
    }

    fn executing(&self, place: usize, reason: &str) -> String {
        let before = self.text.get(..place).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        let column = before.rfind('\n').map_or(PREAMBLE.len() + place, |newline| place - newline - 1);
        let name = self.subject.alert;
        format!(
            "error executing template __alert_{name}: template: __alert_{name}:{line}:{column}: \
             executing \"__alert_{name}\" at {reason}"
        )
    }
}
