//! Alerts of one group in, one message out: what happened, where, since when, and what to do.

mod silence;

use std::collections::BTreeSet;

use url::Url;

use crate::figures::Figures;
use crate::kind::{Level, LinkKind, Occasion, State};
use crate::language::Language;
use crate::message::{Entry, Label, Link, Message};
use crate::text;
use crate::webhook::{Alert, Labels, Status, Webhook};

/// Where an alert is, by the first of these labels that it has.
const PLACES: [&str; 5] = ["instance", "host", "hostname", "node", "job"];
/// How many names and places a title spells out.
const TITLE_NAMES: usize = 3;
/// A title is one line to be read at a glance; these keep its parts from crowding each other out.
const NAME_LIMIT: usize = 60;
const FIGURE_LIMIT: usize = 60;
/// How much of a group's key a reader needs to find it in a log.
const ORIGIN_LIMIT: usize = 160;

/// What a message is made of: some or all alerts of one group.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Alertmanager's receiver, quoted as for a regular expression.
    pub receiver: &'a str,
    /// The group.
    pub group_key: &'a str,
    /// Alertmanager's own page.
    pub external_url: &'a str,
    /// How many alerts Alertmanager kept from us.
    pub unseen: u64,
    /// What is told.
    pub alerts: Vec<Seen<'a>>,
}

/// One alert, and what we know of it beyond its own words.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What it says of itself.
    pub alert: &'a Alert,
    /// How often it fired again.
    pub flaps: u32,
    /// Whether nobody tells of it any more, although nobody said that it is over.
    pub lost: bool,
}

impl Seen<'_> {
    fn fires(&self) -> bool {
        self.alert.status == Status::Firing && !self.lost
    }
}

impl<'a> From<&'a Webhook> for View<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        View {
            receiver: &webhook.receiver,
            group_key: &webhook.group_key,
            external_url: &webhook.external_url,
            unseen: webhook.truncated_alerts,
            alerts: webhook.alerts.iter().map(|alert| Seen { alert, flaps: 0, lost: false }).collect(),
        }
    }
}

/// Returns the message that tells what is in `view`; nothing when it has no alert to tell of.
#[must_use]
pub fn compose<'a>(view: impl Into<View<'a>>, language: Language) -> Option<Message> {
    let mut view: View<'a> = view.into();
    view.alerts.sort_by_key(|seen| (!seen.fires(), std::cmp::Reverse(seen.alert.level())));
    let alerts: Vec<&Alert> = view.alerts.iter().map(|seen| seen.alert).collect();
    let firing_levels: BTreeSet<Level> =
        view.alerts.iter().filter(|seen| seen.fires()).map(|seen| seen.alert.level()).collect();
    let level = firing_levels.last().copied().or_else(|| alerts.iter().map(|alert| alert.level()).max())?;

    let common = common(&alerts);
    let links: Vec<Vec<Link>> = alerts.iter().map(|alert| links(alert)).collect();
    let mut common_links = links.first()?.clone();
    common_links.retain(|link| links.iter().all(|links| links.contains(link)));
    // What is over needs no silence.
    common_links.extend((!firing_levels.is_empty()).then(|| silence::link(view.external_url, &alerts)).flatten());
    let entries = view.alerts.iter().zip(links).map(|(seen, mut links)| {
        links.retain(|link| !common_links.contains(link));
        entry(seen, &common, links, language)
    });
    let entries = entries.collect();
    let labels =
        shown_labels(&alerts.first()?.labels, |name| common.contains(name) && !in_title(&alerts, name)).collect();
    let firing = view.alerts.iter().filter(|seen| seen.fires()).count();
    Some(Message {
        language,
        state: state(!firing_levels.is_empty(), view.unseen),
        level,
        newly_firing: firing_levels.clone(),
        firing_levels,
        occasion: Occasion::New,
        incident: String::new(),
        delivery: String::new(),
        beside: None,
        title: title(if firing > 0 { &alerts[..firing] } else { &alerts }, language),
        link: web_url(view.external_url),
        text: String::new(),
        entries,
        labels,
        links: common_links,
        fields: Vec::new(),
        late: None,
        silent: false,
        pictures: Vec::new(),
        unseen: view.unseen,
        origin: origin(&view),
    })
}

/// The status of the group is not asked: with `max_alerts` it is that of the alerts which were kept.
fn state(fires: bool, unseen: u64) -> State {
    match (fires, unseen) {
        (true, _) => State::Firing,
        (false, 0) => State::Resolved,
        (false, _) => State::PartlyResolved,
    }
}

/// `HostDown — db-1, db-2`: what fires; what is over already is told below it.
fn title(alerts: &[&Alert], language: Language) -> String {
    let names = distinct(alerts.iter().filter_map(|alert| alert.labels.shown("alertname")));
    let places = distinct(alerts.iter().filter_map(|alert| place(&alert.labels)).map(|(_, value)| host(value)));
    let what = if names.is_empty() { language.nameless().to_owned() } else { list(&names, language) };
    if places.is_empty() { what } else { format!("{what} — {}", list(&places, language)) }
}

fn list(items: &[String], language: Language) -> String {
    let shown = items.iter().take(TITLE_NAMES).cloned().collect::<Vec<_>>().join(language.comma());
    match items.len().saturating_sub(TITLE_NAMES) {
        0 => shown,
        more => format!("{shown} {}", language.more(more)),
    }
}

fn distinct<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    items.map(|item| text::clip(&text::line(item), NAME_LIMIT)).filter(|item| seen.insert(item.clone())).collect()
}

fn entry(seen: &Seen<'_>, common: &BTreeSet<&str>, links: Vec<Link>, language: Language) -> Entry {
    let alert = seen.alert;
    let place = place(&alert.labels);
    let name = place.map(|(_, value)| host(value)).or_else(|| alert.labels.shown("alertname"));
    let (headline, body) = words(alert, language);
    let summary = headline.clone().unwrap_or_default();
    let fires = seen.fires();
    Entry {
        state: match (fires, seen.lost) {
            (true, _) => State::Firing,
            (false, true) => State::Lost,
            (false, false) => State::Resolved,
        },
        level: alert.level(),
        alert: text::line(alert.labels.shown("alertname").unwrap_or(language.nameless())),
        flaps: seen.flaps,
        name: text::line(name.unwrap_or(language.nameless())),
        headline: headline.unwrap_or_else(|| nameless_headline(alert, language)),
        figures: if fires { figures(alert, &format!("{summary} {body}")) } else { Figures::default() },
        body: if fires { body } else { String::new() },
        all_labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        labels: shown_labels(&alert.labels, |name| !common.contains(name)).collect(),
        links,
        started: alert.starts_at,
        ended: alert.ends_at.filter(|end| !fires && *end >= alert.starts_at),
    }
}

/// What was measured, as far as the alert's words do not say it already.
fn figures(alert: &Alert, words: &str) -> Figures {
    let figure = |name: &str| {
        let figure = alert.annotations.shown(name).map(|figure| text::clip(&text::line(figure), FIGURE_LIMIT))?;
        (!words.contains(&figure)).then_some(figure)
    };
    Figures { value: figure("value"), threshold: figure("threshold") }
}

/// What the alert says of itself: one line, and what goes beyond it.
fn words(alert: &Alert, language: Language) -> (Option<String>, String) {
    let said = |name: &str| alert.annotations.shown(name).map(text::clean);
    let summary = said(&format!("summary_{}", language.suffix())).or_else(|| said("summary"));
    let description = said(&format!("description_{}", language.suffix()))
        .or_else(|| said("description"))
        .or_else(|| said("message"))
        .unwrap_or_default();
    let Some(summary) = summary else {
        // A description alone is split where its author began a new line.
        return match description.split_once('\n') {
            Some((first, rest)) => (Some(text::line(first)), text::clean(rest)),
            None if description.is_empty() => (None, description),
            None => (Some(description), String::new()),
        };
    };
    let body = if description == summary { String::new() } else { description };
    match summary.split_once('\n') {
        Some((first, rest)) => (Some(text::line(first)), text::clean(&format!("{rest}\n{body}"))),
        None => (Some(summary), body),
    }
}

/// An alert that says nothing of itself is what its labels are.
fn nameless_headline(alert: &Alert, language: Language) -> String {
    let name = alert.labels.shown("alertname").map_or_else(|| language.nameless().to_owned(), text::line);
    match place(&alert.labels) {
        Some((_, value)) => format!("{name} — {}", text::line(host(value))),
        None => name,
    }
}

/// The names of the labels that every alert has with the same value.
fn common<'a>(alerts: &[&'a Alert]) -> BTreeSet<&'a str> {
    let Some((first, rest)) = alerts.split_first() else { return BTreeSet::new() };
    let all_have = |(name, value): &(&str, &str)| rest.iter().all(|alert| alert.labels.get(name) == Some(*value));
    first.labels.iter().filter(all_have).map(|(name, _)| name).collect()
}

/// The labels that a reader would see something of, if they are `wanted`.
fn shown_labels(labels: &Labels, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Label> {
    labels
        .iter()
        .filter(move |(name, value)| !text::is_blank(name) && !text::is_blank(value) && wanted(name))
        .map(|(name, value)| Label { name: text::line(name), value: text::line(value) })
}

/// What the title or the colour says already.
fn in_title(alerts: &[&Alert], name: &str) -> bool {
    let place = alerts.first().and_then(|alert| place(&alert.labels));
    place.is_some_and(|(place, _)| place == name) || name == "alertname" || name == "severity"
}

fn place(labels: &Labels) -> Option<(&'static str, &str)> {
    PLACES.into_iter().find_map(|name| labels.shown(name).map(|value| (name, value)))
}

/// `db-1:9100` is where an exporter listens; the host is `db-1`.
fn host(place: &str) -> &str {
    let Some((host, port)) = place.rsplit_once(':') else { return place };
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = !text::is_blank(host) && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')));
    if is_port && is_host { host } else { place }
}

fn links(alert: &Alert) -> Vec<Link> {
    let annotation = |names: [&str; 2]| names.into_iter().find_map(|name| alert.annotations.shown(name));
    [
        (LinkKind::Runbook, annotation(["runbook_url", "runbook"])),
        (LinkKind::Dashboard, annotation(["dashboard_url", "dashboard"])),
        (LinkKind::Graph, Some(alert.generator_url.as_str())),
    ]
    .into_iter()
    .filter_map(|(kind, address)| Some(Link { kind, url: web_url(address?)? }))
    .collect()
}

/// An address that a browser opens. A password in it stays behind: a message has more readers than a rule file.
fn web_url(address: &str) -> Option<Url> {
    let mut url = Url::parse(address.trim()).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let bare = address.trim().chars().all(|char| !char.is_control());
    (web && bare && url.set_username("").is_ok() && url.set_password(None).is_ok()).then_some(url)
}

/// `receiver · group`, for whoever looks for this message in Alertmanager or in a log.
fn origin(view: &View<'_>) -> String {
    let receiver = text::line(&unquoted(view.receiver));
    let key = text::line(view.group_key);
    let key = key.strip_prefix("{}:").or_else(|| key.strip_prefix("{}/")).unwrap_or(&key);
    let parts = [text::clip(&receiver, NAME_LIMIT), text::clip(key, ORIGIN_LIMIT)];
    parts.into_iter().filter(|part| !text::is_blank(part)).collect::<Vec<_>>().join(" · ")
}

/// Alertmanager quotes a receiver's name as for a regular expression: `team\.ops`.
fn unquoted(receiver: &str) -> String {
    let mut plain = String::with_capacity(receiver.len());
    let mut chars = receiver.chars().peekable();
    while let Some(char) = chars.next() {
        let quotes = char == '\\' && chars.peek().is_some_and(char::is_ascii_punctuation);
        plain.extend(if quotes { chars.next() } else { Some(char) });
    }
    plain
}

#[cfg(test)]
mod tests;
