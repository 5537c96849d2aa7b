//! What is asked of Discord, and what its answers mean.

use std::collections::VecDeque;
use std::sync::Mutex;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::http::NoAnswer;
use super::*;
use crate::compose::compose;
use crate::language::Language;
use crate::webhook;

/// A Discord that answers as it was told to, and notes what it was asked for.
#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Option<(u16, Value)>>>,
    asked: Mutex<Vec<(Option<String>, Value)>>,
}

impl Script {
    fn answering<const COUNT: usize>(replies: [Option<(u16, Value)>; COUNT]) -> Discord<Self> {
        let script = Self { replies: Mutex::new(replies.into()), asked: Mutex::default() };
        Discord::over(script, Arc::new(Shared::default()))
    }
}

impl Discord<Script> {
    fn asked(&self) -> Vec<(Option<String>, Value)> {
        self.discord.asked.lock().unwrap().clone()
    }
}

impl Post for Script {
    async fn call(&self, call: Call<'_>, _by: Instant) -> Result<Reply, NoAnswer> {
        let asked = match call {
            Call::Create(payload, thread) => (thread.map(str::to_owned), serde_json::to_value(payload).unwrap()),
            Call::Edit(id, payload) => (Some(id.to_owned()), serde_json::to_value(payload.as_edit()).unwrap()),
        };
        self.asked.lock().unwrap().push(asked);
        let Some((status, body)) = self.replies.lock().unwrap().pop_front().flatten() else {
            return Err(NoAnswer::Late);
        };
        Ok(Reply::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.to_string().as_bytes()))
    }
}

fn message() -> Message {
    let body = include_bytes!("../../../testdata/alertmanager/single-01.json");
    compose(&webhook::parse(body).unwrap(), Language::En).unwrap()
}

fn done(id: Option<&str>, form: Form) -> Answer {
    Answer::Done { id: id.map(str::to_owned), form }
}

#[tokio::test]
async fn a_message_is_posted_and_can_be_edited_under_its_id() {
    let discord =
        Script::answering([Some((200, json!({"id": "9", "channel_id": "7"}))), Some((200, json!({"id": "9"})))]);

    assert_eq!(Receiver::post(&discord, &[message()]).await, done(Some("9"), Form::AsComposed));
    assert_eq!(discord.edit("9", &[message()]).await, done(Some("9"), Form::AsComposed));

    let asked = discord.asked();
    assert_eq!((&asked[0].0, &asked[1].0), (&None, &Some("9".to_owned())));
    assert_eq!(asked[0].1["embeds"], asked[1].1["embeds"]);
    // What is left out of an edit would stay as it was, and the default would ping.
    assert_eq!(
        (&asked[1].1["content"], &asked[1].1["allowed_mentions"]),
        (&json!(""), &json!({"parse": [], "roles": []}))
    );
}

#[tokio::test]
async fn a_message_whose_answer_cannot_be_read_stands_but_cannot_be_edited() {
    let discord = Script::answering([Some((200, json!("<html>")))]);
    assert_eq!(Receiver::post(&discord, &[message()]).await, done(None, Form::AsComposed));
}

#[tokio::test]
async fn what_adds_to_a_post_of_a_forum_goes_into_it_and_its_end_is_not_the_end_of_the_channel() {
    let mut more = message();
    more.beside = Some("7/9".to_owned());
    let other = Message { beside: Some("8/9".to_owned()), ..message() };
    let gone = json!({"message": "Unknown Channel", "code": 10003});
    let discord = Script::answering([
        Some((200, json!({"id": "10", "channel_id": "7"}))),
        Some((404, gone.clone())),
        Some((403, json!({"message": "This thread is locked", "code": 160_005}))),
        Some((404, gone)),
    ]);

    assert_eq!(discord.fits(&[more.clone(), more.clone(), other, more.clone()]), 2);
    assert_eq!(Receiver::post(&discord, &[more.clone()]).await, done(Some("10"), Form::AsComposed));
    assert_eq!(Receiver::post(&discord, &[more]).await, Answer::Gone);
    assert_eq!(discord.edit("7/9", &[message()]).await, Answer::Gone);
    let dead = Answer::Dead("404 Not Found: Unknown Channel (10003)".into());
    assert_eq!(Receiver::post(&discord, &[message()]).await, dead);

    let asked = discord.asked();
    assert_eq!((asked[0].0.as_deref(), &asked[0].1["thread_name"]), (Some("7"), &Value::Null));
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    for (status, body, meaning) in [
        (429, json!({"retry_after": 1.0}), Answer::Wait),
        (429, json!({"retry_after": 4.0, "code": 30046}), Answer::TooOld(Duration::from_secs(4))),
        (404, json!({"message": "Unknown Message", "code": 10008}), Answer::Gone),
        (404, json!({"message": "m", "code": 10015}), Answer::Dead("404 Not Found: m (10015)".into())),
        (401, json!({"message": "m", "code": 50027}), Answer::Dead("401 Unauthorized: m (50027)".into())),
        (503, json!({}), Answer::Trouble("503 Service Unavailable".into())),
        (400, json!({"message": "m", "code": 50035}), Answer::Refused("400 Bad Request: m (50035)".into())),
    ] {
        let discord = Script::answering([Some((status, body))]);
        assert_eq!(discord.edit("9", &[message()]).await, meaning, "{status}");
    }
    let silent = Script::answering([None]);
    assert_eq!(Receiver::post(&silent, &[message()]).await, Answer::Trouble("Discord did not answer in time".into()));
}

#[tokio::test]
async fn a_refused_card_goes_out_as_plain_text() {
    let no = || Some((400, json!({"message": "Invalid Form Body", "code": 50035})));
    let discord = Script::answering([no(), Some((200, json!({"id": "9"})))]);

    assert_eq!(Receiver::post(&discord, &[message()]).await, done(Some("9"), Form::PlainText));

    let asked = discord.asked();
    assert!(asked[0].1["embeds"][0]["title"].is_string() && asked[1].1.get("embeds").is_none());
    assert!(asked[1].1["content"].as_str().unwrap().contains("DiskFull — web-01"), "{}", asked[1].1);

    let discord = Script::answering([no(), no()]);
    assert!(matches!(Receiver::post(&discord, &[message()]).await, Answer::Refused(_)));
    assert_eq!(discord.asked().len(), 2);
}

#[tokio::test]
async fn of_several_that_are_refused_together_the_sender_finds_the_one_at_fault() {
    let discord = Script::answering([Some((400, json!({})))]);
    assert!(matches!(Receiver::post(&discord, &[message(), message()]).await, Answer::Refused(_)));
    assert_eq!(discord.asked().len(), 1, "plain text has no room for all of them");
}

#[tokio::test(start_paused = true)]
async fn a_429_is_obeyed_to_the_fraction_of_a_second() {
    let discord = Script::answering([Some((429, json!({"retry_after": 2.35})))]);
    assert_eq!(Receiver::post(&discord, &[message()]).await, Answer::Wait);
    assert_eq!(discord.opens_at(Deed::Post) - Instant::now(), Duration::from_millis(2400));
}
