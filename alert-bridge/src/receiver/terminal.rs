//! A terminal, for those who have no chat yet: messages as a person reads them.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::plain::{self, Look};
use super::{Answer, Answering, Form, Receiver};
use crate::kind::{Level, State};
use crate::message::Message;
use crate::template::Templates;

/// Writes each message as a few lines of text.
pub struct Terminal {
    out: Mutex<Box<dyn Write + Send>>,
    colour: Colour,
    zone: TimeZone,
    templates: Templates,
}

/// Whether escape sequences go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For a terminal.
    On,
    /// For a file, a pipe, or someone who said NO_COLOR.
    Off,
}

impl Terminal {
    /// Writes to standard output, in colour if a person sits there, in the time of this machine.
    #[must_use]
    pub fn stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = if io::stdout().is_terminal() && !plain { Colour::On } else { Colour::Off };
        Self::new(Box::new(io::stdout()), colour, TimeZone::system())
    }

    /// Writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, colour: Colour, zone: TimeZone) -> Self {
        Self { out: Mutex::new(out), colour, zone, templates: Templates::default() }
    }

    /// Uses words of the operator's own.
    #[must_use]
    pub fn with(self, templates: Templates) -> Self {
        Self { templates, ..self }
    }

    fn write(&self, messages: &[Message]) -> Answer {
        let text: String = messages.iter().map(|message| self.text(message)).collect();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Answer::Done { id: None, form: Form::AsComposed },
            Err(error) => Answer::Trouble(format!("cannot write to standard output: {error}")),
        }
    }

    fn text(&self, message: &Message) -> String {
        if let Some(body) = self.templates.body(message) {
            return body + "\n\n";
        }
        let look = Look {
            moment: &|moment| self.local(moment),
            paint: &|text, state, level| self.painted(text, state, level),
            line: &|entry| self.templates.line(message, entry),
        };
        plain::text(message, &look) + "\n\n"
    }

    fn local(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn painted(&self, text: &str, state: State, level: Level) -> String {
        let colour = match (state, level) {
            (State::Resolved | State::PartlyResolved, _) => "1;32",
            (_, Level::Critical | Level::Error) => "1;31",
            (_, Level::Warning) => "1;33",
            (_, Level::Info) => "1;34",
        };
        match self.colour {
            Colour::On => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}

impl Receiver for Terminal {
    fn kind(&self) -> &'static str {
        "terminal"
    }

    fn fits(&self, messages: &[Message]) -> usize {
        messages.len()
    }

    fn post<'a>(&'a self, messages: &'a [Message]) -> Answering<'a> {
        let answer = self.write(messages);
        Box::pin(std::future::ready(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::compose;
    use crate::language::Language;
    use crate::webhook;

    fn read(body: &[u8], language: Language, colour: Colour) -> String {
        let message = compose(&webhook::parse(body).unwrap(), language).unwrap();
        Terminal::new(Box::new(io::sink()), colour, TimeZone::UTC).text(&message)
    }

    #[test]
    fn a_message_reads_as_a_person_would_tell_it() {
        let body = include_bytes!("../../testdata/alertmanager/partial_resolve-02.json");
        insta::assert_snapshot!(read(body, Language::En, Colour::Off));
        let body = include_bytes!("../../testdata/alertmanager/japanese-02.json");
        insta::assert_snapshot!(read(body, Language::Ja, Colour::Off));
    }

    #[test]
    fn no_label_can_send_an_escape_sequence_to_the_terminal() {
        let body = include_bytes!("../../testdata/alertmanager/quoting-01.json");
        let text = read(body, Language::En, Colour::Off);
        assert!(text.contains("[31mred") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn colour_is_only_for_a_terminal() {
        let body = include_bytes!("../../testdata/alertmanager/single-01.json");
        assert!(read(body, Language::En, Colour::On).starts_with("\u{1b}[1;31m[Firing"));
        assert!(read(body, Language::En, Colour::Off).starts_with("[Firing · Critical] DiskFull — web-01\n"));
    }
}
