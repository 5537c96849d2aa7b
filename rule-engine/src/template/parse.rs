//! Making a tree of the pieces.

use super::BadTemplate;
use super::action::{Token, Word, words};
use super::call::is_function;
use super::lex::{Piece, at, pieces};
use super::node::{Base, Block, Command, Node, Operand, Pipeline};
use super::value::Value;

/// How deep blocks and parentheses may be nested; both are walked on the stack.
const DEEPEST: usize = 50;

pub(super) fn parse(text: &str) -> Result<Vec<Node>, BadTemplate> {
    let given = ["", "labels", "externalLabels", "externalURL", "value"];
    let variables = given.iter().map(|name| (*name).to_owned()).collect();
    let mut parser = Parser { text, pieces: pieces(text)?.into_iter(), variables, depth: 0 };
    let (nodes, end) = parser.nodes()?;
    match end {
        None => Ok(nodes),
        Some(end) => Err(at(text, end.place, format!("unexpected `{{{{{}}}}}`", end.keyword))),
    }
}

struct Parser<'a> {
    text: &'a str,
    pieces: std::vec::IntoIter<Piece>,
    /// What has been declared so far.
    variables: Vec<String>,
    depth: usize,
}

/// `{{ end }}`, or `{{ else … }}` with what follows.
struct End {
    keyword: &'static str,
    place: usize,
    rest: Vec<Token>,
    offset: usize,
    action: String,
}

impl Parser<'_> {
    /// Reads up to the end of the text or of the block.
    fn nodes(&mut self) -> Result<(Vec<Node>, Option<End>), BadTemplate> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (action, offset) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(action, offset) => (action, offset),
            };
            let mut tokens = words(&action).map_err(|(place, reason)| at(self.text, offset + place, reason))?;
            let keyword = match tokens.first().map(|token| &token.word) {
                None => return Err(at(self.text, offset, "an action is empty")),
                Some(Word::Name(name)) => name.clone(),
                Some(_) => String::new(),
            };
            let block = match keyword.as_str() {
                "if" => Some(Block::If),
                "with" => Some(Block::With),
                "range" => Some(Block::Range),
                "end" | "else" => {
                    let rest = tokens.split_off(1);
                    let keyword = if keyword == "end" { "end" } else { "else" };
                    return Ok((nodes, Some(End { keyword, place: offset, rest, offset, action })));
                }
                "define" | "template" | "block" | "break" | "continue" => {
                    return Err(at(self.text, offset, format!("`{keyword}` is not supported in rules here")));
                }
                _ => None,
            };
            match block {
                None => nodes.push(Node::Action(self.whole_pipeline(&tokens, &action, offset, false)?)),
                Some(block) => {
                    let rest = tokens.split_off(1);
                    nodes.push(self.block(block, &rest, &action, offset)?);
                }
            }
        }
        Ok((nodes, None))
    }

    fn block(&mut self, kind: Block, head: &[Token], action: &str, offset: usize) -> Result<Node, BadTemplate> {
        self.deeper(offset)?;
        let known = self.variables.len();
        let pipeline = self.whole_pipeline(head, action, offset, kind == Block::Range)?;
        let (then, end) = self.nodes()?;
        let unended = || at(self.text, offset, "a block has no `{{ end }}`");
        let end = end.ok_or_else(unended)?;
        let mut otherwise = Vec::new();
        if end.keyword == "else" {
            let nested = match end.rest.first().map(|token| &token.word) {
                None => None,
                Some(Word::Name(name)) if name == "if" && kind == Block::If => Some(Block::If),
                Some(Word::Name(name)) if name == "with" && kind == Block::With => Some(Block::With),
                Some(_) => return Err(at(self.text, end.place, "`else` takes nothing but `if` here")),
            };
            if let Some(nested) = nested {
                // `{{ else if }}` shares the `{{ end }}` of its `{{ if }}`.
                let head = end.rest.get(1..).unwrap_or_default();
                otherwise.push(self.block(nested, head, &end.action, end.offset)?);
            } else {
                let (nodes, last) = self.nodes()?;
                let last = last.ok_or_else(unended)?;
                if last.keyword == "else" {
                    return Err(at(self.text, last.place, "a block has two `{{ else }}`"));
                }
                no_more(self.text, &last)?;
                otherwise = nodes;
            }
        } else {
            no_more(self.text, &end)?;
        }
        self.variables.truncate(known);
        self.depth -= 1;
        Ok(Node::Block { kind, pipeline, then, otherwise })
    }

    fn deeper(&mut self, place: usize) -> Result<(), BadTemplate> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(at(self.text, place, "it is nested too deep")) } else { Ok(()) }
    }

    fn whole_pipeline(
        &mut self,
        tokens: &[Token],
        action: &str,
        offset: usize,
        is_range: bool,
    ) -> Result<Pipeline, BadTemplate> {
        let mut reader = Reader { tokens, next: 0, action, offset };
        let mut pipeline = Pipeline::default();
        self.declaration(&mut reader, &mut pipeline, is_range)?;
        self.commands(&mut reader, &mut pipeline)?;
        if reader.peek().is_some() {
            return Err(self.wrong(&reader, "unexpected `)`"));
        }
        if pipeline.declares {
            // Visible from here on, but not in their own value.
            self.variables.extend(pipeline.variables.iter().cloned());
        }
        Ok(pipeline)
    }

    fn declaration(&self, reader: &mut Reader<'_>, pipeline: &mut Pipeline, is_range: bool) -> Result<(), BadTemplate> {
        let word = |place: usize| reader.tokens.get(place).map(|token| &token.word);
        let (variables, sign) = match (word(0), word(1), word(2), word(3)) {
            (Some(Word::Variable(one)), Some(sign @ (Word::Declare | Word::Assign)), ..) => (vec![one], sign),
            (
                Some(Word::Variable(one)),
                Some(Word::Comma),
                Some(Word::Variable(two)),
                Some(sign @ (Word::Declare | Word::Assign)),
            ) if is_range => (vec![one, two], sign),
            _ => return Ok(()),
        };
        pipeline.declares = *sign == Word::Declare;
        pipeline.variables = variables.into_iter().cloned().collect();
        if !pipeline.declares
            && let Some(unknown) = pipeline.variables.iter().find(|name| !self.variables.contains(name))
        {
            return Err(self.wrong(reader, format!("undefined variable `${unknown}`")));
        }
        reader.next = pipeline.variables.len() * 2;
        Ok(())
    }

    fn commands(&mut self, reader: &mut Reader<'_>, pipeline: &mut Pipeline) -> Result<(), BadTemplate> {
        loop {
            let begin = reader.next;
            let mut command = Vec::new();
            while let Some(token) = reader.peek() {
                if matches!(token.word, Word::Pipe | Word::Close) {
                    break;
                }
                if !command.is_empty() && !token.spaced && !matches!(token.word, Word::Open) {
                    return Err(self.wrong(reader, "a blank is missing between two words"));
                }
                command.push(self.operand(reader)?);
            }
            let Some(first) = command.first() else { return Err(self.wrong(reader, "a value is missing")) };
            if !pipeline.commands.is_empty()
                && matches!(first.base, Base::Literal(_) | Base::Dot)
                && first.fields.is_empty()
            {
                return Err(self.wrong(reader, format!("`{}` takes nothing from a `|`", first.written)));
            }
            pipeline.commands.push(Command { written: reader.written(begin), operands: command });
            if !matches!(reader.peek().map(|token| &token.word), Some(Word::Pipe)) {
                return Ok(());
            }
            reader.next += 1;
        }
    }

    fn operand(&mut self, reader: &mut Reader<'_>) -> Result<Operand, BadTemplate> {
        let Some(token) = reader.peek().cloned() else { return Err(self.wrong(reader, "a value is missing")) };
        let begin = reader.next;
        let mut fields = Vec::new();
        let base = match token.word {
            Word::Dot => Base::Dot,
            Word::Field(name) => {
                fields.push(name);
                Base::Dot
            }
            Word::Variable(name) => {
                if !self.variables.contains(&name) {
                    return Err(self.wrong(reader, format!("undefined variable `${name}`")));
                }
                Base::Variable(name)
            }
            Word::Name(name) => match name.as_str() {
                "true" => Base::Literal(Value::Bool(true)),
                "false" => Base::Literal(Value::Bool(false)),
                "nil" => Base::Literal(Value::Missing),
                name if is_function(name) => Base::Function(name.to_owned()),
                name => return Err(self.wrong(reader, format!("function `{name}` is not defined"))),
            },
            Word::Text(text) => Base::Literal(Value::Text(text.into())),
            Word::Int(value) => Base::Literal(Value::Int(value)),
            Word::Float(value) => Base::Literal(Value::Float(value)),
            Word::Open => {
                self.deeper(reader.offset + token.start)?;
                reader.next += 1;
                let mut pipeline = Pipeline::default();
                self.commands(reader, &mut pipeline)?;
                self.depth -= 1;
                if !matches!(reader.peek().map(|token| &token.word), Some(Word::Close)) {
                    return Err(self.wrong(reader, "`(` has no `)`"));
                }
                Base::Parenthesis(pipeline)
            }
            Word::Close | Word::Pipe | Word::Declare | Word::Assign | Word::Comma => {
                return Err(self.wrong(reader, "a value is missing"));
            }
        };
        let is_literal = matches!(base, Base::Literal(_));
        reader.next += 1;
        let mut chain = None;
        while let Some(Token { word: Word::Field(name), spaced: false, start, .. }) = reader.peek() {
            if is_literal {
                return Err(self.wrong(reader, "a literal has no fields"));
            }
            chain = chain.or(Some(reader.offset + start));
            fields.push(name.clone());
            reader.next += 1;
        }
        Ok(Operand { place: reader.offset + token.start, chain, written: reader.written(begin), base, fields })
    }

    fn wrong(&self, reader: &Reader<'_>, reason: impl Into<String>) -> BadTemplate {
        let place = reader.peek().map_or(reader.action.len(), |token| token.start);
        at(self.text, reader.offset + place, reason)
    }
}

fn no_more(text: &str, end: &End) -> Result<(), BadTemplate> {
    if end.rest.is_empty() { Ok(()) } else { Err(at(text, end.place, "`end` takes nothing")) }
}

/// The words of an action, read one by one.
struct Reader<'a> {
    tokens: &'a [Token],
    next: usize,
    action: &'a str,
    /// Where the action stands in the text.
    offset: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    /// Returns the text of the words from number `begin` up to the next one.
    fn written(&self, begin: usize) -> String {
        let start = self.tokens.get(begin).map_or(0, |token| token.start);
        let end = self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.end);
        self.action.get(start..end).unwrap_or_default().to_owned()
    }
}
