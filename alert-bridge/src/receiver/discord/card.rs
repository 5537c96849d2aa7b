//! How a message looks in Discord. Whatever it says, the limits are kept by construction: each part gets the room that
//! the parts before it left, and when not all alerts fit, the rest is at least named.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::markdown::escape;
use super::payload::{
    ALT_LIMIT, AllowedMentions, AttachedFile, Attachment, CONTENT_LIMIT, DESCRIPTION_LIMIT, Embed, FIELDS_LIMIT,
    FILES_BYTES_LIMIT, FILES_LIMIT, Field, Footer, Image, NAME_LIMIT, Payload, SILENT, TITLE_LIMIT, TOTAL_LIMIT,
    URL_LIMIT, VALUE_LIMIT, is_acceptable,
};
use super::style::{RoleId, Style};
use crate::kind::{Level, State};
use crate::message::{Entry, Label, Link, Message};
use crate::receiver::fit::{self, Detail, joined};
use crate::receiver::mark;
use crate::template::Templates;
use crate::text::{clip, is_blank, length};

/// What follows the entries may take this much: labels that all have in common, then links.
const LABELS_ROOM: usize = 500;
const LINKS_ROOM: usize = 900;
const FOOTER_ROOM: usize = 300;
const REST_NAME_LIMIT: usize = 60;
const LABEL_LIMIT: usize = 120;

/// Returns the card for `message`.
pub fn card(message: &Message, style: &Style) -> Payload {
    let templates = &style.templates;
    let title = templates.title(message).map_or_else(|| title(message), |title| clip(&title, TITLE_LIMIT));
    let description = match templates.body(message) {
        Some(body) => clip(&body, DESCRIPTION_LIMIT),
        None => description(message, templates),
    };
    let mut footer = clip(&footer(message), FOOTER_ROOM);
    let room = TOTAL_LIMIT - length(&title) - length(&description) - FOOTER_ROOM;
    let fields = fields(&message.fields, room);
    if fields.len() < message.fields.len() {
        footer =
            clip(&format!("{footer} · {}", message.language.more(message.fields.len() - fields.len())), FOOTER_ROOM);
    }
    let embed = Embed {
        title,
        url: message.link.as_ref().filter(|url| is_acceptable(url)).map(|url| url.as_str().to_owned()),
        description,
        color: color(message.state, message.level),
        fields,
        image: message.pictures.first().map(|picture| Image { url: format!("attachment://{}", picture.name) }),
        footer: (!is_blank(&footer)).then_some(Footer { text: footer }),
    };
    let (content, allowed_mentions) = mentions(message, style);
    let (attachments, files) = pictures(std::slice::from_ref(message));
    Payload {
        content,
        username: style.username.as_ref().map(|name| name.as_str().to_owned()),
        avatar_url: style.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
        embeds: vec![embed],
        allowed_mentions,
        flags: message.silent.then_some(SILENT),
        attachments,
        files,
        thread_name: None,
    }
}

/// The files that travel with `messages`.
pub fn pictures(messages: &[Message]) -> (Vec<Attachment>, Vec<AttachedFile>) {
    let (mut attachments, mut files, mut room) = (Vec::new(), Vec::new(), FILES_BYTES_LIMIT);
    for picture in messages.iter().flat_map(|message| &message.pictures).take(FILES_LIMIT) {
        // A message without its picture says more than none.
        let Some(bytes) = picture.bytes().filter(|bytes| bytes.len() <= room) else { continue };
        room -= bytes.len();
        let description = clip(&picture.description, ALT_LIMIT);
        attachments.push(Attachment { id: files.len(), filename: picture.name.clone(), description });
        files.push(AttachedFile { name: picture.name.clone(), bytes });
    }
    (attachments, files)
}

/// Returns whether the card for `message` names all its alerts.
pub fn names_all(message: &Message) -> bool {
    let tail = tail(message);
    let (firing, resolved) = message.counts();
    let head = message.language.counts(firing, resolved);
    let room = DESCRIPTION_LIMIT.saturating_sub(length(&tail) + length(&head) + 4);
    fit::are_lines(message, room, &Words { message, templates: &Templates::default() })
}

/// Returns `message` as bare text, for when Discord refuses the card: without anything that it could refuse again.
pub fn plain(message: &Message, style: &Style) -> Payload {
    let (called, allowed_mentions) = mentions(message, style);
    let head = joined([called, format!("**{}**", title(message)), escape(&message.text, CONTENT_LIMIT / 2)], "\n");
    let room = CONTENT_LIMIT.saturating_sub(length(&head) + 1);
    let entries = fit::lines(message, room, &Words { message, templates: &Templates::default() });
    Payload { content: joined([head, entries], "\n"), allowed_mentions, ..Payload::default() }
}

/// `🔴 Firing: HostDown — db-1`
fn title(message: &Message) -> String {
    let lead = match message.state {
        State::Note => format!("{} ", mark(message.state, message.level)),
        state => format!("{} {}: ", mark(state, message.level), message.language.told(message.occasion, state)),
    };
    let title = if is_blank(&message.title) { message.language.level(message.level) } else { &message.title };
    let room = TITLE_LIMIT - length(&lead);
    lead + &escape(title, room)
}

/// The bar at the left of a card.
pub fn color(state: State, level: Level) -> u32 {
    match (state, level) {
        (State::Lost, _) => 0x86_8E_96,
        (State::Resolved, _) => 0x2E_CC_71,
        (_, Level::Critical) => 0xD9_2D_20,
        (_, Level::Error) => 0xE8_59_0C,
        (_, Level::Warning) => 0xF5_9F_00,
        (_, Level::Info) => 0x33_9A_F0,
    }
}

fn description(message: &Message, templates: &Templates) -> String {
    let tail = tail(message);
    let left = DESCRIPTION_LIMIT.saturating_sub(length(&tail) + 2);
    let head = match message.entries.len() {
        0 | 1 => escape(&message.text, left),
        _ => {
            let (firing, resolved) = message.counts();
            message.language.counts(firing, resolved)
        }
    };
    let left = left.saturating_sub(length(&head) + 2);
    joined([head, fit::entries(message, left, &Words { message, templates }), tail], "\n\n")
}

/// What is true of all entries, and what we could not see.
fn tail(message: &Message) -> String {
    let unseen = if message.unseen == 0 { String::new() } else { message.language.unseen(message.unseen) };
    joined([labels(&message.labels, LABELS_ROOM), links(message, &message.links, LINKS_ROOM), unseen], "\n")
}

struct Words<'a> {
    message: &'a Message,
    templates: &'a Templates,
}

impl fit::Say for Words<'_> {
    const REST_ROOM: usize = 2200;

    fn entry(&self, entry: &Entry, detail: Detail) -> String {
        self.templates.line(self.message, entry).unwrap_or_else(|| show(self.message, entry, detail))
    }

    fn name(&self, entry: &Entry) -> String {
        let (firing, resolved) = self.message.counts();
        let over = if entry.is_resolved() && firing > 0 && resolved > 0 { "✅ " } else { "" };
        format!("{over}{}", escape(&entry.name, REST_NAME_LIMIT))
    }
}

fn show(message: &Message, entry: &Entry, detail: Detail) -> String {
    // Alone it needs no mark of its own: the title has it.
    let mark = if message.entries.len() > 1 { format!("{} ", mark(entry.state, entry.level)) } else { String::new() };
    let mut when = entry.when(message.language, relative);
    if entry.flaps > 0 {
        when = format!("{when} · {}", message.language.flaps(entry.flaps));
    }
    let figures = escape(&message.language.figures(&entry.figures), 150);
    // What is over leads with that; what was wrong is struck through, lest "db-1 is down" be read as news.
    let told = |limit| {
        let headline = escape(&entry.headline, limit);
        let (lead, rest) = if entry.is_resolved() { (when, format!("~~{headline}~~")) } else { (headline, when) };
        (format!("{mark}**{lead}**"), rest)
    };
    match detail {
        Detail::Paragraph { body } => {
            let (lead, rest) = told(300);
            let facts = joined([figures, rest, labels(&entry.labels, 300)], " · ");
            joined([lead, escape(&entry.body, body), facts, links(message, &entry.links, LINKS_ROOM)], "\n")
        }
        Detail::Line => {
            let (lead, rest) = told(120);
            joined([lead, figures, rest, labels(&entry.labels, 100)], " · ")
        }
    }
}

/// Discord shows "5 minutes ago" in the reader's own language, and keeps it current.
pub fn relative(moment: Timestamp) -> String {
    format!("<t:{}:R>", moment.as_second())
}

fn labels(labels: &[Label], room: usize) -> String {
    let mut line = String::new();
    for label in labels {
        let label = escape(&format!("{}={}", label.name, label.value), LABEL_LIMIT.min(room));
        let longer = joined([line.clone(), label], " · ");
        if length(&longer) > room {
            break;
        }
        line = longer;
    }
    line
}

fn links(message: &Message, links: &[Link], room: usize) -> String {
    let mut line = String::new();
    for link in links {
        // A bracket or a backtick would end the link early.
        let address = link.url.as_str().replace('(', "%28").replace(')', "%29").replace('`', "%60");
        if address.len() > URL_LIMIT || !address.is_ascii() {
            continue;
        }
        let word = message.language.link(link.kind);
        // Nobody's browser finds a host without a dot, but who stands beside it may know what to make of the page's address.
        let page = address.split('?').next().unwrap_or_default();
        let shown = if is_acceptable(&link.url) { format!("[{word}]({address})") } else { format!("{word}: `{page}`") };
        let longer = joined([line.clone(), shown], " · ");
        // The next one may be shorter.
        if length(&longer) <= room {
            line = longer;
        }
    }
    line
}

fn fields(all: &[Label], mut room: usize) -> Vec<Field> {
    let mut fields = Vec::new();
    for label in all.iter().filter(|label| !is_blank(&label.name) && !is_blank(&label.value)).take(FIELDS_LIMIT) {
        let field =
            Field { name: escape(&label.name, NAME_LIMIT), value: escape(&label.value, VALUE_LIMIT), inline: true };
        let Some(left) = room.checked_sub(length(&field.name) + length(&field.value)) else { break };
        room = left;
        fields.push(field);
    }
    fields
}

/// `Critical · receiver · group`, without markdown: a footer has none.
fn footer(message: &Message) -> String {
    // A note without a title has its level there.
    let level = if is_blank(&message.title) { "" } else { message.language.level(message.level) };
    joined([level.to_owned(), message.origin.clone()], " · ")
}

/// The roles to ping: those of the levels that people did not know to fire, by id, and nobody else.
fn mentions(message: &Message, style: &Style) -> (String, AllowedMentions) {
    called(&message.newly_firing, style)
}

/// The roles of `levels`, as text and as permission.
pub fn called(levels: &BTreeSet<Level>, style: &Style) -> (String, AllowedMentions) {
    let roles: BTreeSet<RoleId> = levels.iter().filter_map(|level| style.mentions.of(*level)).collect();
    let content = roles.iter().map(|role| format!("<@&{role}>")).collect::<Vec<_>>().join(" ");
    let roles = roles.iter().map(ToString::to_string).collect();
    (content, AllowedMentions { parse: [], roles })
}

#[cfg(test)]
mod tests;
