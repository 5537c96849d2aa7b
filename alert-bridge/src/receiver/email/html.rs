//! The HTML half of a mail: tables and inline styles, because that is what mail programs show alike.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::kind::{Level, State};
use crate::message::{Entry, Label, Link, Message};
use crate::text::{clip, is_blank};

/// A mail with more alerts than this is not read; the rest is named.
const ENTRIES_LIMIT: usize = 200;

/// Returns the page with these cards.
#[must_use]
pub fn page(language: &str, cards: &[String]) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head><meta charset=\"utf-8\"></head>\n\
         <body style=\"margin:0;padding:16px;font:14px/1.5 sans-serif;color:#222\">\n{}</body>\n</html>\n",
        cards.join("<br>\n"),
    )
}

/// Returns the card that says `body`, which is plain text, of `message`.
#[must_use]
pub fn own_words(message: &Message, body: &str) -> String {
    let mut html = open(message);
    paragraphs(&mut html, body);
    html + CLOSE
}

/// Returns the card for `message`; `moment` shows a time, `line` says something of one alert in other words than ours.
#[must_use]
pub fn card(
    message: &Message,
    moment: &dyn Fn(Timestamp) -> String,
    line: &dyn Fn(&Entry) -> Option<String>,
) -> String {
    let language = message.language;
    let mut html = open(message);
    let _ = writeln!(html, "<h2 style=\"margin:0 0 8px\">{}</h2>", heading(message));
    paragraphs(&mut html, &message.text);
    if message.entries.len() > 1 {
        let (firing, resolved) = message.counts();
        paragraphs(&mut html, &language.counts(firing, resolved));
    }
    table(&mut html, &message.fields);
    for entry in message.entries.iter().take(ENTRIES_LIMIT) {
        match line(entry) {
            Some(words) => paragraphs(&mut html, &words),
            None => self::entry(&mut html, message, entry, moment),
        }
    }
    if let Some(rest) = message.entries.get(ENTRIES_LIMIT..).filter(|rest| !rest.is_empty()) {
        let names: Vec<String> = rest.iter().map(|entry| escape(&clip(&entry.name, 60))).collect();
        let _ = writeln!(html, "<p>{}{}</p>", escape(&language.rest(rest.len())), names.join(language.comma()));
    }
    small(&mut html, &pairs(&message.labels));
    small(&mut html, &links(message, &message.links));
    if message.unseen > 0 {
        paragraphs(&mut html, &language.unseen(message.unseen));
    }
    small(&mut html, &escape(&message.origin));
    html + CLOSE
}

const CLOSE: &str = "</td></tr></table>\n";

/// A bar in the colour of the message, and the room beside it.
fn open(message: &Message) -> String {
    let color = color(message.state, message.level);
    format!(
        "<table role=\"presentation\" style=\"border-left:6px solid {color};padding-left:12px;max-width:720px\"><tr><td>\n"
    )
}

fn heading(message: &Message) -> String {
    let language = message.language;
    let title = if is_blank(&message.title) { language.level(message.level) } else { &message.title };
    let title = match message.state {
        State::Note => escape(title),
        state => format!("{}: {}", language.told(message.occasion, state), escape(title)),
    };
    match &message.link {
        Some(url) => format!("<a style=\"color:inherit\" href=\"{}\">{title}</a>", escape(url.as_str())),
        None => title,
    }
}

fn entry(html: &mut String, message: &Message, entry: &Entry, moment: &dyn Fn(Timestamp) -> String) {
    let language = message.language;
    let mut when = entry.when(language, moment);
    if entry.flaps > 0 {
        when = format!("{when} · {}", language.flaps(entry.flaps));
    }
    let figures = language.figures(&entry.figures);
    if !figures.is_empty() {
        when = format!("{figures} · {when}");
    }
    let when = escape(&when);
    let headline = escape(&entry.headline);
    let (lead, rest) = if entry.is_resolved() { (when, format!("<s>{headline}</s>")) } else { (headline, when) };
    let _ = writeln!(
        html,
        "<p style=\"margin:12px 0 0\"><b style=\"color:{}\">●</b> <b>{lead}</b><br>{rest}</p>",
        color(entry.state, entry.level),
    );
    paragraphs(html, &entry.body);
    small(html, &pairs(&entry.labels));
    small(html, &links(message, &entry.links));
}

fn color(state: State, level: Level) -> &'static str {
    match (state, level) {
        (State::Resolved, _) => "#2ecc71",
        (_, Level::Critical) => "#d92d20",
        (_, Level::Error) => "#e8590c",
        (_, Level::Warning) => "#f59f00",
        (_, Level::Info) => "#339af0",
    }
}

fn paragraphs(html: &mut String, text: &str) {
    for paragraph in text.split("\n\n").filter(|paragraph| !is_blank(paragraph)) {
        let _ = writeln!(html, "<p style=\"margin:4px 0\">{}</p>", escape(paragraph).replace('\n', "<br>\n"));
    }
}

/// `inner` is HTML.
fn small(html: &mut String, inner: &str) {
    if !inner.is_empty() {
        let _ = writeln!(html, "<p style=\"margin:4px 0;color:#777;font-size:12px\">{inner}</p>");
    }
}

fn table(html: &mut String, fields: &[Label]) {
    if fields.is_empty() {
        return;
    }
    html.push_str("<table style=\"border-collapse:collapse;margin:4px 0\">\n");
    for field in fields {
        let (name, value) = (escape(&field.name), escape(&field.value).replace('\n', "<br>"));
        let _ = writeln!(html, "<tr><th style=\"text-align:left;padding-right:12px\">{name}</th><td>{value}</td></tr>");
    }
    html.push_str("</table>\n");
}

fn pairs(labels: &[Label]) -> String {
    labels.iter().map(|label| escape(&format!("{}={}", label.name, label.value))).collect::<Vec<_>>().join(" · ")
}

fn links(message: &Message, links: &[Link]) -> String {
    let one = |link: &Link| {
        format!("<a href=\"{}\">{}</a>", escape(link.url.as_str()), escape(message.language.link(link.kind)))
    };
    links.iter().map(one).collect::<Vec<_>>().join(" · ")
}

/// Returns `text` as HTML text or as the value of an attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}
