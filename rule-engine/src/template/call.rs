//! The functions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::value::{Sample, Value};
use super::{Subject, collection, compare, humanize, link, print, words};
use crate::duration;

/// All that rule files may use; `and` and `or` are not called but looked at one by one.
const FUNCTIONS: [&str; 41] = [
    "and",
    "args",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toLower",
    "toUpper",
    "urlquery",
    "value",
];

pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Why a call came to nothing.
pub(super) struct Wrong {
    /// The argument that is at fault, from 0; none where it is the call.
    pub(super) argument: Option<usize>,
    pub(super) reason: String,
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self { argument: None, reason }
    }
}

pub(super) fn call(subject: &Subject<'_>, name: &str, arguments: Vec<Value>) -> Result<Value, Wrong> {
    check_count(name, arguments.len())?;
    check_kinds(name, &arguments)?;
    Ok(answer(subject, name, arguments)?)
}

fn answer(subject: &Subject<'_>, name: &str, arguments: Vec<Value>) -> Result<Value, String> {
    let calling = |reason: String| format!("error calling {name}: {reason}");
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().unwrap_or(Value::Missing);
    let text = |value: String| Ok(Value::text(value));
    match name {
        "query" => {
            let points = (subject.query)(&as_text(next())?).map_err(calling)?;
            let samples = points
                .into_iter()
                .map(|point| Value::Sample(Arc::new(Sample { labels: point.labels, value: point.sample.value })));
            Ok(Value::List(Arc::new(samples.collect())))
        }
        "first" => as_list(next())?
            .first()
            .cloned()
            .ok_or_else(|| calling("first() called on vector with no elements".to_owned())),
        "label" => {
            let name = as_text(next())?;
            text(as_sample(next())?.labels.get(&name).to_owned())
        }
        "value" => Ok(Value::Float(as_sample(next())?.value)),
        "strvalue" => text(as_sample(next())?.labels.get("__value__").to_owned()),
        "sortByLabel" => {
            let name = as_text(next())?;
            let mut list = as_list(next())?.to_vec();
            list.sort_by(|one, other| of_label(one, &name).cmp(of_label(other, &name)));
            Ok(Value::List(Arc::new(list)))
        }
        "args" => {
            let named: BTreeMap<String, Value> =
                arguments.enumerate().map(|(place, value)| (format!("arg{place}"), value)).collect();
            Ok(Value::Arguments(Arc::new(named)))
        }
        "humanize" => text(humanize::plain(humanize::number(&next()).map_err(calling)?)),
        "humanize1024" => text(humanize::binary(humanize::number(&next()).map_err(calling)?)),
        "humanizeDuration" => text(humanize::duration(humanize::number(&next()).map_err(calling)?)),
        "humanizePercentage" => text(humanize::percentage(humanize::number(&next()).map_err(calling)?)),
        "humanizeTimestamp" => text(humanize::number(&next()).and_then(humanize::timestamp).map_err(calling)?),
        "title" => text(words::title(&as_text(next())?)),
        "toUpper" => text(as_text(next())?.to_uppercase()),
        "toLower" => text(as_text(next())?.to_lowercase()),
        "match" => {
            let pattern = words::pattern(&as_text(next())?).map_err(calling)?;
            Ok(Value::Bool(pattern.is_match(&as_text(next())?)))
        }
        "reReplaceAll" => {
            let pattern = words::pattern(&as_text(next())?).map_err(calling)?;
            let replacement = as_text(next())?;
            text(pattern.replace_all(&as_text(next())?, &*replacement).into_owned())
        }
        "parseDuration" => {
            let duration = duration::parse(&as_text(next())?).map_err(calling)?;
            Ok(Value::Float(duration.as_secs_f64()))
        }
        "stripPort" => text(link::without_port(&as_text(next())?).to_owned()),
        "stripDomain" => text(link::without_domain(&as_text(next())?)),
        "graphLink" => text(link::to_expression(&as_text(next())?, 0)),
        "tableLink" => text(link::to_expression(&as_text(next())?, 1)),
        "externalURL" => Ok(Value::text(subject.external_url)),
        "pathPrefix" => Ok(Value::text(link::path(subject.external_url))),
        "safeHtml" => Ok(Value::Text(as_text(next())?)),
        "urlquery" => text(link::escaped(&print::all(&arguments.collect::<Vec<_>>()))),
        "html" => text(words::html(&print::all(&arguments.collect::<Vec<_>>()))),
        "print" => text(print::all(&arguments.collect::<Vec<_>>())),
        "println" => text(print::line(&arguments.collect::<Vec<_>>())),
        "printf" => {
            let format = as_text(next())?;
            text(print::formatted(&format, &arguments.collect::<Vec<_>>()))
        }
        "not" => Ok(Value::Bool(!next().is_true())),
        "len" => collection::length(&next()).map(|length| Value::Int(length as i64)).map_err(calling),
        "index" => {
            let mut value = next();
            for key in arguments {
                value = collection::index(&value, &key).map_err(calling)?;
            }
            Ok(value)
        }
        "eq" => compare::is_one_of(&arguments.collect::<Vec<_>>()).map(Value::Bool).map_err(calling),
        "ne" => {
            let both: Vec<Value> = arguments.collect();
            compare::is_one_of(&both).map(|is_one| Value::Bool(!is_one)).map_err(calling)
        }
        "lt" | "le" | "gt" | "ge" => {
            let (one, other) = (next(), next());
            let order = compare::order(&one, &other).map_err(calling)?;
            Ok(Value::Bool(match name {
                "lt" => order == Some(Ordering::Less),
                "le" => order.is_some_and(Ordering::is_le),
                // Go computes these as the contrary of the others, which tells only where there is no order.
                "gt" => !order.is_some_and(Ordering::is_le),
                _ => order != Some(Ordering::Less),
            }))
        }
        other => Err(format!("function {other:?} is not defined")),
    }
}

fn check_count(name: &str, got: usize) -> Result<(), String> {
    let (least, most) = match name {
        "externalURL" | "pathPrefix" => (0, 0),
        "args" | "print" | "println" | "html" | "urlquery" => (0, usize::MAX),
        "eq" | "index" | "printf" => (1, usize::MAX),
        "label" | "sortByLabel" | "match" | "ne" | "lt" | "le" | "gt" | "ge" => (2, 2),
        "reReplaceAll" => (3, 3),
        _ => (1, 1),
    };
    if (least..=most).contains(&got) {
        return Ok(());
    }
    let wanted = if most == usize::MAX { format!("at least {least}") } else { least.to_string() };
    Err(format!("wrong number of args for {name}: want {wanted} got {got}"))
}

/// Functions that take certain kinds of arguments: a text, a list or a sample each.
const KINDS: [(&str, &str); 18] = [
    ("first", "l"),
    ("graphLink", "t"),
    ("label", "ts"),
    ("match", "tt"),
    ("parseDuration", "t"),
    ("printf", "t"),
    ("query", "t"),
    ("reReplaceAll", "ttt"),
    ("safeHtml", "t"),
    ("sortByLabel", "tl"),
    ("stripDomain", "t"),
    ("stripPort", "t"),
    ("strvalue", "s"),
    ("tableLink", "t"),
    ("title", "t"),
    ("toLower", "t"),
    ("toUpper", "t"),
    ("value", "s"),
];

fn check_kinds(name: &str, arguments: &[Value]) -> Result<(), Wrong> {
    let kinds = KINDS.iter().find(|(function, _)| *function == name).map_or("", |(_, kinds)| kinds);
    for (place, (kind, argument)) in kinds.chars().zip(arguments).enumerate() {
        let wanted = match (kind, argument) {
            ('t', Value::Text(_)) | ('l', Value::List(_)) | ('s', Value::Sample(_)) => continue,
            ('t', _) => "string",
            ('l', _) => "template.queryResult",
            _ => "*template.sample",
        };
        let reason = format!("wrong type for value; expected {wanted}; got {}", argument.kind());
        return Err(Wrong { argument: Some(place), reason });
    }
    Ok(())
}

fn as_text(value: Value) -> Result<Arc<str>, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("wrong type for value; expected string; got {}", other.kind())),
    }
}

fn as_list(value: Value) -> Result<Arc<Vec<Value>>, String> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(format!("wrong type for value; expected template.queryResult; got {}", other.kind())),
    }
}

fn as_sample(value: Value) -> Result<Arc<Sample>, String> {
    match value {
        Value::Sample(sample) => Ok(sample),
        other => Err(format!("wrong type for value; expected *template.sample; got {}", other.kind())),
    }
}

fn of_label<'a>(value: &'a Value, name: &str) -> &'a str {
    if let Value::Sample(sample) = value { sample.labels.get(name) } else { "" }
}
