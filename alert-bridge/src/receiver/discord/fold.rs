//! Many messages in one: full cards while there is room, a line for each alert when there is less, and bare names when
//! there are hundreds. However little room there is, every alert is named.

use std::collections::{BTreeMap, BTreeSet};

use super::card::{called, card, color, pictures, relative};
use super::markdown::escape;
use super::payload::{DESCRIPTION_LIMIT, EMBEDS_LIMIT, Embed, Payload, SILENT, TITLE_LIMIT, TOTAL_LIMIT, total};
use super::style::Style;
use crate::kind::{Level, Occasion, State};
use crate::language::Language;
use crate::message::{Entry, Message};
use crate::receiver::mark;
use crate::text::{clip, length};

/// How many names a title spells out.
const TITLE_NAMES: usize = 3;
const NAME_LIMIT: usize = 60;
const HEADLINE_LIMIT: usize = 120;
/// So long is a line of names at most: it is cut between two embeds, and they must not stay half empty.
const NAMES_LIMIT: usize = DESCRIPTION_LIMIT / 8;
/// What the lines of a digest may take in all: the rest is for its title.
const LINES_ROOM: usize = TOTAL_LIMIT - TITLE_LIMIT - LATE_ROOM;
/// Room for the word that they had to wait.
const LATE_ROOM: usize = 150;

/// Returns how many of `messages`, from the first on, one message can tell without leaving an alert unnamed; at least 1.
pub fn fits(messages: &[Message], style: &Style) -> usize {
    let alike = messages.iter().take_while(|message| is_alike(&messages[0], message)).count().max(1);
    if cards(&messages[..alike], style).is_some() {
        return alike;
    }
    let messages = &messages[..alike];
    by_line(messages).max(by_name(messages)).max(1)
}

/// How many messages fit when each alert has a line.
fn by_line(messages: &[Message]) -> usize {
    let mut used = 0;
    let mut fits = messages.iter().take_while(|message| {
        used += lines_of(message).map(|line| length(&line) + 1).sum::<usize>();
        used <= LINES_ROOM
    });
    fits.by_ref().count()
}

/// How many messages fit when each alert has its name only. Never more than [`names`] takes: each line is counted as if it
/// were cut as often as it can be.
fn by_name(messages: &[Message]) -> usize {
    let (mut used, mut heads) = (0, BTreeMap::new());
    let fits = messages.iter().take_while(|message| {
        for entry in &message.entries {
            let lead = length(&lead(entry.state, entry.level, &entry.alert));
            let name = length(&escape(&entry.name, NAME_LIMIT)) + 2;
            let line = heads.entry((entry.state, entry.level, entry.alert.as_str())).or_insert(NAMES_LIMIT);
            if *line + name > NAMES_LIMIT {
                used += lead + 1;
                *line = lead;
            }
            *line += name;
            used += name;
        }
        if message.unseen > 0 {
            used += length(&message.language.unseen(u64::MAX));
        }
        used <= LINES_ROOM
    });
    fits.count()
}

/// Notes are told whole, and what makes no sound is not told together with what does.
fn is_alike(first: &Message, message: &Message) -> bool {
    let kind = |message: &Message| (message.occasion == Occasion::Note, message.silent);
    kind(first) == kind(message) && message.pictures.is_empty()
}

/// Returns the message to post for `messages`, of which there are as many as [`fits`] said.
pub fn post(messages: &[Message], style: &Style) -> Payload {
    told(messages, style)
}

/// Returns what a message that tells `messages` says now.
pub fn edit(messages: &[Message], style: &Style) -> Payload {
    let payload = told(messages, style);
    // Whom it called when it was new stays there for as long as it goes on.
    let levels = messages.iter().flat_map(|message| &message.firing_levels).copied().collect();
    Payload { content: called(&levels, style).0, ..payload }
}

fn told(messages: &[Message], style: &Style) -> Payload {
    cards(messages, style).or_else(|| digest(messages, style)).unwrap_or_else(|| match messages {
        [message] => card(message, style),
        // More has joined since it was posted than there is room for. What joined was told by a message of its own.
        _ => shortened(messages, style),
    })
}

/// A card for each.
fn cards(messages: &[Message], style: &Style) -> Option<Payload> {
    if messages.len() > EMBEDS_LIMIT {
        return None;
    }
    let all_named = |message: &Message| message.entries.len() <= 1 || super::card::names_all(message);
    if !messages.iter().all(all_named) {
        return None;
    }
    let mut embeds: Vec<Embed> = messages.iter().flat_map(|message| card(message, style).embeds).collect();
    // Discord makes one of embeds that lead to the same address.
    let mut addresses = BTreeSet::new();
    for embed in &mut embeds {
        embed.url = embed.url.take().filter(|url| addresses.insert(url.clone()));
    }
    (embeds.iter().map(total).sum::<usize>() <= TOTAL_LIMIT).then(|| framed(messages, embeds, style))
}

/// A line for each alert, or else the names of all.
fn digest(messages: &[Message], style: &Style) -> Option<Payload> {
    let lines = || messages.iter().flat_map(lines_of).collect::<Vec<_>>();
    let embeds = packed(&lines(), messages).or_else(|| packed(&names(messages), messages))?;
    Some(framed(messages, embeds, style))
}

/// As many names as there is room for, and how many more there are.
fn shortened(messages: &[Message], style: &Style) -> Payload {
    let mut lines = names(messages);
    let language = messages.first().map_or(Language::En, |message| message.language);
    let mut dropped = 0;
    loop {
        let mut shown = lines.clone();
        shown.extend((dropped > 0).then(|| language.more(dropped)));
        if let Some(embeds) = packed(&shown, messages) {
            return framed(messages, embeds, style);
        }
        let Some(line) = lines.pop() else { return Payload::default() };
        dropped += line.matches(language.comma()).count() + 1;
    }
}

fn framed(messages: &[Message], embeds: Vec<Embed>, style: &Style) -> Payload {
    let levels = messages.iter().flat_map(|message| &message.newly_firing).copied().collect();
    let (content, allowed_mentions) = called(&levels, style);
    let (attachments, files) = pictures(messages);
    Payload {
        content,
        username: style.username.as_ref().map(|name| name.as_str().to_owned()),
        avatar_url: style.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
        embeds,
        allowed_mentions,
        flags: messages.iter().all(|message| message.silent).then_some(SILENT),
        attachments,
        files,
        thread_name: None,
    }
}

/// Puts `lines` into as few embeds as they need; nothing when they are too long for one message.
fn packed(lines: &[String], messages: &[Message]) -> Option<Vec<Embed>> {
    let (state, level) = worst(messages);
    let mut embeds = vec![Embed { title: title(messages), color: color(state, level), ..Embed::default() }];
    let mut used = 0;
    let late = messages
        .iter()
        .filter_map(|message| message.late.map(|late| (late, message.language)))
        .max_by_key(|(late, _)| *late);
    let late = late.map(|(late, language)| language.late(late));
    for line in late.iter().chain(lines) {
        used += length(line) + 1;
        let last = embeds.last_mut()?;
        if length(&last.description) + 1 + length(line) > DESCRIPTION_LIMIT {
            embeds.push(Embed { description: line.clone(), color: color(state, level), ..Embed::default() });
            continue;
        }
        if !last.description.is_empty() {
            last.description.push('\n');
        }
        last.description.push_str(line);
    }
    let longest = lines.iter().map(|line| length(line)).max().unwrap_or_default();
    (used <= LINES_ROOM + LATE_ROOM && longest <= DESCRIPTION_LIMIT).then_some(embeds)
}

fn worst(messages: &[Message]) -> (State, Level) {
    let firing = messages.iter().filter(|message| message.state == State::Firing).map(|message| message.level).max();
    let level = firing.or_else(|| messages.iter().map(|message| message.level).max()).unwrap_or(Level::Info);
    let lost = messages.iter().all(|message| message.state == State::Lost);
    let state = if firing.is_some() {
        State::Firing
    } else if lost {
        State::Lost
    } else {
        State::Resolved
    };
    (state, level)
}

/// `🔴 Firing: 12 firing, 3 resolved — HostDown, DiskFull +2 more`
fn title(messages: &[Message]) -> String {
    let language = messages.first().map_or(Language::En, |message| message.language);
    let (state, level) = worst(messages);
    let (firing, resolved) =
        messages.iter().map(Message::counts).fold((0, 0), |(firing, resolved), (f, r)| (firing + f, resolved + r));
    let mut seen = BTreeSet::new();
    let names: Vec<&str> = messages
        .iter()
        .flat_map(|message| &message.entries)
        .filter(|entry| state != State::Firing || !entry.is_resolved())
        .map(|entry| entry.alert.as_str())
        .filter(|name| seen.insert(*name))
        .collect();
    let mut what = names.iter().take(TITLE_NAMES).copied().collect::<Vec<_>>().join(language.comma());
    if names.len() > TITLE_NAMES {
        what = format!("{what} {}", language.more(names.len() - TITLE_NAMES));
    }
    let reminder = messages.iter().all(|message| message.occasion == Occasion::Reminder);
    let occasion = if reminder { Occasion::Reminder } else { Occasion::New };
    let lead =
        format!("{} {}: {}", mark(state, level), language.told(occasion, state), language.counts(firing, resolved));
    let title = if what.is_empty() { lead } else { format!("{lead} — {}", escape(&what, TITLE_LIMIT)) };
    clip(&title, TITLE_LIMIT)
}

fn lines_of(message: &Message) -> impl Iterator<Item = String> {
    let unseen = (message.unseen > 0).then(|| message.language.unseen(message.unseen));
    message.entries.iter().map(|entry| line(message.language, entry)).chain(unseen)
}

/// `🔴 **HostDown — db-1** · db-1 does not answer · started 5 minutes ago`
fn line(language: Language, entry: &Entry) -> String {
    let mark = mark(entry.state, entry.level);
    let name = escape(&format!("{} — {}", entry.alert, entry.name), 2 * NAME_LIMIT);
    let mut line = format!("{mark} **{name}**");
    if !entry.is_resolved() {
        line.push_str(&format!(" · {}", escape(&entry.headline, HEADLINE_LIMIT)));
    }
    line.push_str(&format!(" · {}", entry.when(language, relative)));
    if entry.flaps > 0 {
        line.push_str(&format!(" · {}", language.flaps(entry.flaps)));
    }
    line
}

fn lead(state: State, level: Level, alert: &str) -> String {
    format!("{} **{}**: ", mark(state, level), escape(alert, NAME_LIMIT))
}

/// `🔴 **HostDown**: db-1, db-2, db-3`: one line for each alert name and state, in the order in which they are told.
fn names(messages: &[Message]) -> Vec<String> {
    let language = messages.first().map_or(Language::En, |message| message.language);
    let mut heads: Vec<(State, Level, &str)> = Vec::new();
    let mut named: Vec<Vec<String>> = Vec::new();
    for entry in messages.iter().flat_map(|message| &message.entries) {
        let head = (entry.state, entry.level, entry.alert.as_str());
        // What is told one after the other mostly belongs together, so the search is short.
        let place = heads.iter().rposition(|known| *known == head).unwrap_or_else(|| {
            heads.push(head);
            named.push(Vec::new());
            heads.len() - 1
        });
        named[place].push(escape(&entry.name, NAME_LIMIT));
    }
    let mut lines = Vec::new();
    for ((state, level, alert), names) in heads.into_iter().zip(named) {
        let lead = lead(state, level, alert);
        let mut line = lead.clone();
        for name in names {
            if length(&line) + length(&name) + 2 > NAMES_LIMIT {
                lines.push(std::mem::replace(&mut line, lead.clone()));
            }
            if line.len() > lead.len() {
                line.push_str(language.comma());
            }
            line.push_str(&name);
        }
        lines.push(line);
    }
    let unseen: u64 = messages.iter().map(|message| message.unseen).sum();
    lines.extend((unseen > 0).then(|| language.unseen(unseen)));
    lines
}

#[cfg(test)]
mod tests;
