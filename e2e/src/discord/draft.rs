//! From a request body to the message that Discord would keep, or to all that is wrong with it.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::components::components;
use super::embed::embeds;
use super::form::{At, Form, Text, is_snowflake_text, length, list, member, not_a_string, text, too_long};
use super::link::{WEB, url};
use super::mentions::{Pings, allowed, pings};
use super::upload::Upload;

const CONTENT: Text = Text::up_to(2000);
const USERNAME: Text = Text::up_to(80).range();
const SUPPRESS_EMBEDS: i64 = 1 << 2;
const SUPPRESS_NOTIFICATIONS: i64 = 1 << 12;
const COMPONENTS_V2: i64 = 1 << 15;

/// Where a message goes and how its URL was written.
pub(super) struct Target<'a> {
    pub(super) webhook: &'a str,
    pub(super) channel: &'a str,
    /// `v10` in the path; none in what people copy from their client.
    pub(super) version: Option<u32>,
    pub(super) thread: Option<&'a str>,
    /// Whether the channel is a forum.
    pub(super) forum: bool,
    pub(super) with_components: bool,
    /// What came along.
    pub(super) files: &'a [Upload],
}

/// Checks a new message; its id is given when it is kept.
pub(super) fn create(body: &Value, target: &Target<'_>) -> Result<(Value, Pings), Answer> {
    let given = dictionary(body)?;
    let mut form = Form::default();
    let mut message = json!({
        "type": 0, "content": "", "channel_id": target.channel, "attachments": [], "embeds": [],
        "mentions": [], "mention_roles": [], "mention_everyone": false, "pinned": false, "tts": false,
        "timestamp": now(), "edited_timestamp": null, "components": [], "webhook_id": target.webhook,
    });
    let flags = flags(&mut form, given, SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2);
    parts(&mut form, given, target, flags, &mut message);
    message["author"] = author(&mut form, given, target.webhook);
    if !matches!(member(given, "tts"), Value::Null | Value::Bool(_)) {
        form.refuse(&At::root("tts"), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
    }
    thread(&mut form, given, target, &mut message)?;
    finish(form, given, target, flags, message)
}

/// Checks an edit: what it does not name stays, and it pings nobody.
pub(super) fn edit(existing: &Value, body: &Value, target: &Target<'_>) -> Result<Value, Answer> {
    let given = dictionary(body)?;
    let mut form = Form::default();
    let mut message = existing.clone();
    let flags = flags(&mut form, given, SUPPRESS_EMBEDS | COMPONENTS_V2);
    parts(&mut form, given, target, flags, &mut message);
    message["edited_timestamp"] = json!(now());
    finish(form, given, target, flags, message).map(|(message, _)| message)
}

fn dictionary(body: &Value) -> Result<&Map<String, Value>, Answer> {
    let not_one = || Answer::not_a_form("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
    body.as_object().ok_or_else(not_one)
}

fn flags(form: &mut Form, given: &Map<String, Value>, known: i64) -> i64 {
    let (at, value) = (At::root("flags"), member(given, "flags"));
    let flags = match value {
        Value::Null => 0,
        Value::Number(number) if number.is_i64() => number.as_i64().unwrap_or_default(),
        _ => {
            form.refuse(&at, "NUMBER_TYPE_COERCE", format!("Value {value} is not int."));
            0
        }
    };
    if flags & !known != 0 {
        form.refuse(&at, "BITFIELD_TYPE_INVALID_BITS", format!("Unsupported bits: {}", flags & !known));
    }
    flags
}

/// What a new message and an edit have in common.
fn parts(form: &mut Form, given: &Map<String, Value>, target: &Target<'_>, flags: i64, message: &mut Value) {
    if let Some(content) = given.get("content") {
        let at = At::root("content");
        let content = match content {
            Value::Null => String::new(),
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => {
                form.refuse(&at, "STRING_TYPE_CONVERT", not_a_string(other));
                String::new()
            }
        };
        if length(&content) > CONTENT.max {
            too_long(form, &at, CONTENT);
        }
        message["content"] = json!(content);
    }
    match given.get("embeds") {
        Some(Value::Null) => message["embeds"] = json!([]),
        Some(value) => message["embeds"] = json!(embeds(form, value)),
        None => {}
    }
    let v2 = flags & COMPONENTS_V2 != 0;
    if is_filled(member(given, "components")) && target.with_components {
        message["components"] = json!(components(form, member(given, "components"), v2));
    }
    if v2 && (is_filled(member(given, "content")) || is_filled(member(given, "embeds"))) {
        let message = "The 'content', 'embeds' and file fields cannot be used when using MessageFlags.IS_COMPONENTS_V2";
        form.refuse(&At::root("flags"), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message);
    }
    let kept = message.get("flags").and_then(Value::as_i64).unwrap_or_default() & COMPONENTS_V2;
    message["flags"] = json!(kept | flags);
    // What is not named stays as it is.
    if let Some(value) = given.get("attachments") {
        message["attachments"] = attachments(form, value, target);
    }
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) => true,
    }
}

/// What is said of the files that came along. One that is named and did not come lacks its data; one that came and is not
/// named is not kept.
fn attachments(form: &mut Form, value: &Value, target: &Target<'_>) -> Value {
    let at = At::root("attachments");
    if value.is_null() {
        return json!([]);
    }
    let mut kept = Vec::new();
    for (index, attachment) in list(form, &at, value).into_iter().flatten().enumerate() {
        let Some(id) = attachment.get("id").filter(|id| !id.is_null()) else {
            form.refuse(&at.then(index).then("id"), "BASE_TYPE_REQUIRED", "This field is required");
            continue;
        };
        let place = id.as_u64().or_else(|| id.as_str()?.parse().ok());
        let Some(file) = target.files.iter().find(|file| Some(file.place) == place) else {
            form.refuse(&at.then(index), "ATTACHMENT_NOT_FOUND", "Attachment data not found");
            continue;
        };
        let name = attachment.get("filename").and_then(Value::as_str).unwrap_or(&file.name);
        let url = format!("https://cdn.discordapp.com/attachments/{}/{index}/{name}", target.channel);
        kept.push(json!({
            "id": index.to_string(), "filename": name, "size": file.bytes.len(), "url": url,
            "description": attachment.get("description").unwrap_or(&Value::Null),
        }));
    }
    json!(kept)
}

fn author(form: &mut Form, given: &Map<String, Value>, webhook: &str) -> Value {
    let at = At::root("username");
    let name = text(form, &at, member(given, "username"), USERNAME);
    let lower = name.as_deref().unwrap_or_default().to_lowercase();
    for word in ["discord", "clyde", "```"] {
        if lower.contains(word) {
            form.refuse(&at, "USERNAME_INVALID_CONTAINS", format!("Username cannot contain \"{word}\""));
        }
    }
    if ["everyone", "here"].contains(&lower.as_str()) {
        form.refuse(&at, "USERNAME_INVALID", format!("Username cannot be \"{lower}\""));
    }
    let avatar = url(form, &At::root("avatar_url"), member(given, "avatar_url"), WEB);
    json!({
        "id": webhook, "username": name.as_deref().unwrap_or("Double"), "avatar": null, "avatar_url": avatar,
        "discriminator": "0000", "bot": true,
    })
}

/// Threads: a message may go into one that exists, and in a forum it must go into one or open one.
fn thread(form: &mut Form, given: &Map<String, Value>, target: &Target<'_>, message: &mut Value) -> Result<(), Answer> {
    if let Some(thread) = target.thread {
        if !is_snowflake_text(thread) {
            let said = format!("Value \"{thread}\" is not snowflake.");
            form.refuse(&At::root("thread_id"), "NUMBER_TYPE_COERCE", said);
            return Ok(());
        }
        message["channel_id"] = json!(thread);
    }
    let name = member(given, "thread_name");
    let rule = Text::up_to(100).required().range();
    if !name.is_null() && text(form, &At::root("thread_name"), name, rule).is_some() {
        if !target.forum {
            return Err(Answer::error(400, 220_003, "Webhooks can only create threads in forum channels"));
        }
        if target.thread.is_some() {
            let said = "Webhooks posted to forum channels cannot have both a thread_name and thread_id";
            return Err(Answer::error(400, 220_002, said));
        }
        message["thread_name"] = name.clone();
    } else if target.forum && target.thread.is_none() {
        let said = "Webhooks posted to forum channels must have a thread_name or thread_id";
        return Err(Answer::error(400, 220_001, said));
    }
    Ok(())
}

fn finish(
    mut form: Form,
    given: &Map<String, Value>,
    target: &Target<'_>,
    flags: i64,
    mut message: Value,
) -> Result<(Value, Pings), Answer> {
    let allowed = allowed(&mut form, member(given, "allowed_mentions"));
    form.finish(target.version)?;
    resolve_pictures(&mut message);
    if !["content", "embeds", "components", "attachments"].iter().any(|part| is_filled(&message[*part])) {
        return Err(Answer::error(400, 50006, "Cannot send an empty message"));
    }
    // With components v2 the text stands in the components.
    let mut said = message["content"].as_str().unwrap_or_default().to_owned();
    if flags & COMPONENTS_V2 != 0 {
        said.push_str(&message["components"].to_string());
    }
    let pings = pings(&said, &allowed);
    message["mentions"] = pings.users.iter().map(|id| json!({ "id": id, "username": format!("user{id}") })).collect();
    message["mention_roles"] = json!(pings.roles);
    message["mention_everyone"] = json!(pings.everyone);
    Ok((message, pings))
}

/// `attachment://chart.png` shows a file of the same request; without the file there is no picture, and with it the file
/// is no longer listed by itself.
fn resolve_pictures(message: &mut Value) {
    let mut files = message["attachments"].as_array().cloned().unwrap_or_default();
    let mut shown = Vec::new();
    let mut resolve = |link: Option<&mut Value>| {
        let Some(link) = link else { return true };
        let Some(name) = link.as_str().and_then(|link| link.strip_prefix("attachment://")) else { return true };
        let Some(file) = files.iter().find(|file| file["filename"] == name) else { return false };
        shown.push(file["id"].clone());
        *link = file["url"].clone();
        true
    };
    for embed in message["embeds"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        embed.retain(|name, part| !["image", "thumbnail"].contains(&name.as_str()) || resolve(part.get_mut("url")));
        for part in ["footer", "author"] {
            if let Some(part) = embed.get_mut(part).and_then(Value::as_object_mut)
                && !resolve(part.get_mut("icon_url"))
            {
                part.remove("icon_url");
            }
        }
    }
    files.retain(|file| !shown.contains(&file["id"]));
    message["attachments"] = json!(files);
}

/// This moment as Discord writes it.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
