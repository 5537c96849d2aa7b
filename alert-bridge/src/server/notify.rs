//! The body of `POST /notify`: what a script has to say, as JSON or as a form.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::kind::Level;
use crate::message::Label;
use crate::note::Note;
use crate::text;

/// More than any receiver shows.
const TEXT_LIMIT: usize = 64 * 1024;
const TITLE_LIMIT: usize = 1000;
const FIELDS_LIMIT: usize = 100;
const KEY_LIMIT: usize = 200;
const REASON_LIMIT: usize = 300;

/// A note, and what it is recognised by when it comes again.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Given by the sender; a note with a key that was heard already is not told again.
    pub key: Option<String>,
    /// What it says.
    pub note: Note,
}

/// Why a body says nothing. One line, for whoever wrote the script.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum NotUnderstood {
    /// Neither JSON nor a form.
    #[error("send JSON (content-type: application/json) or a form (application/x-www-form-urlencoded), not `{0}`")]
    Kind(String),
    /// Not as it should be.
    #[error("not a note: {0}")]
    Malformed(String),
    /// Nothing in it.
    #[error("there is nothing to tell: title, text and fields are all empty")]
    Empty,
    /// Too much in it.
    #[error("{what} is longer than {limit} characters")]
    TooLong {
        /// What.
        what: &'static str,
        /// How long it may be.
        limit: usize,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Words {
    key: Option<String>,
    level: Option<Level>,
    title: String,
    text: String,
    fields: Fields,
    /// When it was said, for a note that waited somewhere.
    said: Option<Timestamp>,
}

/// Reads a body of this content type, received at `now`; `header_key` is the `Idempotency-Key`.
///
/// # Errors
/// When it says nothing that could be told.
pub fn parse(kind: &str, header_key: Option<&str>, body: &[u8], now: Timestamp) -> Result<Said, NotUnderstood> {
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let words = match media.as_str() {
        "application/json" | "" => json(body)?,
        "application/x-www-form-urlencoded" => form(body)?,
        other => return Err(NotUnderstood::Kind(text::clip(&text::line(other), 80))),
    };
    let too_long = |what, text: &str, limit| match text::length(text) > limit {
        true => Err(NotUnderstood::TooLong { what, limit }),
        false => Ok(()),
    };
    let key = words.key.or_else(|| header_key.map(str::to_owned)).filter(|key| !key.trim().is_empty());
    too_long("the key", key.as_deref().unwrap_or_default(), KEY_LIMIT)?;
    too_long("the title", &words.title, TITLE_LIMIT)?;
    too_long("the text", &words.text, TEXT_LIMIT)?;
    let fields: Vec<Label> = words
        .fields
        .0
        .into_iter()
        .filter(|field| !text::is_blank(&field.name) && !text::is_blank(&field.value))
        .collect();
    if fields.len() > FIELDS_LIMIT {
        return Err(NotUnderstood::Malformed(format!("{} fields, {FIELDS_LIMIT} are allowed", fields.len())));
    }
    if text::is_blank(&words.title) && text::is_blank(&words.text) && fields.is_empty() {
        return Err(NotUnderstood::Empty);
    }
    let mut note = Note::new(words.level.unwrap_or(Level::Info), words.title, words.text, words.said.unwrap_or(now));
    note.fields = fields;
    Ok(Said { key, note })
}

fn json(body: &[u8]) -> Result<Words, NotUnderstood> {
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(NotUnderstood::Malformed("it is JSON, but no object".to_owned()));
    }
    serde_json::from_slice(body)
        .map_err(|error| NotUnderstood::Malformed(text::clip(&text::line(&error.to_string()), REASON_LIMIT)))
}

/// `level=warning&text=disk+full&field=free=3GiB`; a field may be given several times.
fn form(body: &[u8]) -> Result<Words, NotUnderstood> {
    let refuse = |why: String| NotUnderstood::Malformed(text::clip(&text::line(&why), REASON_LIMIT));
    let mut words = Words::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = value.into_owned();
        match name.as_ref() {
            "key" => words.key = Some(value),
            "title" => words.title = value,
            "text" => words.text = value,
            "level" => {
                let level = Level::ALL.into_iter().find(|level| level.as_str() == value);
                words.level = Some(level.ok_or_else(|| {
                    refuse(format!("unknown level `{value}`, expected one of info, warning, error, critical"))
                })?);
            }
            "field" => {
                let (name, value) = value
                    .split_once('=')
                    .ok_or_else(|| refuse(format!("`{value}` is no field: write field=NAME=VALUE")))?;
                words.fields.0.push(Label { name: name.to_owned(), value: value.to_owned() });
            }
            other => {
                return Err(refuse(format!("unknown name `{other}`, expected one of key, level, title, text, field")));
            }
        }
    }
    Ok(words)
}

/// `{"free": "3 GiB"}`, or `[{"name": "free", "value": "3 GiB"}]` where the order matters.
#[derive(Debug, Default)]
struct Fields(Vec<Label>);

/// A value that reads the same whether it was written as text or not.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text, a number or true or false")]
enum Scalar {
    Text(String),
    Switch(bool),
    Number(serde_json::Number),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Switch(switch) => switch.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    name: String,
    value: Scalar,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and values, or a list of objects with name and value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                let mut order = Vec::new();
                while let Some((name, value)) = pairs.next_entry::<String, Scalar>()? {
                    if fields.insert(name.clone(), ()).is_some() {
                        return Err(de::Error::custom(format!("the field `{}` stands twice", text::clip(&name, 60))));
                    }
                    order.push(Label { name, value: value.to_string() });
                }
                Ok(Fields(order))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Fields, A::Error> {
                let mut order = Vec::new();
                while let Some(Field { name, value }) = items.next_element()? {
                    order.push(Label { name, value: value.to_string() });
                }
                Ok(Fields(order))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json; charset=utf-8";
    const FORM: &str = "application/x-www-form-urlencoded";

    fn read(kind: &str, body: &str) -> Result<Said, String> {
        parse(kind, None, body.as_bytes(), Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())
    }

    fn label(name: &str, value: &str) -> Label {
        Label { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn json_and_a_form_say_the_same() {
        let json = r#"{"key":"epoch/7","level":"critical","title":"Failover","text":"now oci","fields":{"from":"xserver","n":3}}"#;
        let form = "key=epoch%2F7&level=critical&title=Failover&text=now+oci&field=from%3Dxserver&field=n=3";
        let said = read(JSON, json).unwrap();
        assert_eq!(read(FORM, form).unwrap(), said);
        assert_eq!((said.key.as_deref(), said.note.level), (Some("epoch/7"), Level::Critical));
        assert_eq!(said.note.fields, [label("from", "xserver"), label("n", "3")]);
        let list = r#"{"text":"x","fields":[{"name":"b","value":"1"},{"name":"a","value":true}]}"#;
        assert_eq!(read(JSON, list).unwrap().note.fields, [label("b", "1"), label("a", "true")]);
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let said = read(JSON, r#"{"text":"hello"}"#).unwrap();
        assert_eq!((said.key, said.note.level, said.note.said), (None, Level::Info, Timestamp::UNIX_EPOCH));
        let said = parse(JSON, Some("k"), br#"{"text":"hello"}"#, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(said.key.as_deref(), Some("k"));
    }

    #[test]
    fn what_cannot_be_told_is_refused_in_one_line() {
        for (kind, body, why) in [
            (JSON, "", "not a note: EOF"),
            (JSON, "[]", "not a note:"),
            (JSON, "null", "not a note:"),
            (JSON, "{}", "nothing to tell"),
            (JSON, r#"{"text":" \n\u200b","fields":{"a":""}}"#, "nothing to tell"),
            (JSON, r#"{"texts":"a"}"#, "unknown field `texts`"),
            (JSON, r#"{"text":"a","level":"loud"}"#, "unknown variant `loud`"),
            (JSON, r#"{"text":"a","text":"b"}"#, "duplicate field `text`"),
            (JSON, r#"{"text":"a","fields":{"a":[1]}}"#, "a text, a number"),
            (JSON, r#"{"text":"a","fields":{"a":1,"a":2}}"#, "stands twice"),
            (FORM, "txt=a", "unknown name `txt`"),
            (FORM, "text=a&level=loud", "unknown level `loud`"),
            (FORM, "text=a&field=b", "is no field"),
            (FORM, "just words", "unknown name `just words`"),
            ("text/plain", "a", "send JSON"),
        ] {
            let refusal = read(kind, body).unwrap_err();
            assert!(refusal.contains(why) && refusal.lines().count() == 1, "{body}: {refusal}");
        }
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(TEXT_LIMIT + 1));
        assert_eq!(read(JSON, &long).unwrap_err(), "the text is longer than 65536 characters");
    }
}
