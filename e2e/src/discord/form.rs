//! What is wrong with a request body, in the two shapes in which Discord says it.

use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::answer::Answer;

/// Place of a value in the request body: `embeds.0.fields.3.value`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct At(Vec<String>);

impl At {
    pub(super) fn root(step: &str) -> Self {
        Self(vec![step.to_owned()])
    }

    pub(super) fn then(&self, step: impl Display) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.to_string());
        Self(steps)
    }

    fn is_within(&self, outer: &Self) -> bool {
        self.0.starts_with(&outer.0)
    }
}

/// Collects every fault of a body before the answer is given, as Discord does.
#[derive(Default)]
pub(super) struct Form(Vec<Fault>);

struct Fault {
    at: At,
    code: &'static str,
    message: String,
}

impl Form {
    pub(super) fn refuse(&mut self, at: &At, code: &'static str, message: impl Into<String>) {
        self.0.push(Fault { at: at.clone(), code, message: message.into() });
    }

    /// Returns whether anything at or below `at` was refused.
    pub(super) fn has_refused_within(&self, at: &At) -> bool {
        self.0.iter().any(|fault| fault.at.is_within(at))
    }

    /// Ends the check: the answer 400 when something was refused. Versions before 8, and URLs without a
    /// version, which is what people copy from their Discord client, get the old shape.
    pub(super) fn finish(self, version: Option<u32>) -> Result<(), Answer> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Answer::new(400, if version.is_some_and(|version| version >= 8) { self.tree() } else { self.legacy() }))
    }

    fn tree(&self) -> Value {
        let mut errors = Map::new();
        for fault in &self.0 {
            let mut node = &mut errors;
            for step in &fault.at.0 {
                let below = node.entry(step.clone()).or_insert_with(|| json!({}));
                node = below.as_object_mut().expect("every node of the tree is an object");
            }
            let said = json!({ "code": fault.code, "message": fault.message });
            let list = node.entry("_errors").or_insert_with(|| json!([]));
            list.as_array_mut().expect("`_errors` is a list").push(said);
        }
        json!({ "message": "Invalid Form Body", "code": 50035, "errors": errors })
    }

    /// Of a fault deeper than the first level only the index is told: `{"embeds": ["0"]}`.
    fn legacy(&self) -> Value {
        let mut body = Map::new();
        for Fault { at: At(steps), message, .. } in &self.0 {
            let (key, said) = match steps.as_slice() {
                [] => ("_misc", message),
                [key] => (key.as_str(), message),
                [key, index, ..] => (key.as_str(), index),
            };
            let list = body.entry(key).or_insert_with(|| json!([]));
            let list = list.as_array_mut().expect("every entry is a list");
            if steps.len() < 2 || !list.contains(&json!(said)) {
                list.push(json!(said));
            }
        }
        Value::Object(body)
    }
}

/// How long a text may be, and whether it must be there.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) max: usize,
    pub(super) required: bool,
    /// Whether the refusal names a range, as it does for names.
    pub(super) range: bool,
}

impl Text {
    pub(super) const fn up_to(max: usize) -> Self {
        Self { max, required: false, range: false }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn range(self) -> Self {
        Self { range: true, ..self }
    }
}

/// Reads a text: trimmed, counted in code points; blank counts as missing, and numbers are taken as their digits.
///
/// A text that is too long is refused and returned all the same, because it counts towards the sum of the embeds.
pub(super) fn text(form: &mut Form, at: &At, value: &Value, rule: Text) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null => String::new(),
        other => {
            form.refuse(at, "STRING_TYPE_CONVERT", not_a_string(other));
            return None;
        }
    };
    if text.is_empty() {
        if rule.required {
            form.refuse(at, "BASE_TYPE_REQUIRED", "This field is required");
        }
        return None;
    }
    if length(&text) > rule.max {
        too_long(form, at, rule);
    }
    Some(text)
}

pub(super) fn too_long(form: &mut Form, at: &At, Text { max, range, .. }: Text) {
    if range {
        form.refuse(at, "BASE_TYPE_BAD_LENGTH", format!("Must be between 1 and {max} in length."));
    } else {
        form.refuse(at, "BASE_TYPE_MAX_LENGTH", format!("Must be {max} or fewer in length."));
    }
}

pub(super) fn not_a_string(value: &Value) -> String {
    let shown: String = value.to_string().chars().take(80).collect();
    format!("Could not interpret {shown} as string.")
}

/// Discord counts code points.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// Reads a list; anything else is refused.
pub(super) fn list<'v>(form: &mut Form, at: &At, value: &'v Value) -> Option<&'v Vec<Value>> {
    if !value.is_array() {
        form.refuse(at, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    }
    value.as_array()
}

/// Reads an object; anything else is refused.
pub(super) fn object<'v>(form: &mut Form, at: &At, value: &'v Value) -> Option<&'v Map<String, Value>> {
    if !value.is_object() {
        form.refuse(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
    }
    value.as_object()
}

/// Returns a member of an object, null when it is not there: Discord treats both alike.
pub(super) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> &'v Value {
    object.get(name).unwrap_or(&Value::Null)
}

/// Returns whether this is the number of a Discord object: 1 to 20 digits, as text or as a number.
pub(super) fn is_snowflake(value: &Value) -> bool {
    match value {
        Value::String(text) => is_snowflake_text(text),
        Value::Number(number) => is_snowflake_text(&number.to_string()),
        _ => false,
    }
}

pub(super) fn is_snowflake_text(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_two_faults() -> Form {
        let mut form = Form::default();
        let embed = At::root("embeds").then(1);
        form.refuse(&embed.then("title"), "BASE_TYPE_MAX_LENGTH", "too long");
        form.refuse(&embed.then("url"), "URL_TYPE_INVALID_URL", "no URL");
        form.refuse(&At::root("content"), "BASE_TYPE_MAX_LENGTH", "too long");
        form
    }

    #[test]
    fn new_versions_get_a_tree_and_old_ones_only_the_index() {
        assert_eq!(
            with_two_faults().finish(None).unwrap_err().body,
            Some(json!({"embeds": ["1"], "content": ["too long"]}))
        );
        let tree = with_two_faults().finish(Some(10)).unwrap_err().body.unwrap();
        assert_eq!(tree["errors"]["embeds"]["1"]["url"]["_errors"][0]["code"], "URL_TYPE_INVALID_URL");
        assert_eq!(tree["code"], 50035);
    }

    #[test]
    fn a_blank_text_is_a_missing_text() {
        let mut form = Form::default();
        let at = At::root("name");
        assert_eq!(text(&mut form, &at, &json!(" \n"), Text::up_to(9)), None);
        assert!(!form.has_refused_within(&at));
        assert_eq!(text(&mut form, &at, &json!(""), Text::up_to(9).required()), None);
        assert!(form.has_refused_within(&at));
    }
}
