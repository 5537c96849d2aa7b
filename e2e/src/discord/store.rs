//! What the double remembers: its webhooks, their messages, and the journal of what happened.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::answer::Answer;
use super::form::is_snowflake_text;
use super::mentions::Pings;
use super::upload::Upload;

/// Discord's ids count milliseconds from the first second of 2015.
const EPOCH_MS: i64 = 1_420_070_400_000;

/// A message that Discord accepted.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The webhook that it came through.
    pub webhook: String,
    /// The message as Discord would return it, after the last edit.
    pub body: Value,
    /// Whom it pinged when it was posted.
    pub pings: Pings,
    /// How often it was edited since.
    pub edits: u32,
    /// The files that came with it.
    pub files: Vec<Upload>,
    pub(super) deleted: bool,
    /// Whether an hour has passed since it was posted.
    pub(super) old: bool,
}

impl Message {
    /// Returns the title of the first embed, or nothing.
    #[must_use]
    pub fn title(&self) -> &str {
        self.body["embeds"][0]["title"].as_str().unwrap_or_default()
    }

    /// Returns all that a person reads: content, then of each embed title, description, fields, author and footer.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![self.body["content"].as_str().unwrap_or_default()];
        for embed in self.body["embeds"].as_array().into_iter().flatten() {
            let fields = embed["fields"].as_array().into_iter().flatten().flat_map(|f| [&f["name"], &f["value"]]);
            let parts = [&embed["author"]["name"], &embed["title"], &embed["description"]].into_iter();
            lines.extend(parts.chain(fields).chain([&embed["footer"]["text"]]).filter_map(Value::as_str));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// Returns the colour of the first embed.
    #[must_use]
    pub fn color(&self) -> Option<i64> {
        self.body["embeds"][0]["color"].as_i64()
    }
}

/// One thing that happened to a message, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deed {
    /// It was posted.
    Created,
    /// It was changed.
    Edited,
    /// It was taken back.
    Deleted,
}

pub(super) struct Webhook {
    token: String,
    pub(super) channel: String,
    gone: bool,
}

#[derive(Default)]
pub(super) struct Store {
    webhooks: HashMap<String, Webhook>,
    messages: Vec<Message>,
    journal: Vec<(Deed, String)>,
    last_id: i64,
    forums: HashSet<String>,
}

impl Store {
    /// Finds a webhook. The first request to an id makes it: its token is the right one from then on.
    pub(super) fn webhook(&mut self, id: &str, token: Option<&str>) -> Result<&Webhook, Answer> {
        if !is_snowflake_text(id) {
            let said = format!("Value \"{id}\" is not snowflake.");
            let said = json!({ "webhook_id": { "_errors": [{ "code": "NUMBER_TYPE_COERCE", "message": said }] } });
            return Err(Answer::new(400, json!({ "message": "Invalid Form Body", "code": 50035, "errors": said })));
        }
        let unknown = || Answer::error(404, 10015, "Unknown Webhook");
        let token = token.ok_or_else(unknown)?;
        let webhook = self.webhooks.entry(id.to_owned()).or_insert_with(|| Webhook {
            token: token.to_owned(),
            channel: format!("{id}0"),
            gone: false,
        });
        if webhook.gone {
            return Err(unknown());
        }
        if webhook.token != token {
            return Err(Answer::error(401, 50027, "Invalid Webhook Token"));
        }
        Ok(webhook)
    }

    /// Makes the channel of this webhook a forum.
    pub(super) fn make_forum(&mut self, id: &str) {
        self.forums.insert(id.to_owned());
    }

    /// Lets an hour pass for every message.
    pub(super) fn grow_old(&mut self) {
        self.messages.iter_mut().for_each(|message| message.old = true);
    }

    /// Returns whether the channel of this webhook is a forum.
    pub(super) fn is_forum(&self, id: &str) -> bool {
        self.forums.contains(id)
    }

    /// Deletes a webhook: from now on it is unknown.
    pub(super) fn delete_webhook(&mut self, id: &str) {
        if let Some(webhook) = self.webhooks.get_mut(id) {
            webhook.gone = true;
        }
    }

    /// Keeps a new message and gives it its id.
    pub(super) fn create(&mut self, webhook: &str, mut body: Value, pings: Pings, files: Vec<Upload>) -> &Message {
        let id = self.next_id();
        body["id"] = json!(id);
        if body["thread_name"].is_string() {
            // The first message of a post bears the id of its thread.
            body["channel_id"] = json!(id);
        }
        self.journal.push((Deed::Created, id.clone()));
        let webhook = webhook.to_owned();
        self.messages.push(Message { id, webhook, body, pings, edits: 0, files, deleted: false, old: false });
        self.messages.last().expect("one was pushed just now")
    }

    /// Finds a message of this webhook. One in a thread is found only where the URL names the thread.
    pub(super) fn message(
        &mut self,
        webhook: &str,
        channel: &str,
        id: &str,
        thread: Option<&str>,
    ) -> Result<&mut Message, Answer> {
        self.messages
            .iter_mut()
            .find(|message| message.id == id && message.webhook == webhook && !message.deleted)
            .filter(|message| message.body["channel_id"] == thread.unwrap_or(channel))
            .ok_or_else(|| Answer::error(404, 10008, "Unknown Message"))
    }

    /// Returns whether an hour has passed since this message was posted.
    pub(super) fn is_old(&self, id: &str) -> bool {
        self.messages.iter().any(|message| message.id == id && message.old)
    }

    pub(super) fn note(&mut self, deed: Deed, id: &str) {
        self.journal.push((deed, id.to_owned()));
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(super) fn journal(&self) -> &[(Deed, String)] {
        &self.journal
    }

    fn next_id(&mut self) -> String {
        let from_clock = (jiff::Timestamp::now().as_millisecond() - EPOCH_MS) << 22;
        self.last_id = from_clock.max(self.last_id + 1);
        self.last_id.to_string()
    }
}
