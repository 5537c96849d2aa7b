//! From bytes to samples, line by line.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::draft::{Drafts, Part};
use crate::fault::{Fault, Quoted};
use crate::kind::Kind;
use crate::limits::Limits;
use crate::number;
use crate::raw::{Family, Label};

/// What was read, or what is wrong with it. In a box: a fault is large and seldom, and what is returned is moved around for
/// every word on the page.
type Checked<T> = Result<T, Box<Fault>>;

/// Goes on the name of a metric.
const METRIC_NAME: u8 = 1;
/// Goes on the name of a label.
const LABEL_NAME: u8 = 2;
/// What each byte goes on. Half of a page is names, and to look a byte up takes less than to compare it with ranges.
const LETTERS: [u8; 256] = letters();

const fn letters() -> [u8; 256] {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        letters[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => METRIC_NAME | LABEL_NAME,
            b':' => METRIC_NAME,
            _ => 0,
        };
        byte += 1;
    }
    letters
}

/// A place on the page, and what was read up to it.
pub struct Reader<'page> {
    at: Cursor<'page>,
    line: usize,
    series: usize,
    limits: Limits,
    drafts: Drafts<'page>,
}

impl<'page> Reader<'page> {
    /// Stands at the beginning of `page`.
    pub fn new(page: &'page [u8], limits: Limits) -> Self {
        Self { at: Cursor::new(page), line: 0, series: 0, limits, drafts: Drafts::default() }
    }

    /// Returns which line is being read.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Reads to the end of the page.
    pub fn read_all(&mut self) -> Checked<()> {
        loop {
            self.line += 1;
            self.at.skip_blanks();
            match self.at.next() {
                None => return Ok(()),
                Some(b'\n') => self.at.advance(),
                Some(b'#') => self.comment()?,
                Some(_) => self.sample()?,
            }
        }
    }

    /// Returns the families that were read.
    pub fn finish(self) -> Vec<Family<'page>> {
        self.drafts.finish()
    }

    fn comment(&mut self) -> Checked<()> {
        self.at.advance();
        self.at.skip_blanks();
        let word = self.at.word()?;
        if !matches!(word, b"HELP" | b"TYPE") {
            return Ok(self.at.skip_line()?);
        }
        self.at.skip_blanks();
        // Half a line that ends here says nothing, which is no fault.
        if self.at.peek()? == b'\n' {
            return Ok(self.at.skip_line()?);
        }
        let name = self.metric_name()?;
        match self.at.peek()? {
            b'\n' if !name.is_empty() => return Ok(self.at.skip_line()?),
            b' ' | b'\t' => {}
            _ => return Err(Fault::MetricNameInComment.into()),
        }
        let (family, _) = self.drafts.open(name, self.line);
        self.at.skip_blanks();
        if self.at.peek()? == b'\n' {
            return Ok(self.at.skip_line()?);
        }
        if word == b"HELP" { self.help(family) } else { self.kind(family) }
    }

    fn help(&mut self, family: usize) -> Checked<()> {
        if self.drafts.at(family).help.is_some() {
            return Err(Fault::SecondHelp(self.drafts.at(family).name.to_owned()).into());
        }
        let text = self.at.until(|byte| byte == b'\n');
        // An escape that does not exist is told before an end that is missing.
        let plain = unescaped_help(text)?;
        self.at.peek()?;
        // An odd number of backslashes at the end escapes the line's end.
        if text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1 {
            return Err(Fault::Escape('\n').into());
        }
        self.at.advance();
        self.drafts.at(family).help = Some(plain);
        Ok(())
    }

    fn kind(&mut self, family: usize) -> Checked<()> {
        if self.drafts.at(family).kind.is_some() {
            return Err(Fault::SecondKind(self.drafts.at(family).name.to_owned()).into());
        }
        let word = self.at.until(|byte| byte == b'\n');
        self.at.peek()?;
        let kind = std::str::from_utf8(word).ok().and_then(Kind::from_word);
        self.drafts.at(family).kind = Some(kind.ok_or_else(|| Fault::Kind(Quoted::new(word)))?);
        self.at.advance();
        Ok(())
    }

    fn sample(&mut self) -> Checked<()> {
        let name = self.metric_name()?;
        if name.is_empty() {
            return Err(Fault::MetricName.into());
        }
        let (family, part) = self.drafts.open(name, self.line);
        let kind = *self.drafts.at(family).kind.get_or_insert(Kind::Untyped);
        self.at.skip_blanks();
        let own = if self.at.peek()? == b'{' { self.labels(family, kind)? } else { f64::NAN };
        let word = self.at.word()?;
        let value = number::parse(word).ok_or_else(|| Fault::Number(Quoted::new(word)))?;
        let has_timestamp = self.at.peek()? != b'\n';
        if has_timestamp {
            self.timestamp()?;
        }
        self.at.advance();
        if self.series == self.limits.series {
            return Err(Fault::TooManySeries(self.limits.series).into());
        }
        self.series += 1;
        let part = if part == Part::Value { Part::of_value(kind, own) } else { part };
        let line = self.line;
        self.drafts.at(family).add(part, value, has_timestamp, line);
        Ok(())
    }

    /// Reads `{name="value",…}` and the blanks behind it. Returns the number in `le` or `quantile`, where that is not a
    /// label like others.
    fn labels(&mut self, family: usize, kind: Kind) -> Checked<f64> {
        let begin = self.drafts.at(family).labels_begin();
        let (own_label, mut own) = (kind.own_label(), f64::NAN);
        loop {
            self.at.advance();
            self.at.skip_blanks();
            if self.at.peek()? == b'}' {
                break;
            }
            let name = self.name(LABEL_NAME)?;
            match name {
                "" => return Err(Fault::LabelName(self.drafts.at(family).name.to_owned()).into()),
                "__name__" => return Err(Fault::ReservedLabel.into()),
                _ => {}
            }
            self.at.skip_blanks();
            match self.at.peek()? {
                b'=' => self.at.advance(),
                other => return Err(Fault::NoEquals(char::from(other)).into()),
            }
            self.at.skip_blanks();
            match self.at.peek()? {
                b'"' => self.at.advance(),
                other => return Err(Fault::NoQuote(char::from(other)).into()),
            }
            let value = self.label_value()?;
            let is_own = own_label == Some(name);
            if is_own {
                let number = number::parse(value.as_bytes());
                own = number
                    .ok_or_else(|| Fault::OwnLabel(own_label.unwrap_or_default(), Quoted::new(value.as_bytes())))?;
            } else if self.drafts.at(family).labels.len() - begin == self.limits.labels {
                return Err(Fault::TooManyLabels(self.limits.labels).into());
            }
            self.at.skip_blanks();
            let end = self.at.peek()?;
            if !matches!(end, b',' | b'}') {
                return Err(Fault::EndOfValue(Quoted::new(value.as_bytes())).into());
            }
            if !is_own {
                self.drafts.at(family).labels.push((Cow::Borrowed(name), value));
            }
            if end == b'}' {
                break;
            }
        }
        self.at.advance();
        self.at.skip_blanks();
        let draft = self.drafts.at(family);
        if has_equal_names(&draft.labels[begin..]) {
            Err(Fault::LabelTwice(draft.name.to_owned()).into())
        } else {
            Ok(own)
        }
    }

    /// Reads a label's value and the quote behind it.
    fn label_value(&mut self) -> Checked<Cow<'page, str>> {
        let plain = self.at.until(|byte| matches!(byte, b'"' | b'\\' | b'\n'));
        let value = if self.at.peek()? == b'"' {
            self.at.advance();
            if plain.len() > self.limits.value_bytes {
                return Err(Fault::LongValue(self.limits.value_bytes).into());
            }
            Cow::Borrowed(std::str::from_utf8(plain).map_err(|_| Fault::InvalidValue(Quoted::new(plain)))?)
        } else {
            Cow::Owned(self.escaped_value(plain.to_vec())?)
        };
        Ok(value)
    }

    /// Reads on after the beginning of a value that is not only what stands for itself.
    fn escaped_value(&mut self, mut value: Vec<u8>) -> Checked<String> {
        loop {
            let end = self.at.peek()?;
            self.at.advance();
            match end {
                b'"' => break,
                b'\n' => return Err(Fault::OpenValue(Quoted::new(&value)).into()),
                _ => match self.at.peek()? {
                    plain @ (b'"' | b'\\') => value.push(plain),
                    b'n' => value.push(b'\n'),
                    other => return Err(Fault::Escape(char::from(other)).into()),
                },
            }
            self.at.advance();
            value.extend_from_slice(self.at.until(|byte| matches!(byte, b'"' | b'\\' | b'\n')));
        }
        if value.len() > self.limits.value_bytes {
            return Err(Fault::LongValue(self.limits.value_bytes).into());
        }
        String::from_utf8(value).map_err(|error| Fault::InvalidValue(Quoted::new(error.as_bytes())).into())
    }

    /// Reads what stands between the blank behind a value and the line's end.
    fn timestamp(&mut self) -> Checked<()> {
        self.at.skip_blanks();
        let word = self.at.word()?;
        let stamp = std::str::from_utf8(word).ok().and_then(|word| word.parse::<i64>().ok());
        stamp.ok_or_else(|| Fault::Timestamp(Quoted::new(word)))?;
        let more = self.at.until(|byte| byte == b'\n');
        self.at.peek()?;
        if !more.is_empty() {
            return Err(Fault::AfterTimestamp(Quoted::new(more)).into());
        }
        Ok(())
    }

    fn metric_name(&mut self) -> Checked<&'page str> {
        self.name(METRIC_NAME)
    }

    /// Reads a name, which is empty when none begins here. Behind it there is something.
    fn name(&mut self, letter: u8) -> Checked<&'page str> {
        // A digit goes on a name and begins none.
        if self.at.peek()?.is_ascii_digit() {
            return Ok("");
        }
        let name = self.at.until(|byte| LETTERS[usize::from(byte)] & letter == 0);
        self.at.peek()?;
        if name.len() > self.limits.name_bytes {
            return Err(Fault::LongName(self.limits.name_bytes).into());
        }
        // Nothing but ASCII goes on a name.
        std::str::from_utf8(name).map_err(|_| Fault::MetricName.into())
    }
}

/// Takes the escapes out of a help. Only label values are held to UTF-8.
fn unescaped_help(text: &[u8]) -> Checked<Cow<'_, str>> {
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
            Some(other) => return Err(Fault::Escape(char::from(*other)).into()),
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
