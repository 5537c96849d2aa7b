//! From bytes to samples, line by line.

use std::borrow::Cow;

use super::draft::{Drafts, Part};
use crate::fault::{Fault, Quoted};
use crate::kind::Kind;
use crate::limits::Limits;
use crate::number;
use crate::raw::{Family, Label};

/// A place on the page, and what was read up to it.
pub struct Reader<'page> {
    rest: &'page [u8],
    line: usize,
    series: usize,
    limits: Limits,
    drafts: Drafts<'page>,
}

impl<'page> Reader<'page> {
    /// Stands at the beginning of `page`.
    pub fn new(page: &'page [u8], limits: Limits) -> Self {
        Self { rest: page, line: 0, series: 0, limits, drafts: Drafts::default() }
    }

    /// Returns which line is being read.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Reads to the end of the page.
    pub fn read_all(&mut self) -> Result<(), Fault> {
        loop {
            self.line += 1;
            self.skip_blanks();
            match self.rest.first() {
                None => return Ok(()),
                Some(b'\n') => self.advance(),
                Some(b'#') => self.comment()?,
                Some(_) => self.sample()?,
            }
        }
    }

    /// Returns the families that were read.
    pub fn finish(self) -> Vec<Family<'page>> {
        self.drafts.finish()
    }

    fn comment(&mut self) -> Result<(), Fault> {
        self.advance();
        self.skip_blanks();
        let word = self.word()?;
        if !matches!(word, b"HELP" | b"TYPE") {
            return self.skip_line();
        }
        self.skip_blanks();
        // Half a line that ends here says nothing, which is no fault.
        if self.peek()? == b'\n' {
            return self.skip_line();
        }
        let name = self.metric_name()?;
        match self.peek()? {
            b'\n' if !name.is_empty() => return self.skip_line(),
            b' ' | b'\t' => {}
            _ => return Err(Fault::MetricNameInComment),
        }
        let (family, _) = self.drafts.open(name, self.line);
        self.skip_blanks();
        if self.peek()? == b'\n' {
            return self.skip_line();
        }
        if word == b"HELP" { self.help(family) } else { self.kind(family) }
    }

    fn help(&mut self, family: usize) -> Result<(), Fault> {
        if self.drafts.at(family).help.is_some() {
            return Err(Fault::SecondHelp(self.drafts.at(family).name.to_owned()));
        }
        let text = self.until(|byte| byte == b'\n');
        // An escape that does not exist is told before an end that is missing.
        let plain = unescaped_help(text)?;
        self.peek()?;
        // An odd number of backslashes at the end escapes the line's end.
        if text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1 {
            return Err(Fault::Escape('\n'));
        }
        self.advance();
        self.drafts.at(family).help = Some(plain);
        Ok(())
    }

    fn kind(&mut self, family: usize) -> Result<(), Fault> {
        if self.drafts.at(family).kind.is_some() {
            return Err(Fault::SecondKind(self.drafts.at(family).name.to_owned()));
        }
        let word = self.until(|byte| byte == b'\n');
        self.peek()?;
        let kind = std::str::from_utf8(word).ok().and_then(Kind::from_word);
        self.drafts.at(family).kind = Some(kind.ok_or_else(|| Fault::Kind(Quoted::new(word)))?);
        self.advance();
        Ok(())
    }

    fn sample(&mut self) -> Result<(), Fault> {
        let name = self.metric_name()?;
        if name.is_empty() {
            return Err(Fault::MetricName);
        }
        let (family, part) = self.drafts.open(name, self.line);
        let kind = *self.drafts.at(family).kind.get_or_insert(Kind::Untyped);
        self.skip_blanks();
        let own = if self.peek()? == b'{' { self.labels(family, kind)? } else { f64::NAN };
        let word = self.word()?;
        let value = number::parse(word).ok_or_else(|| Fault::Number(Quoted::new(word)))?;
        let has_timestamp = self.peek()? != b'\n';
        if has_timestamp {
            self.timestamp()?;
        }
        self.advance();
        if self.series == self.limits.series {
            return Err(Fault::TooManySeries(self.limits.series));
        }
        self.series += 1;
        let part = if part == Part::Value { Part::of_value(kind, own) } else { part };
        let line = self.line;
        self.drafts.at(family).add(part, value, has_timestamp, line);
        Ok(())
    }

    /// Reads `{name="value",…}` and the blanks behind it. Returns the number in `le` or `quantile`, where that is not a
    /// label like others.
    fn labels(&mut self, family: usize, kind: Kind) -> Result<f64, Fault> {
        let begin = self.drafts.at(family).labels_begin();
        let (own_label, mut own) = (kind.own_label(), f64::NAN);
        loop {
            self.advance();
            self.skip_blanks();
            if self.peek()? == b'}' {
                break;
            }
            let name = self.name(|byte| byte.is_ascii_alphanumeric() || byte == b'_')?;
            match name {
                "" => return Err(Fault::LabelName(self.drafts.at(family).name.to_owned())),
                "__name__" => return Err(Fault::ReservedLabel),
                _ => {}
            }
            self.skip_blanks();
            match self.peek()? {
                b'=' => self.advance(),
                other => return Err(Fault::NoEquals(char::from(other))),
            }
            self.skip_blanks();
            match self.peek()? {
                b'"' => self.advance(),
                other => return Err(Fault::NoQuote(char::from(other))),
            }
            let value = self.label_value()?;
            let is_own = own_label == Some(name);
            if is_own {
                let number = number::parse(value.as_bytes());
                own = number
                    .ok_or_else(|| Fault::OwnLabel(own_label.unwrap_or_default(), Quoted::new(value.as_bytes())))?;
            } else if self.drafts.at(family).labels.len() - begin == self.limits.labels {
                return Err(Fault::TooManyLabels(self.limits.labels));
            }
            self.skip_blanks();
            let end = self.peek()?;
            if !matches!(end, b',' | b'}') {
                return Err(Fault::EndOfValue(Quoted::new(value.as_bytes())));
            }
            if !is_own {
                self.drafts.at(family).labels.push((Cow::Borrowed(name), value));
            }
            if end == b'}' {
                break;
            }
        }
        self.advance();
        self.skip_blanks();
        let draft = self.drafts.at(family);
        if has_equal_names(&draft.labels[begin..]) { Err(Fault::LabelTwice(draft.name.to_owned())) } else { Ok(own) }
    }

    /// Reads a label's value and the quote behind it.
    fn label_value(&mut self) -> Result<Cow<'page, str>, Fault> {
        let plain = self.until(|byte| matches!(byte, b'"' | b'\\' | b'\n'));
        let value = if self.peek()? == b'"' {
            self.advance();
            if plain.len() > self.limits.value_bytes {
                return Err(Fault::LongValue(self.limits.value_bytes));
            }
            Cow::Borrowed(std::str::from_utf8(plain).map_err(|_| Fault::InvalidValue(Quoted::new(plain)))?)
        } else {
            Cow::Owned(self.escaped_value(plain.to_vec())?)
        };
        Ok(value)
    }

    /// Reads on after the beginning of a value that is not only what stands for itself.
    fn escaped_value(&mut self, mut value: Vec<u8>) -> Result<String, Fault> {
        loop {
            let end = self.peek()?;
            self.advance();
            match end {
                b'"' => break,
                b'\n' => return Err(Fault::OpenValue(Quoted::new(&value))),
                _ => match self.peek()? {
                    plain @ (b'"' | b'\\') => value.push(plain),
                    b'n' => value.push(b'\n'),
                    other => return Err(Fault::Escape(char::from(other))),
                },
            }
            self.advance();
            value.extend_from_slice(self.until(|byte| matches!(byte, b'"' | b'\\' | b'\n')));
        }
        if value.len() > self.limits.value_bytes {
            return Err(Fault::LongValue(self.limits.value_bytes));
        }
        String::from_utf8(value).map_err(|error| Fault::InvalidValue(Quoted::new(error.as_bytes())))
    }

    /// Reads what stands between the blank behind a value and the line's end.
    fn timestamp(&mut self) -> Result<(), Fault> {
        self.skip_blanks();
        let word = self.word()?;
        let stamp = std::str::from_utf8(word).ok().and_then(|word| word.parse::<i64>().ok());
        stamp.ok_or_else(|| Fault::Timestamp(Quoted::new(word)))?;
        let more = self.until(|byte| byte == b'\n');
        self.peek()?;
        if !more.is_empty() {
            return Err(Fault::AfterTimestamp(Quoted::new(more)));
        }
        Ok(())
    }

    fn metric_name(&mut self) -> Result<&'page str, Fault> {
        self.name(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
    }

    /// Reads a name, which is empty when none begins here. Behind it there is something.
    fn name(&mut self, goes_on: impl Fn(u8) -> bool) -> Result<&'page str, Fault> {
        // A digit goes on a name and begins none.
        if self.peek()?.is_ascii_digit() {
            return Ok("");
        }
        let name = self.until(|byte| !goes_on(byte));
        self.peek()?;
        if name.len() > self.limits.name_bytes {
            return Err(Fault::LongName(self.limits.name_bytes));
        }
        // Nothing but ASCII goes on a name.
        std::str::from_utf8(name).map_err(|_| Fault::MetricName)
    }

    /// Reads up to a blank or the line's end, of which there must be one.
    fn word(&mut self) -> Result<&'page [u8], Fault> {
        let word = self.until(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
        self.peek()?;
        Ok(word)
    }

    fn skip_line(&mut self) -> Result<(), Fault> {
        self.until(|byte| byte == b'\n');
        self.peek()?;
        self.advance();
        Ok(())
    }

    fn skip_blanks(&mut self) {
        self.until(|byte| !matches!(byte, b' ' | b'\t'));
    }

    /// Reads up to the first byte that is an `end`, or the end of the page.
    fn until(&mut self, end: impl Fn(u8) -> bool) -> &'page [u8] {
        let length = self.rest.iter().position(|byte| end(*byte)).unwrap_or(self.rest.len());
        let (read, rest) = self.rest.split_at(length);
        self.rest = rest;
        read
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.rest.first().copied().ok_or(Fault::UnexpectedEnd)
    }

    fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

/// Takes the escapes out of a help. Only label values are held to UTF-8.
fn unescaped_help(text: &[u8]) -> Result<Cow<'_, str>, Fault> {
    if !text.contains(&b'\\') {
        return Ok(String::from_utf8_lossy(text));
    }
    let mut plain = Vec::new();
    let mut pieces = text.split(|byte| *byte == b'\\');
    plain.extend_from_slice(pieces.next().unwrap_or_default());
    let mut escaped = false; // The piece follows on a backslash that was escaped itself.
    for piece in pieces {
        if escaped {
            plain.extend_from_slice(piece);
            escaped = false;
            continue;
        }
        match piece.first() {
            Some(b'n') => {
                plain.push(b'\n');
                plain.extend_from_slice(&piece[1..]);
            }
            Some(other) => return Err(Fault::Escape(char::from(*other))),
            None => {
                plain.push(b'\\');
                escaped = true;
            }
        }
    }
    Ok(Cow::Owned(String::from_utf8_lossy(&plain).into_owned()))
}

/// Returns whether a name comes twice. Most lines have their labels in order already.
fn has_equal_names(labels: &[Label<'_>]) -> bool {
    if labels.is_sorted_by(|(one, _), (other, _)| one < other) {
        return false;
    }
    let mut names: Vec<&str> = labels.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
