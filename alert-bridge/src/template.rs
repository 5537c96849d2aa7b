//! Words of the operator's own: templates for the title, the body and the line about one alert.
//!
//! What a template prints is escaped for the place it goes to, so a label cannot become markup; `|safe` prints as it is. A
//! template reads no file and calls nothing, and is cut off when it computes or writes too much. Whether it works is tried
//! at start on samples; should it fail on a real alert all the same, the built-in words stand in for it.

mod context;
mod sample;

use std::fmt;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use serde::Deserialize;
use tracing::warn;

use crate::message::{Entry, Message};
use crate::text;

/// Steps that one rendering may take: a loop over a thousand alerts takes some tens of thousands.
const FUEL: u64 = 500_000;
/// Bytes that one rendering may write: more than any receiver shows.
const OUTPUT_LIMIT_BYTES: usize = 64 * 1024;
/// A template is some lines; a longer one is the wrong file.
const SOURCE_LIMIT_BYTES: usize = 16 * 1024;
const REASON_LIMIT: usize = 300;

/// The `templates:` section of a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemplateTexts {
    /// The first line, instead of `🔴 Firing: HostDown — db-1`.
    pub title: Option<String>,
    /// All that stands below the title.
    pub body: Option<String>,
    /// What is said of one alert.
    pub line: Option<String>,
}

/// How text is escaped where a template's output goes.
pub type Escape = fn(&str) -> String;
/// How a moment is shown there; what it returns is not escaped.
pub type Moment = Arc<dyn Fn(jiff::Timestamp) -> String + Send + Sync>;

/// The templates of one receiver, tried and found good.
#[derive(Clone, Default)]
pub struct Templates {
    environment: Environment<'static>,
    moment: Option<Moment>,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Templates")
    }
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("templates.{name}{place}: {reason}")]
pub struct TemplateFault {
    name: &'static str,
    place: String,
    reason: String,
}

impl Templates {
    /// Takes `texts` for a place that escapes by `escape` and shows moments by `moment`.
    ///
    /// # Errors
    /// When one of them is no template, or fails on one of the samples; names the line.
    pub fn build(texts: TemplateTexts, escape: Escape, moment: Moment) -> Result<Self, TemplateFault> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(50);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line with nothing but a tag on it leaves no empty line behind.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| fault("title", &error))?);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(move |out, state, value| print(out, state, value, escape));
        for (name, source) in [("title", texts.title), ("body", texts.body), ("line", texts.line)] {
            let Some(source) = source else { continue };
            if source.len() > SOURCE_LIMIT_BYTES {
                let reason = format!("it has {} bytes, {SOURCE_LIMIT_BYTES} are allowed", source.len());
                return Err(TemplateFault { name, place: String::new(), reason });
            }
            environment.add_template_owned(name, source).map_err(|error| fault(name, &error))?;
        }
        let templates = Self { environment, moment: Some(moment) };
        for message in sample::messages() {
            for name in ["title", "body"] {
                templates.render(name, &message, None).map_or(Ok(()), |done| done.map(drop))?;
            }
            for entry in &message.entries {
                templates.render("line", &message, Some(entry)).map_or(Ok(()), |done| done.map(drop))?;
            }
        }
        Ok(templates)
    }

    /// Returns the operator's title, in one line; nothing without a template.
    #[must_use]
    pub fn title(&self, message: &Message) -> Option<String> {
        self.say("title", message, None).map(|title| text::line(&title)).filter(|title| !text::is_blank(title))
    }

    /// Returns what the operator wants below the title; nothing without a template.
    #[must_use]
    pub fn body(&self, message: &Message) -> Option<String> {
        self.say("body", message, None)
    }

    /// Returns what the operator wants said of one alert; nothing without a template.
    #[must_use]
    pub fn line(&self, message: &Message, entry: &Entry) -> Option<String> {
        self.say("line", message, Some(entry)).filter(|line| !text::is_blank(line))
    }

    fn say(&self, name: &'static str, message: &Message, entry: Option<&Entry>) -> Option<String> {
        match self.render(name, message, entry)? {
            Ok(said) => Some(said.trim_end().to_owned()),
            Err(fault) => {
                warn!("a template failed, so the built-in words stand in for it: {fault}");
                None
            }
        }
    }

    fn render(
        &self,
        name: &'static str,
        message: &Message,
        entry: Option<&Entry>,
    ) -> Option<Result<String, TemplateFault>> {
        let template = self.environment.get_template(name).ok()?;
        let context = context::of(message, entry, self.moment.as_ref()?);
        let mut out = Bounded(Vec::new());
        let done = template.render_captured_to(context, &mut out).map(drop).map_err(|error| fault(name, &error));
        Some(done.map(|()| String::from_utf8_lossy(&out.0).into_owned()))
    }
}

/// Writes a value; what `|safe` marked, and what is no text, as it is.
fn print(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value, escape: Escape) -> Result<(), Error> {
    if value.is_undefined() && state.undefined_behavior() == UndefinedBehavior::Strict {
        return Err(Error::new(ErrorKind::UndefinedError, "there is no such value"));
    }
    let text = value.to_string();
    let text = if value.is_safe() || value.is_number() { text } else { escape(&text::clean(&text)) };
    out.write_str(&text).map_err(Error::from)
}

/// `line 2: undefined value: there is no such value`
fn fault(name: &'static str, error: &Error) -> TemplateFault {
    let place = error.line().map(|line| format!(" line {line}")).unwrap_or_default();
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it computes too much (a loop in a loop?)".to_owned(),
        (ErrorKind::UndefinedError, None) => "undefined value: nothing has this name".to_owned(),
        (ErrorKind::WriteFailure, _) => format!("it writes more than {OUTPUT_LIMIT_BYTES} bytes"),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    TemplateFault { name, place, reason: text::clip(&text::line(&reason), REASON_LIMIT) }
}

/// A buffer that takes no more than it may.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_LIMIT_BYTES {
            return Err(io::Error::other("too much output"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
