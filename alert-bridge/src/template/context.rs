//! What a template can say: everything that a message knows. The table of names is in docs/receivers.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::Moment;
use crate::kind::{Level, State};
use crate::message::{Entry, Label, Link, Message};

/// Returns the names and values for one rendering; `alert` is there when it is about one alert.
pub(super) fn of(message: &Message, entry: Option<&Entry>, moment: &Moment) -> Value {
    let language = message.language;
    let (firing, resolved) = message.counts();
    let mut context: BTreeMap<&str, Value> = BTreeMap::from([
        ("language", language.suffix().into()),
        ("state", message.state.as_str().into()),
        ("state_word", language.state(message.state).into()),
        ("level", message.level.as_str().into()),
        ("level_word", language.level(message.level).into()),
        ("mark", mark(message.state, message.level)),
        ("title", message.title.as_str().into()),
        ("text", message.text.as_str().into()),
        ("link", message.link.as_ref().map_or("", |url| url.as_str()).into()),
        ("origin", message.origin.as_str().into()),
        ("firing", firing.into()),
        ("resolved", resolved.into()),
        ("unseen", message.unseen.into()),
        ("labels", names(pairs(&message.labels))),
        ("fields", names(pairs(&message.fields))),
        ("links", links(message, &message.links)),
    ]);
    match entry {
        Some(entry) => context.insert("alert", alert(message, entry, moment)),
        None => {
            let alerts: Vec<Value> = message.entries.iter().map(|entry| alert(message, entry, moment)).collect();
            context.insert("alerts", alerts.into())
        }
    };
    context.into()
}

fn alert(message: &Message, entry: &Entry, moment: &Moment) -> Value {
    let language = message.language;
    let lasted = entry.ended.map(|ended| language.duration(ended.duration_since(entry.started))).unwrap_or_default();
    let all = [message.links.as_slice(), &entry.links].concat();
    let annotation = |name: &str| entry.annotations.get(name).unwrap_or_default().into();
    Value::from(BTreeMap::from([
        ("state", Value::from(entry.state.as_str())),
        ("state_word", language.state(entry.state).into()),
        ("level", entry.level.as_str().into()),
        ("level_word", language.level(entry.level).into()),
        ("mark", mark(entry.state, entry.level)),
        ("alert", entry.alert.as_str().into()),
        ("name", entry.name.as_str().into()),
        ("headline", entry.headline.as_str().into()),
        ("text", entry.body.as_str().into()),
        ("when", Value::from_safe_string(entry.when(language, |at| moment(at)))),
        ("started", time(entry.started, moment)),
        ("started_unix", entry.started.as_second().into()),
        ("ended", entry.ended.map_or_else(|| "".into(), |ended| time(ended, moment))),
        ("lasted", lasted.into()),
        ("flaps", entry.flaps.into()),
        ("value", annotation("value")),
        ("threshold", annotation("threshold")),
        ("labels", names(entry.all_labels.iter())),
        ("annotations", names(entry.annotations.iter())),
        ("links", links(message, &all)),
    ]))
}

/// The same signs as in the built-in words; no label can forge them.
fn mark(state: State, level: Level) -> Value {
    Value::from_safe_string(crate::receiver::mark(state, level).to_owned())
}

fn time(moment: Timestamp, show: &Moment) -> Value {
    Value::from_safe_string(show(moment))
}

fn pairs(labels: &[Label]) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str()))
}

fn names<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    Value::from_object(Names(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

fn links(message: &Message, links: &[Link]) -> Value {
    let one = |link: &Link| {
        Value::from(BTreeMap::from([
            ("kind", Value::from(link.kind.as_str())),
            ("word", message.language.link(link.kind).into()),
            // As `|safe` would: an escape would break the address.
            ("url", Value::from_safe_string(link.url.as_str().to_owned())),
        ]))
    };
    links.iter().map(one).collect::<Vec<_>>().into()
}

/// Labels: one that is not there is empty, for no alert has all of them.
#[derive(Debug)]
struct Names(BTreeMap<String, String>);

impl Object for Names {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        Some(self.0.get(name.as_str()?).map_or("", String::as_str).into())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| name.as_str().into()).collect())
    }
}
