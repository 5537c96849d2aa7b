//! From a request to the answer: faults first, then the rules in the order in which Discord applies them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::Answer;
use super::budget::{Budgets, Limits};
use super::draft::{self, Target};
use super::fault::{Fault, Script};
use super::store::{Deed, Store};
use super::upload;

/// Discord takes files of 10 MiB.
const BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the script says to hang up")]
pub(super) struct HangUp;

/// One request as the double saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST`, `PATCH`, …
    pub method: String,
    /// The path, token included.
    pub path: String,
    /// Who says it is calling.
    pub user_agent: String,
    /// The status answered; none when the connection was closed instead.
    pub status: Option<u16>,
}

/// All state of a double.
pub(super) struct Api {
    pub(super) limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) budgets: Budgets,
    pub(super) script: Script,
    pub(super) seen: Vec<Seen>,
    /// Messages that [`super::Discord::take_message`] has handed out.
    pub(super) taken: usize,
}

impl Api {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// A test that panicked elsewhere leaves whole state behind: nothing here stops halfway.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn answer(&self, request: Request<Body>) -> Result<Response, HangUp> {
        let (head, body) = request.into_parts();
        let agent = head.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            user_agent: agent.unwrap_or_default().into_owned(),
            status: None,
        };
        let (number, fault) = {
            let mut state = self.state();
            state.seen.push(seen.clone());
            (state.seen.len() - 1, state.script.take())
        };
        // A body that does not come whole is a client that went away.
        let body = to_bytes(body, BODY_LIMIT_BYTES).await.map_err(|_| HangUp)?;
        match fault {
            Some(Fault::Drop) => return Err(HangUp),
            Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
            _ => {}
        }
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let answer = match fault.and_then(Fault::answer) {
            Some(answer) => answer,
            None => self.decide(&seen, head.uri.query().unwrap_or_default(), content_type, &body),
        };
        if fault == Some(Fault::DropAfter) {
            return Err(HangUp);
        }
        self.state().seen[number].status = Some(answer.status);
        Ok(answer.into_response())
    }

    fn decide(&self, seen: &Seen, query: &str, content_type: Option<&str>, body: &[u8]) -> Answer {
        // Cloudflare stands before the API and knows nothing of webhooks.
        if seen.user_agent.is_empty() {
            return Answer::error(403, 40333, "internal network error");
        }
        let Some(path) = Path::parse(&seen.path) else { return Answer::error(404, 0, "404: Not Found") };
        if path.version.is_some_and(|version| !(6..=10).contains(&version)) {
            return Answer::error(400, 50041, "Invalid API version");
        }
        let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut state = self.state();
        let state = &mut *state;

        let channel = match state.store.webhook(path.id, path.token) {
            Ok(webhook) => webhook.channel.clone(),
            Err(answer) => return answer,
        };
        let token = path.token.expect("a webhook is found only with its token");
        if !path.allows(&seen.method) {
            return Answer::error(405, 0, "405: Method Not Allowed");
        }
        let headers = match state.budgets.spend(&self.limits, &seen.method, (path.id, token, &channel)) {
            Ok(headers) => headers,
            Err(answer) => return answer,
        };
        if seen.method == "PATCH"
            && path.message.is_some_and(|id| state.store.is_old(id))
            && let Err(answer) = state.budgets.spend_old_edit(&self.limits, &channel)
        {
            return answer.with_headers(headers);
        }
        let call = Call { method: &seen.method, path: &path, token, channel: &channel, query: &query };
        // Refusals have used up their request like anything else.
        let (Ok(answer) | Err(answer)) = call.run(&mut state.store, content_type, body);
        answer.with_headers(headers)
    }
}

/// A request that passed the door.
struct Call<'a> {
    method: &'a str,
    path: &'a Path<'a>,
    token: &'a str,
    channel: &'a str,
    query: &'a HashMap<String, String>,
}

impl Call<'_> {
    fn run(&self, store: &mut Store, content_type: Option<&str>, body: &[u8]) -> Result<Answer, Answer> {
        let id = self.path.id;
        let thread = self.query.get("thread_id").map(String::as_str);
        let target = Target {
            webhook: id,
            channel: self.channel,
            version: self.path.version,
            thread,
            forum: store.is_forum(id),
            with_components: self.is_on("with_components"),
            files: &[],
        };
        let Some(message) = self.path.message else {
            return match self.method {
                "GET" => Ok(Answer::new(
                    200,
                    json!({
                        "id": id, "type": 1, "name": "Double", "avatar": null, "token": self.token,
                        "channel_id": self.channel, "guild_id": "1", "application_id": null,
                    }),
                )),
                "DELETE" => {
                    store.delete_webhook(id);
                    Ok(Answer::empty())
                }
                _ => {
                    let (given, files) = match content_type {
                        Some(kind) if kind.starts_with("multipart/form-data") => upload::read(kind, body)?,
                        kind => (json_body(kind, body)?, Vec::new()),
                    };
                    let (message, pings) = draft::create(&given, &Target { files: &files, ..target })?;
                    let message = store.create(id, message, pings, files);
                    Ok(if self.is_on("wait") { Answer::new(200, message.body.clone()) } else { Answer::empty() })
                }
            };
        };
        let found = store.message(id, self.channel, message, thread)?;
        match self.method {
            "GET" => Ok(Answer::new(200, found.body.clone())),
            "DELETE" => {
                found.deleted = true;
                store.note(Deed::Deleted, message);
                Ok(Answer::empty())
            }
            _ => {
                found.body = draft::edit(&found.body, &json_body(content_type, body)?, &target)?;
                found.edits += 1;
                let answer = Answer::new(200, found.body.clone());
                store.note(Deed::Edited, message);
                Ok(answer)
            }
        }
    }

    fn is_on(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }
}

/// Reads a JSON body. Forms, which Discord takes as well, are left out: nothing of ours sends them.
fn json_body(content_type: Option<&str>, body: &[u8]) -> Result<Value, Answer> {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Answer::not_a_form(
            "CONTENT_TYPE_INVALID",
            "Expected \"Content-Type\" header to be one of {'application/json'}.",
        ));
    }
    serde_json::from_slice(body).map_err(|_| Answer::error(400, 50109, "The request body contains invalid JSON."))
}

/// `/api[/vN]/webhooks/ID[/TOKEN[/messages/MESSAGE]]`
struct Path<'a> {
    version: Option<u32>,
    id: &'a str,
    token: Option<&'a str>,
    message: Option<&'a str>,
}

impl<'a> Path<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let steps: Vec<_> = path.strip_suffix('/').unwrap_or(path).strip_prefix("/api/")?.split('/').collect();
        let (version, steps) = match steps.split_first()? {
            (first, rest) if first.starts_with('v') => (Some(first[1..].parse().ok()?), rest),
            _ => (None, steps.as_slice()),
        };
        let (token, message) = match steps {
            ["webhooks", _] => (None, None),
            // Slack's and GitHub's forms of a webhook are not here.
            ["webhooks", _, "slack" | "github"] => return None,
            ["webhooks", _, token] => (Some(*token), None),
            ["webhooks", _, token, "messages", message] => (Some(*token), Some(*message)),
            _ => return None,
        };
        let is_named = |step: &&str| !step.is_empty();
        steps.iter().all(is_named).then_some(Self { version, id: steps[1], token, message })
    }

    fn allows(&self, method: &str) -> bool {
        match self.message {
            Some(_) => ["GET", "PATCH", "DELETE"].contains(&method),
            None => ["GET", "POST", "DELETE"].contains(&method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_with_and_without_a_version() {
        let path = Path::parse("/api/v10/webhooks/1/t/messages/2").unwrap();
        assert_eq!((path.version, path.id, path.token, path.message), (Some(10), "1", Some("t"), Some("2")));
        let path = Path::parse("/api/webhooks/1/t/").unwrap();
        assert_eq!((path.version, path.id, path.token, path.message), (None, "1", Some("t"), None));
        for unknown in ["/", "/api/users/@me", "/api/webhooks/1/t/slack", "/api/vx/webhooks/1/t", "/api/webhooks//t"] {
            assert!(Path::parse(unknown).is_none(), "{unknown}");
        }
    }
}
