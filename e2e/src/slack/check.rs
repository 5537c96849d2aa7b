//! Everything that Slack refuses a message for.
//!
//! Sources: Slack's reference of Block Kit (block counts and text lengths), its changelog of 2016-05-17 (the answers of incoming
//! webhooks), and bolt-js#2509 (the sum of all text, which no reference names).

use hyper::Method;
use serde_json::Value;

use crate::door::Knocked;

/// Longer texts are cut, not refused.
const TEXT_LIMIT: usize = 40_000;
const BLOCKS_LIMIT: usize = 50;
const SECTION_LIMIT: usize = 3000;
const FIELD_LIMIT: usize = 2000;
const FIELDS_LIMIT: usize = 10;
const HEADER_LIMIT: usize = 150;
const BUTTON_LIMIT: usize = 75;
const URL_LIMIT: usize = 3000;
const ELEMENTS_LIMIT: usize = 10;
const ATTACHMENTS_LIMIT: usize = 100;
const ALL_BLOCK_TEXT_LIMIT: usize = 13_000;

type Refusal = (u16, &'static str);
const INVALID_PAYLOAD: Refusal = (400, "invalid_payload");
const INVALID_BLOCKS: Refusal = (400, "invalid_blocks");
const INVALID_ATTACHMENTS: Refusal = (400, "invalid_attachments");

/// Returns the message as it is kept, or why it is not.
pub(super) fn post(knocked: &Knocked) -> Result<Value, Refusal> {
    let known = knocked.path.strip_prefix("/services/").is_some_and(|rest| rest.split('/').count() == 3);
    if !known {
        return Err((404, "no_service"));
    }
    if knocked.method != Method::POST {
        return Err(INVALID_PAYLOAD);
    }
    let mut body = read(knocked).ok_or(INVALID_PAYLOAD)?;
    let object = body.as_object_mut().ok_or(INVALID_PAYLOAD)?;
    if let Some(Value::String(text)) = object.get_mut("text") {
        *text = text.chars().take(TEXT_LIMIT).collect();
    }
    let text = object.get("text").and_then(Value::as_str).unwrap_or_default();
    let empty = |name: &str| object.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if text.trim().is_empty() && empty("blocks") && empty("attachments") {
        return Err((400, "no_text"));
    }
    let mut all_text = 0;
    blocks(object.get("blocks"), &mut all_text).ok_or(INVALID_BLOCKS)?;
    let attachments = match object.get("attachments") {
        None => &Vec::new(),
        Some(attachments) => attachments.as_array().ok_or(INVALID_ATTACHMENTS)?,
    };
    if attachments.len() > ATTACHMENTS_LIMIT {
        return Err((400, "too_many_attachments"));
    }
    for attachment in attachments {
        blocks(attachment.get("blocks"), &mut all_text).ok_or(INVALID_ATTACHMENTS)?;
        let color = attachment.get("color").and_then(Value::as_str).unwrap_or("good");
        let hex = color
            .strip_prefix('#')
            .is_some_and(|hex| hex.len() == 6 && hex.chars().all(|char| char.is_ascii_hexdigit()));
        if !hex && !["good", "warning", "danger"].contains(&color) {
            return Err(INVALID_ATTACHMENTS);
        }
    }
    if all_text > ALL_BLOCK_TEXT_LIMIT { Err(INVALID_BLOCKS) } else { Ok(body) }
}

/// JSON, or a form with the JSON in `payload`.
fn read(knocked: &Knocked) -> Option<Value> {
    let kind = knocked.header("content-type");
    if kind.starts_with("application/x-www-form-urlencoded") {
        let payload = url::form_urlencoded::parse(&knocked.body).find(|(name, _)| name == "payload")?.1;
        return serde_json::from_str(&payload).ok();
    }
    if kind.starts_with("application/json") { serde_json::from_slice(&knocked.body).ok() } else { None }
}

fn blocks(blocks: Option<&Value>, all_text: &mut usize) -> Option<()> {
    let Some(blocks) = blocks else { return Some(()) };
    let blocks = blocks.as_array().filter(|blocks| !blocks.is_empty() && blocks.len() <= BLOCKS_LIMIT)?;
    blocks.iter().try_for_each(|block| one(block, all_text))
}

fn one(block: &Value, all_text: &mut usize) -> Option<()> {
    match block["type"].as_str()? {
        "divider" => Some(()),
        "header" if block["text"]["type"] == "plain_text" => text(&block["text"], HEADER_LIMIT, all_text),
        "section" => {
            let fields = match block.get("fields") {
                None => &Vec::new(),
                Some(fields) => fields.as_array()?,
            };
            if fields.len() > FIELDS_LIMIT || (fields.is_empty() && block.get("text").is_none()) {
                return None;
            }
            block.get("text").map_or(Some(()), |said| text(said, SECTION_LIMIT, all_text))?;
            fields.iter().try_for_each(|field| text(field, FIELD_LIMIT, all_text))
        }
        "context" => elements(block)?.iter().try_for_each(|element| text(element, SECTION_LIMIT, all_text)),
        "actions" => elements(block)?.iter().try_for_each(|element| {
            let address = element["url"].as_str()?;
            let good =
                element["type"] == "button" && element["text"]["type"] == "plain_text" && address.len() <= URL_LIMIT;
            if good { text(&element["text"], BUTTON_LIMIT, all_text) } else { None }
        }),
        _ => None,
    }
}

fn elements(block: &Value) -> Option<&Vec<Value>> {
    block["elements"].as_array().filter(|elements| !elements.is_empty() && elements.len() <= ELEMENTS_LIMIT)
}

fn text(object: &Value, limit: usize, all_text: &mut usize) -> Option<()> {
    let known = ["plain_text", "mrkdwn"].contains(&object["type"].as_str()?);
    let length = object["text"].as_str()?.chars().count();
    *all_text += length;
    (known && (1..=limit).contains(&length)).then_some(())
}
