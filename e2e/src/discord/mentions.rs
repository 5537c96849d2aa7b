//! Who is pinged by a message, and who may be.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::form::{At, Form, is_snowflake, list, member, object};

const IDS: usize = 100;

/// What `allowed_mentions` of a request permits.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Allowed {
    parse: Vec<String>,
    roles: Vec<String>,
    users: Vec<String>,
}

/// Whom a message pinged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pings {
    /// Ids of users.
    pub users: Vec<String>,
    /// Ids of roles.
    pub roles: Vec<String>,
    /// Whether everyone in the channel was.
    pub everyone: bool,
}

/// Checks `allowed_mentions`. Without it a webhook may ping users, but neither roles nor everyone.
pub(super) fn allowed(form: &mut Form, value: &Value) -> Allowed {
    if value.is_null() {
        return Allowed { parse: vec!["users".into()], ..Allowed::default() };
    }
    let at = At::root("allowed_mentions");
    let Some(given) = object(form, &at, value) else { return Allowed::default() };

    let mut parse = Vec::new();
    for (index, kind) in entries(form, &at.then("parse"), given, "parse").iter().enumerate() {
        match kind.as_str() {
            Some(kind @ ("roles" | "users" | "everyone")) => parse.push(kind.to_owned()),
            _ => {
                let message = "Value must be one of ('users', 'roles', 'everyone').";
                form.refuse(&at.then("parse").then(index), "BASE_TYPE_CHOICES", message);
            }
        }
    }
    let roles = ids(form, &at, given, "roles", &parse);
    let users = ids(form, &at, given, "users", &parse);
    Allowed { parse, roles, users }
}

fn ids(form: &mut Form, at: &At, given: &Map<String, Value>, kind: &str, parse: &[String]) -> Vec<String> {
    let list_at = at.then(kind);
    let ids = entries(form, &list_at, given, kind);
    if ids.len() > IDS {
        form.refuse(&list_at, "BASE_TYPE_MAX_LENGTH", format!("Must be {IDS} or fewer in length."));
    }
    for (index, id) in ids.iter().enumerate().filter(|(_, id)| !is_snowflake(id)) {
        form.refuse(&list_at.then(index), "NUMBER_TYPE_COERCE", format!("Value {id} is not snowflake."));
    }
    if !ids.is_empty() && parse.iter().any(|parsed| parsed == kind) {
        let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
        form.refuse(at, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message);
    }
    ids.iter()
        .filter(|id| is_snowflake(id))
        .map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned))
        .collect()
}

/// The entries of a list; null, missing and other empty values are an empty one.
fn entries<'v>(form: &mut Form, at: &At, given: &'v Map<String, Value>, name: &str) -> &'v [Value] {
    let value = member(given, name);
    let is_nothing = match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    };
    if is_nothing { &[] } else { list(form, at, value).map_or(&[], Vec::as_slice) }
}

/// Whom `content` pings under `allowed`. Only the content pings, an embed never does.
pub(super) fn pings(content: &str, allowed: &Allowed) -> Pings {
    let may =
        |kind: &str, listed: &[String], id: &String| allowed.parse.iter().any(|k| k == kind) || listed.contains(id);
    let mut users = marked(content, "<@!");
    users.extend(marked(content, "<@"));
    Pings {
        users: users.into_iter().filter(|id| may("users", &allowed.users, id)).collect(),
        roles: marked(content, "<@&").into_iter().filter(|id| may("roles", &allowed.roles, id)).collect(),
        everyone: allowed.parse.iter().any(|kind| kind == "everyone") && calls_everyone(content),
    }
}

/// The ids between `mark` and `>`.
fn marked(content: &str, mark: &str) -> BTreeSet<String> {
    let after = content.match_indices(mark).map(|(start, _)| &content[start + mark.len()..]);
    after
        .filter_map(|rest| rest.split_once('>'))
        .filter(|(id, _)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|(id, _)| id.to_owned())
        .collect()
}

/// `@everyone` or `@here` as a whole word.
fn calls_everyone(content: &str) -> bool {
    ["@everyone", "@here"].iter().any(|call| {
        content.match_indices(call).any(|(start, _)| {
            !content[start + call.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pinged(content: &str, rule: Value) -> Pings {
        let mut form = Form::default();
        let allowed = allowed(&mut form, &rule);
        form.finish(Some(10)).unwrap();
        pings(content, &allowed)
    }

    #[test]
    fn a_webhook_pings_users_unless_told_otherwise() {
        let text = "@everyone <@&111> <@222> <@!223> <@&333> <@x>";
        let users = Pings { users: vec!["222".into(), "223".into()], ..Pings::default() };
        assert_eq!(pinged(text, Value::Null), users);
        assert_eq!(pinged(text, json!({"parse": []})), Pings::default());
        assert_eq!(pinged(text, json!({"roles": ["111"]})), Pings { roles: vec!["111".into()], ..Pings::default() });
        assert!(pinged(text, json!({"parse": ["everyone"]})).everyone);
        assert!(!pinged("@everyone_else", json!({"parse": ["everyone"]})).everyone);
    }
}
