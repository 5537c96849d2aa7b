//! A terminal, for those who have no chat yet: messages as a person reads them.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Answer, Answering, Form, Receiver};
use crate::kind::{Level, State};
use crate::message::{Entry, Label, Link, Message};

/// Writes each message as a few lines of text.
pub struct Terminal {
    out: Mutex<Box<dyn Write + Send>>,
    colour: Colour,
    zone: TimeZone,
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
        Self { out: Mutex::new(out), colour, zone }
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
        let language = message.language;
        let title = match message.state {
            State::Note if message.title.is_empty() => language.level(message.level).to_owned(),
            State::Note => format!("[{}] {}", language.level(message.level), message.title),
            state => format!(
                "[{} · {}] {}",
                language.told(message.occasion, state),
                language.level(message.level),
                message.title
            ),
        };
        let mut lines = vec![self.painted(&title, message.state, message.level)];
        lines.extend(message.text.lines().map(|line| format!("  {line}")));
        let value = |field: &Label| field.value.lines().collect::<Vec<_>>().join(" · ");
        lines.extend(message.fields.iter().map(|field| format!("  {}: {}", field.name, value(field))));
        for entry in &message.entries {
            let when = entry.when(language, |moment| self.local(moment));
            let (lead, rest) = match entry.is_resolved() {
                true => (when, language.was(&entry.headline)),
                false => (entry.headline.clone(), when),
            };
            lines.push(format!("  {}{lead}", self.bullet(message, entry)));
            lines.extend(entry.body.lines().map(|line| format!("    {line}")));
            let facts = [vec![rest], pairs(&entry.labels)].concat();
            lines.push(format!("    {}", facts.join(" · ")));
            lines.extend(entry.links.iter().map(|link| format!("    {}", address(message, link))));
        }
        if !message.labels.is_empty() {
            lines.push(format!("  {}", pairs(&message.labels).join(" · ")));
        }
        lines.extend(message.links.iter().map(|link| format!("  {}", address(message, link))));
        lines.extend((message.unseen > 0).then(|| format!("  {}", language.unseen(message.unseen))));
        lines.join("\n") + "\n\n"
    }

    /// Alone it needs no mark of its own: the title has it.
    fn bullet(&self, message: &Message, entry: &Entry) -> String {
        if message.entries.len() == 1 {
            return String::new();
        }
        let mark = if entry.is_resolved() { "✓" } else { "●" };
        format!("{} ", self.painted(mark, entry.state, entry.level))
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

fn pairs(labels: &[Label]) -> Vec<String> {
    labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect()
}

fn address(message: &Message, link: &Link) -> String {
    format!("{}: {}", message.language.link(link.kind), link.url)
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
