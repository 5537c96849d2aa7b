//! Buttons and their rows, as far as a webhook made by hand may send them.

use serde_json::{Map, Value};

use super::form::{At, Form, Text, length, list, member, object, too_long};
use super::link::{BUTTON, url};

const ROWS: usize = 5;
/// With the flag for components v2.
const PIECES: usize = 40;
const IN_A_ROW: usize = 5;

/// Checks `components`, which count only when the URL asks for them (`with_components=true`).
pub(super) fn components(form: &mut Form, value: &Value, v2: bool) -> Vec<Value> {
    let at = At::root("components");
    let Some(given) = list(form, &at, value) else { return Vec::new() };
    let most = if v2 { PIECES } else { ROWS };
    if given.len() > most {
        too_long(form, &at, Text::up_to(most).range());
    }
    for (index, component) in given.iter().enumerate() {
        check(form, &at.then(index), component);
    }
    given.clone()
}

fn check(form: &mut Form, at: &At, component: &Value) {
    let Some(component) = object(form, at, component) else { return };
    let inside = member(component, "components").as_array();
    match member(component, "type").as_u64() {
        Some(2) if component.get("style").and_then(Value::as_u64) == Some(5) => link_button(form, at, component),
        Some(2 | 3 | 5..=8) => {
            let message = "Interactive components cannot be sent by a webhook not owned by an application";
            form.refuse(at, "COMPONENT_INTERACTIVE_NOT_ALLOWED", message);
        }
        Some(1) => {
            if !inside.is_some_and(|row| (1..=IN_A_ROW).contains(&row.len())) {
                too_long(form, &at.then("components"), Text::up_to(IN_A_ROW).range());
            }
        }
        Some(9..=14 | 17) => {}
        _ => form.refuse(&at.then("type"), "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,)."),
    }
    for (index, component) in inside.into_iter().flatten().enumerate() {
        check(form, &at.then("components").then(index), component);
    }
}

fn link_button(form: &mut Form, at: &At, button: &Map<String, Value>) {
    let is_set = |name: &str| !matches!(member(button, name), Value::Null) && member(button, name) != "";
    let link = member(button, "url");
    if !is_set("url") {
        form.refuse(&at.then("url"), "BASE_TYPE_REQUIRED", "A url is required");
    } else if link.as_str().is_some_and(|link| length(link) > 512) {
        too_long(form, &at.then("url"), Text::up_to(512));
    } else {
        url(form, &at.then("url"), link, BUTTON);
    }
    if is_set("custom_id") {
        let message = "A custom id and url cannot both be specified";
        form.refuse(&at.then("custom_id"), "BUTTON_COMPONENT_CUSTOM_ID_URL_EXCLUSIVE", message);
    }
    match member(button, "label") {
        Value::String(label) if length(label) > 80 => too_long(form, &at.then("label"), Text::up_to(80)),
        _ if !is_set("label") && !is_set("emoji") => {
            form.refuse(&at.then("label"), "BASE_TYPE_REQUIRED", "A label or emoji is required");
        }
        _ => {}
    }
}
