//! The rules of embeds, where most refused messages fail.

use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

use super::form::{At, Form, Text, length, list, member, object, text};
use super::link::{MEDIA, WEB, url};

const EMBEDS: usize = 10;
const FIELDS: usize = 25;
/// Over all embeds of a message.
const TOTAL: usize = 6000;
const COLOR_MAX: i64 = 0xFF_FFFF;

/// Checks the embeds of a message and returns them as Discord keeps them.
pub(super) fn embeds(form: &mut Form, value: &Value) -> Vec<Value> {
    let at = At::root("embeds");
    let Some(given) = list(form, &at, value) else { return Vec::new() };
    if given.len() > EMBEDS {
        form.refuse(&at, "BASE_TYPE_MAX_LENGTH", format!("Must be {EMBEDS} or fewer in length."));
        return Vec::new();
    }
    let mut kept = Vec::new();
    let mut total = 0;
    for (index, embed) in given.iter().enumerate() {
        let at = at.then(index);
        if let Some(given) = object(form, &at, embed) {
            let mut embed = Embed { form, given, kept: Map::new(), total: 0 };
            embed.check(&at);
            total += embed.total;
            kept.push(Value::Object(embed.kept));
        }
    }
    if total > TOTAL {
        form.refuse(&at, "MAX_EMBED_SIZE_EXCEEDED", format!("Embed size exceeds maximum size of {TOTAL}"));
    }
    kept
}

/// One embed on its way from what was given to what is kept.
struct Embed<'a> {
    form: &'a mut Form,
    given: &'a Map<String, Value>,
    kept: Map<String, Value>,
    /// Code points that count towards the sum.
    total: usize,
}

impl Embed<'_> {
    fn check(&mut self, at: &At) {
        self.kept.insert("type".into(), json!("rich"));
        self.text(at, "title", 256);
        self.text(at, "description", 4096);
        if let Some(link) = url(self.form, &at.then("url"), member(self.given, "url"), WEB) {
            self.kept.insert("url".into(), json!(link));
        }
        self.color(&at.then("color"));
        self.timestamp(&at.then("timestamp"));
        self.picture(at, "image");
        self.picture(at, "thumbnail");
        self.person(at, "footer", "text", 2048);
        self.person(at, "author", "name", 256);
        self.fields(&at.then("fields"));

        let shown = ["title", "description", "image", "thumbnail", "footer", "author", "fields"];
        if !shown.iter().any(|part| self.kept.contains_key(*part)) && !self.form.has_refused_within(at) {
            self.form.refuse(&at.then("description"), "BASE_TYPE_REQUIRED", "This field is required");
        }
    }

    fn text(&mut self, at: &At, name: &str, max: usize) {
        if let Some(text) = text(self.form, &at.then(name), member(self.given, name), Text::up_to(max)) {
            self.total += length(&text);
            self.kept.insert(name.into(), json!(text));
        }
    }

    fn color(&mut self, at: &At) {
        let value = member(self.given, "color");
        let number = match value {
            Value::Null => return,
            Value::Number(number) => number.as_i64(),
            Value::String(digits) => digits.parse().ok(),
            _ => None,
        };
        match number {
            None => self.form.refuse(at, "NUMBER_TYPE_COERCE", format!("Value {value} is not int.")),
            Some(number) if number > COLOR_MAX => {
                let message = format!("int value should be less than or equal to {COLOR_MAX}.");
                self.form.refuse(at, "NUMBER_TYPE_MAX", message);
            }
            Some(number) if number < 0 => {
                self.form.refuse(at, "NUMBER_TYPE_MIN", "int value should be greater than or equal to 0.");
            }
            Some(number) => {
                self.kept.insert("color".into(), json!(number));
            }
        }
    }

    fn timestamp(&mut self, at: &At) {
        let value = member(self.given, "timestamp");
        if value.is_null() {
            return;
        }
        if value.as_str().is_some_and(is_iso8601) {
            self.kept.insert("timestamp".into(), value.clone());
        } else {
            let message = format!("Could not parse {value}. Should be ISO8601.");
            self.form.refuse(at, "DATE_TIME_TYPE_PARSE", message);
        }
    }

    fn picture(&mut self, at: &At, name: &str) {
        let (at, value) = (at.then(name), member(self.given, name));
        if value.is_null() {
            return;
        }
        let Some(picture) = object(self.form, &at, value) else { return };
        if let Some(link) = url(self.form, &at.then("url"), member(picture, "url"), MEDIA) {
            self.kept.insert(name.into(), json!({ "url": link }));
        }
    }

    /// The footer and the author: a text that must be there, a small picture, and for the author a link.
    fn person(&mut self, at: &At, name: &str, key: &str, max: usize) {
        let (at, value) = (at.then(name), member(self.given, name));
        if value.is_null() {
            return;
        }
        let Some(given) = object(self.form, &at, value) else { return };
        let mut kept = Map::new();
        if let Some(text) = text(self.form, &at.then(key), member(given, key), Text::up_to(max).required()) {
            self.total += length(&text);
            kept.insert(key.into(), json!(text));
        }
        if let Some(icon) = url(self.form, &at.then("icon_url"), member(given, "icon_url"), MEDIA) {
            kept.insert("icon_url".into(), json!(icon));
        }
        if name == "author"
            && let Some(link) = url(self.form, &at.then("url"), member(given, "url"), WEB)
        {
            kept.insert("url".into(), json!(link));
        }
        if !kept.is_empty() {
            self.kept.insert(name.into(), Value::Object(kept));
        }
    }

    fn fields(&mut self, at: &At) {
        let value = member(self.given, "fields");
        if value.is_null() {
            return;
        }
        let Some(given) = list(self.form, at, value) else { return };
        if given.len() > FIELDS {
            self.form.refuse(at, "BASE_TYPE_MAX_LENGTH", format!("Must be {FIELDS} or fewer in length."));
            return;
        }
        let mut kept = Vec::new();
        for (index, field) in given.iter().enumerate() {
            let at = at.then(index);
            let Some(field) = object(self.form, &at, field) else { continue };
            let name = text(self.form, &at.then("name"), member(field, "name"), Text::up_to(256).required());
            let value = text(self.form, &at.then("value"), member(field, "value"), Text::up_to(1024).required());
            let inline = match member(field, "inline") {
                Value::Null => false,
                Value::Bool(inline) => *inline,
                _ => {
                    self.form.refuse(&at.then("inline"), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
                    true
                }
            };
            self.total += [&name, &value].into_iter().flatten().map(|text| length(text)).sum::<usize>();
            kept.push(json!({ "name": name, "value": value, "inline": inline }));
        }
        if !kept.is_empty() {
            self.kept.insert("fields".into(), Value::Array(kept));
        }
    }
}

/// `2026-01-02T03:04[:05[.678]][Z|+09:00]`, a real date and time of day.
fn is_iso8601(text: &str) -> bool {
    let text = text.trim();
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    let Some(rest) = rest.strip_prefix(['T', ' ']) else { return false };
    let clock_len = rest.find(|c: char| c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len());
    let (clock, rest) = rest.split_at(clock_len);
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    has_form(date, "0000-00-00")
        && (has_form(clock, "00:00:00") || has_form(clock, "00:00"))
        && (["", "Z"].contains(&zone) || ["+00:00", "-00:00", "+0000", "-0000"].iter().any(|form| has_form(zone, form)))
        && !date.starts_with("0000")
        && format!("{date}T{clock}").parse::<DateTime>().is_ok()
        && !clock.ends_with(":60")
}

/// Whether `text` is `form` with other digits.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(t, f)| if f == b'0' { t.is_ascii_digit() } else { t == f })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_a_real_moment_in_iso_form() {
        for good in
            ["2026-01-02T03:04:05.678Z", "2026-01-02 03:04", "2026-01-02T03:04:05+09:00", "2024-02-29T00:00:00-0500"]
        {
            assert!(is_iso8601(good), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-01-02",
            "2025-02-29T00:00:00Z",
            "2026-01-02T25:00:00Z",
            "2026-01-02T03:04:60Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05Z09",
            "2026-01-02T03:04:05é",
        ] {
            assert!(!is_iso8601(bad), "{bad}");
        }
    }
}
