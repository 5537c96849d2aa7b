//! How a message looks in Slack: one line that also reads well in a notification, and below it a card with a coloured bar.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::markup::{escape, link};
use super::payload::{ALL_TEXT_LIMIT, Attachment, BLOCKS_LIMIT, Block, Payload, SECTION_LIMIT, TEXT_LIMIT};
use super::style::Style;
use crate::kind::{Level, State};
use crate::message::{Entry, Label, Link, Message};
use crate::receiver::fit::{self, Detail, joined};
use crate::receiver::{late, mark};
use crate::template::Templates;
use crate::text::{clip, is_blank, length};

/// Messages in one.
const MESSAGES_LIMIT: usize = 20;
/// What a message takes besides the names of its alerts.
const HEAD_ROOM: usize = 450;
/// Titles in the first line.
const SUMMARY_TITLES: usize = 3;
const NAME_LIMIT: usize = 60;

/// Returns how many of `messages`, from the first on, can be told as one without leaving an alert unnamed; at least 1.
#[must_use]
pub fn fits(messages: &[Message]) -> usize {
    let mut used = 0;
    let fitting = messages.iter().take(MESSAGES_LIMIT).take_while(|message| {
        let names: usize = message.entries.iter().map(|entry| length(&entry.name).min(NAME_LIMIT) + 8).sum();
        used += HEAD_ROOM + names + length(&message.text).min(300);
        used <= ALL_TEXT_LIMIT
    });
    fitting.count().max(1)
}

/// Returns the cards for `messages`, which share the room.
#[must_use]
pub fn card(messages: &[Message], style: &Style, templates: &Templates) -> Payload {
    let room = ALL_TEXT_LIMIT / messages.len().max(1);
    let blocks = BLOCKS_LIMIT / messages.len().max(1);
    let single = messages.len() == 1;
    let cards = messages.iter().map(|message| {
        let lead = if single { String::new() } else { headline(message, templates) };
        Attachment { color: color(message), blocks: parts(message, lead, room, blocks, templates) }
    });
    Payload {
        text: joined([joined([mentions(messages, style), summary(messages, templates)], " "), late(messages)], "\n"),
        attachments: cards.filter(|card| !card.blocks.is_empty()).collect(),
        username: style.username.as_ref().map(|name| name.as_str().to_owned()),
        ..Payload::default()
    }
}

/// What stands beside one bar, in at most `room` characters and `most` blocks.
fn parts(message: &Message, lead: String, room: usize, most: usize, templates: &Templates) -> Vec<Block> {
    let footer = footer(message, room);
    let mut left = room.saturating_sub(length(&lead) + length(&footer));
    let text = match templates.body(message) {
        Some(body) => joined([lead, clip(&body, left)], "\n"),
        None => {
            let tail = tail(message, left / 4);
            let head = match message.entries.len() {
                0 | 1 => escape(&message.text, left / 2),
                _ => {
                    let (firing, resolved) = message.counts();
                    message.language.counts(firing, resolved)
                }
            };
            left = left.saturating_sub(length(&head) + length(&tail) + 8);
            let fields = fields(&message.fields, left);
            left = left.saturating_sub(length(&fields));
            let entries = fit::entries(message, left, &Words { message, templates });
            joined([joined([lead, head], "\n"), fields, entries, tail], "\n\n")
        }
    };
    let mut blocks = sections(&text);
    // Only a body of somebody's own can be of so many paragraphs.
    blocks.truncate(most.saturating_sub(1).max(1));
    blocks.extend((!is_blank(&footer) && blocks.len() < most).then(|| Block::context(footer)));
    blocks
}

/// The first line: of several messages the first ones, and how many more there are.
fn summary(messages: &[Message], templates: &Templates) -> String {
    let shown: Vec<String> = messages.iter().take(SUMMARY_TITLES).map(|message| headline(message, templates)).collect();
    let shown = shown.join(" · ");
    match messages.get(SUMMARY_TITLES..).and_then(|rest| Some((rest.first()?, rest.len()))) {
        Some((next, more)) => format!("{shown} {}", next.language.more(more)),
        None => shown,
    }
}

/// Returns `messages` as bare text, for when Slack refuses the card.
#[must_use]
pub fn plain(messages: &[Message], style: &Style) -> Payload {
    let room = 3 * TEXT_LIMIT / messages.len().max(1);
    let templates = Templates::default();
    let told = messages.iter().map(|message| {
        let entries = fit::entries(message, room, &Words { message, templates: &templates });
        joined([headline(message, &templates), escape(&message.text, room), entries], "\n")
    });
    let told = told.collect::<Vec<_>>().join("\n\n");
    Payload { text: joined([mentions(messages, style), told], "\n"), ..Payload::default() }
}

/// `🔴 *Firing: HostDown — db-1*`
fn headline(message: &Message, templates: &Templates) -> String {
    if let Some(title) = templates.title(message) {
        return clip(&title, 1500);
    }
    let title = if is_blank(&message.title) { message.language.level(message.level) } else { &message.title };
    let title = match message.state {
        State::Note => clip(title, 250),
        state => format!("{}: {}", message.language.told(message.occasion, state), clip(title, 250)),
    };
    let title = message.link.as_ref().map_or_else(|| escape(&title, 1500), |url| link(url, &title));
    format!("{} {}", mark(message.state, message.level), bold(&title))
}

/// An asterisk inside would end it early.
fn bold(text: &str) -> String {
    if text.contains(['*', '\n']) { text.to_owned() } else { format!("*{text}*") }
}

fn color(message: &Message) -> String {
    match (message.state, message.level) {
        (State::Resolved, _) => "#2ecc71",
        (_, Level::Critical) => "#d92d20",
        (_, Level::Error) => "#e8590c",
        (_, Level::Warning) => "#f59f00",
        (_, Level::Info) => "#339af0",
    }
    .to_owned()
}

struct Words<'a> {
    message: &'a Message,
    templates: &'a Templates,
}

impl fit::Say for Words<'_> {
    const REST_ROOM: usize = 3000;

    fn entry(&self, entry: &Entry, detail: Detail) -> String {
        let Self { message, templates } = self;
        if let Some(line) = templates.line(message, entry) {
            return line;
        }
        // Alone it needs no mark of its own: the first line has it.
        let mark =
            if message.entries.len() > 1 { format!("{} ", mark(entry.state, entry.level)) } else { String::new() };
        let mut when = entry.when(message.language, date);
        if entry.flaps > 0 {
            when = format!("{when} · {}", message.language.flaps(entry.flaps));
        }
        let figures = escape(&message.language.figures(&entry.figures), 150);
        let told = |limit| {
            let headline = escape(&entry.headline, limit);
            let (lead, rest) =
                if entry.is_resolved() { (when, message.language.was(&headline)) } else { (headline, when) };
            (format!("{mark}{}", bold(&lead)), rest)
        };
        match detail {
            Detail::Paragraph { body } => {
                let (lead, rest) = told(300);
                let facts = joined([figures, rest, labels(&entry.labels, 300)], " · ");
                joined([lead, escape(&entry.body, body), facts, links(message, &entry.links)], "\n")
            }
            Detail::Line => {
                let (lead, rest) = told(120);
                joined([lead, figures, rest, labels(&entry.labels, 100)], " · ")
            }
        }
    }

    fn name(&self, entry: &Entry) -> String {
        let (firing, resolved) = self.message.counts();
        let over = if entry.is_resolved() && firing > 0 && resolved > 0 { "✅ " } else { "" };
        format!("{over}{}", escape(&entry.name, NAME_LIMIT))
    }
}

fn tail(message: &Message, room: usize) -> String {
    let unseen = if message.unseen == 0 { String::new() } else { message.language.unseen(message.unseen) };
    let labels = labels(&message.labels, room.min(500));
    let links = links(message, &message.links);
    let links = if length(&links) + length(&labels) > room { String::new() } else { links };
    joined([labels, links, unseen], "\n")
}

fn fields(fields: &[Label], room: usize) -> String {
    let mut text = String::new();
    for field in fields.iter().filter(|field| !is_blank(&field.name) && !is_blank(&field.value)) {
        let line = format!("{}: {}", bold(&escape(&field.name, 200)), escape(&field.value, 1000));
        if length(&text) + length(&line) + 1 > room {
            break;
        }
        text = joined([text, line], "\n");
    }
    text
}

/// Slack shows it in the reader's own zone; what stands behind the bar is for programs that cannot.
pub fn date(moment: Timestamp) -> String {
    format!(
        "<!date^{}^{{date_short_pretty}} {{time_secs}}|{}>",
        moment.as_second(),
        moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    )
}

fn labels(labels: &[Label], room: usize) -> String {
    let mut line = String::new();
    for label in labels {
        let next = escape(&format!("{}={}", label.name, label.value), 120);
        if length(&line) + length(&next) + 3 > room {
            break;
        }
        line = joined([line, next], " · ");
    }
    line
}

fn links(message: &Message, links: &[Link]) -> String {
    let short = links.iter().filter(|link| link.url.as_str().len() <= 1000).take(5);
    short.map(|each| link(&each.url, message.language.link(each.kind))).collect::<Vec<_>>().join(" · ")
}

fn footer(message: &Message, room: usize) -> String {
    let level = if is_blank(&message.title) { "" } else { message.language.level(message.level) };
    joined([level.to_owned(), escape(&message.origin, (room / 4).min(600))], " · ")
}

/// Who is called for what people did not know yet.
fn mentions(messages: &[Message], style: &Style) -> String {
    let levels = messages.iter().flat_map(|message| &message.newly_firing);
    let called: BTreeSet<String> =
        levels.filter_map(|level| style.mentions.of(*level)).map(ToString::to_string).collect();
    called.into_iter().collect::<Vec<_>>().join(" ")
}

/// A long text in pieces, cut where a line ends.
fn sections(text: &str) -> Vec<Block> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for line in text.split('\n') {
        if length(&piece) + 1 + length(line) > SECTION_LIMIT && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        if !piece.is_empty() || line.is_empty() {
            piece.push('\n');
        }
        // No line of ours is longer than this; a stranger's may be.
        piece.push_str(&clip(line, SECTION_LIMIT - 1));
    }
    pieces.push(piece);
    pieces
        .iter()
        .map(|piece| piece.trim_matches('\n'))
        .filter(|piece| !is_blank(piece))
        .map(|piece| Block::section(piece.to_owned()))
        .collect()
}
