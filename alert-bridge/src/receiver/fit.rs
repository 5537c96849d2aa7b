//! As much of each alert as all of them leave room for; when not all fit, the rest is at least named.

use crate::message::{Entry, Message};
use crate::text::{clip, length};

/// How much is said of each alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A paragraph each, with so many code points of body.
    Paragraph {
        /// Room for what goes beyond one line.
        body: usize,
    },
    /// A line each.
    Line,
}

/// How a receiver says the pieces.
pub trait Say {
    /// Room for the names of alerts that do not fit, in code points: enough that even 200 of them are named.
    const REST_ROOM: usize;

    /// Says what is to be said of one alert.
    fn entry(&self, entry: &Entry, detail: Detail) -> String;
    /// Says the name of one alert among others.
    fn name(&self, entry: &Entry) -> String;
}

/// Returns all entries of `message` in at most `room` code points.
pub fn entries(message: &Message, room: usize, say: &impl Say) -> String {
    [Detail::Paragraph { body: 2000 }, Detail::Paragraph { body: 300 }]
        .into_iter()
        .find_map(|detail| match leading(message, detail, room, say) {
            (all, count) if count == message.entries.len() => Some(all),
            _ => None,
        })
        .unwrap_or_else(|| lines(message, room, say))
}

/// Returns one line for each alert as far as they go, then the names of the others, in at most `room` code points.
pub fn lines(message: &Message, room: usize, say: &impl Say) -> String {
    let (all, count) = leading(message, Detail::Line, room, say);
    if count == message.entries.len() {
        return all;
    }
    let (shown, count) = leading(message, Detail::Line, room.saturating_sub(rest_room(say).min(room / 2)), say);
    let left = room.saturating_sub(length(&shown) + 1);
    joined([shown, names(message, &message.entries[count..], left, say)], "\n")
}

/// Returns whether a line for each alert fits into `room` code points.
pub fn are_lines(message: &Message, room: usize, say: &impl Say) -> bool {
    leading(message, Detail::Line, room, say).1 == message.entries.len()
}

fn rest_room<S: Say>(_: &S) -> usize {
    S::REST_ROOM
}

/// Returns how many of `messages`, from the first on, have no more than `most_alerts` in all; at least 1, at most `most`.
pub fn count(messages: &[Message], most: usize, most_alerts: usize) -> usize {
    let mut alerts = 0;
    let fitting = messages.iter().take(most).take_while(|message| {
        alerts += message.entries.len();
        alerts <= most_alerts
    });
    fitting.count().max(1)
}

/// The first alerts, as many as fit, and how many these are. Looks at no more than it needs: a group may have thousands.
fn leading(message: &Message, detail: Detail, room: usize, say: &impl Say) -> (String, usize) {
    let gap = if detail == Detail::Line { "\n" } else { "\n\n" };
    let (mut shown, mut used) = (String::new(), 0);
    for (count, entry) in message.entries.iter().enumerate() {
        let gap = if count == 0 { "" } else { gap };
        let next = say.entry(entry, detail);
        used += length(gap) + length(&next);
        if used > room {
            return (shown, count);
        }
        shown.push_str(gap);
        shown.push_str(&next);
    }
    (shown, message.entries.len())
}

/// `… and 180 more: db-1, db-2, … +40 more`
fn names(message: &Message, entries: &[Entry], room: usize, say: &impl Say) -> String {
    let language = message.language;
    let mut line = language.rest(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        let name = say.name(entry);
        let comma = if place == 0 { "" } else { language.comma() };
        let left = language.more(entries.len() - place);
        // The longest end is kept free: with every name taken it only gets shorter.
        if length(&line) + length(comma) + length(&name) + 1 + length(&left) > room {
            return clip(&format!("{line} {left}"), room);
        }
        line.push_str(comma);
        line.push_str(&name);
    }
    clip(&line, room)
}

/// Puts `gap` between the parts that say something.
pub fn joined<const COUNT: usize>(parts: [String; COUNT], gap: &str) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(gap)
}
