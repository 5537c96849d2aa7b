//! A message as a person would tell it, in bare lines: for the terminal and for the text half of a mail.

use jiff::Timestamp;

use super::fit::joined;
use crate::kind::{Level, State};
use crate::message::{Entry, Label, Link, Message};

/// How the pieces of a plain text look.
pub struct Look<'a> {
    /// Shows a moment.
    pub moment: &'a dyn Fn(Timestamp) -> String,
    /// Paints what stands out.
    pub paint: &'a dyn Fn(&str, State, Level) -> String,
    /// Says something of one alert in other words than ours.
    pub line: &'a dyn Fn(&Entry) -> Option<String>,
}

/// Returns `message` as lines, without a line end behind the last one.
#[must_use]
pub fn text(message: &Message, look: &Look<'_>) -> String {
    let language = message.language;
    let title = match message.state {
        State::Note if message.title.is_empty() => language.level(message.level).to_owned(),
        State::Note => format!("[{}] {}", language.level(message.level), message.title),
        state => {
            let told = language.told(message.occasion, state);
            format!("[{told} · {}] {}", language.level(message.level), message.title)
        }
    };
    let mut lines = vec![(look.paint)(&title, message.state, message.level)];
    lines.extend(message.text.lines().map(|line| format!("  {line}")));
    lines.extend(message.fields.iter().map(|field| format!("  {}: {}", field.name, field.value)));
    for entry in &message.entries {
        lines.extend(self::entry(message, entry, look));
    }
    if !message.labels.is_empty() {
        lines.push(format!("  {}", pairs(&message.labels)));
    }
    lines.extend(message.links.iter().map(|link| format!("  {}", address(message, link))));
    lines.extend((message.unseen > 0).then(|| format!("  {}", language.unseen(message.unseen))));
    lines.join("\n")
}

fn entry(message: &Message, entry: &Entry, look: &Look<'_>) -> Vec<String> {
    let language = message.language;
    if let Some(words) = (look.line)(entry) {
        return words.lines().map(|line| format!("  {line}")).collect();
    }
    let when = entry.when(language, look.moment);
    let (lead, rest) = match entry.is_resolved() {
        true => (when, language.was(&entry.headline)),
        false => (entry.headline.clone(), when),
    };
    // Alone it needs no mark of its own: the title has it.
    let mark = match (message.entries.len(), entry.is_resolved()) {
        (1, _) => String::new(),
        (_, true) => format!("{} ", (look.paint)("✓", entry.state, entry.level)),
        (_, false) => format!("{} ", (look.paint)("●", entry.state, entry.level)),
    };
    let mut lines = vec![format!("  {mark}{lead}")];
    lines.extend(entry.body.lines().map(|line| format!("    {line}")));
    let figures = language.figures(&entry.figures);
    lines.push(format!("    {}", joined([figures, rest, pairs(&entry.labels)], " · ")));
    lines.extend(entry.links.iter().map(|link| format!("    {}", address(message, link))));
    lines
}

fn pairs(labels: &[Label]) -> String {
    labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect::<Vec<_>>().join(" · ")
}

fn address(message: &Message, link: &Link) -> String {
    format!("{}: {}", message.language.link(link.kind), link.url)
}
