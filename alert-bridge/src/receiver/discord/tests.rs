//! When a message leaves, when it is sent again, and when we stop asking.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as StdMutex};

use daemon::CancellationToken;
use prometheus_client::registry::Registry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::answer::Answer;
use super::http::NoAnswer;
use super::*;
use crate::compose::compose;
use crate::language::Language;
use crate::webhook;

/// A Discord that answers as it was told to, and notes when it was asked for what.
#[derive(Clone)]
struct Script {
    answers: Arc<StdMutex<VecDeque<Reply>>>,
    asked: Arc<StdMutex<Vec<(Instant, Payload)>>>,
    begun: Instant,
}

#[derive(Clone)]
enum Reply {
    /// A status with headers and a body.
    Says(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// Nothing, at once.
    Breaks,
    /// Nothing, ever.
    Hangs,
}

fn ok() -> Reply {
    Reply::Says(200, vec![], "{}")
}

fn says(status: u16, body: &'static str) -> Reply {
    Reply::Says(status, vec![], body)
}

impl Script {
    /// Answers as listed; the last one again and again.
    fn answering<const COUNT: usize>(replies: [Reply; COUNT]) -> Self {
        Self { answers: Arc::new(StdMutex::new(replies.into())), asked: Arc::default(), begun: Instant::now() }
    }

    /// Seconds from the start to each request, in tenths.
    fn moments(&self) -> Vec<f64> {
        let tenths = |asked: Instant| ((asked - self.begun).as_secs_f64() * 10.0).round() / 10.0;
        self.asked.lock().unwrap().iter().map(|(asked, _)| tenths(*asked)).collect()
    }

    fn payloads(&self) -> Vec<Payload> {
        self.asked.lock().unwrap().iter().map(|(_, payload)| payload.clone()).collect()
    }
}

impl Post for Script {
    async fn post(&self, payload: &Payload, by: Instant) -> Result<Answer, NoAnswer> {
        self.asked.lock().unwrap().push((Instant::now(), payload.clone()));
        let reply = {
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
        };
        match reply {
            Reply::Says(status, headers, body) => {
                let headers: HeaderMap =
                    headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
                Ok(Answer::read(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()))
            }
            Reply::Breaks => Err(NoAnswer::Late),
            Reply::Hangs => {
                tokio::time::sleep_until(by).await;
                Err(NoAnswer::Late)
            }
        }
    }
}

fn discord(script: &Script) -> Discord<Script> {
    let metrics = Metrics::register(&mut Registry::default(), "discord");
    Discord { discord: script.clone(), style: Style::default(), metrics, gate: Mutex::default() }
}

fn message() -> Message {
    let body = include_bytes!("../../../testdata/alertmanager/single-01.json");
    compose(&webhook::parse(body).unwrap(), Language::En).unwrap()
}

fn patience() -> Patience {
    Patience::new(Duration::from_secs(8), CancellationToken::new())
}

#[tokio::test(start_paused = true)]
async fn a_discord_in_trouble_is_asked_again_with_growing_pauses() {
    let script = Script::answering([says(502, "<html>"), Reply::Breaks, says(500, ""), ok()]);

    let delivered = discord(&script).deliver(&message(), &patience()).await.unwrap();

    assert_eq!(delivered, Delivered::AsComposed);
    assert_eq!(script.moments(), [0.0, 0.5, 1.5, 3.5]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_given_back_before_alertmanager_gives_up() {
    let script = Script::answering([says(503, r#"{"message":"503: Service Unavailable","code":0}"#)]);
    let begun = Instant::now();

    let error = discord(&script).deliver(&message(), &patience()).await.unwrap_err();

    assert_eq!(error.to_string(), "Discord could not be reached: 503 Service Unavailable: 503: Service Unavailable");
    assert_eq!(script.moments(), [0.0, 0.5, 1.5, 3.5, 7.5]);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_discord_that_hangs_is_left_before_alertmanager_gives_up() {
    let script = Script::answering([Reply::Hangs]);
    let begun = Instant::now();

    let error = discord(&script).deliver(&message(), &patience()).await.unwrap_err();

    assert!(matches!(error, Undelivered::Unreachable(_)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_429_is_obeyed_to_the_fraction_of_a_second() {
    let wait = Reply::Says(429, vec![("retry-after", "3"), ("x-ratelimit-scope", "shared")], r#"{"retry_after":2.35}"#);
    let script = Script::answering([wait, ok()]);

    discord(&script).deliver(&message(), &patience()).await.unwrap();

    assert_eq!(script.moments(), [0.0, 2.4]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_bucket_makes_the_next_message_wait_instead_of_being_refused() {
    let last = Reply::Says(200, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "1.25")], "{}");
    let script = Script::answering([last, ok()]);
    let discord = discord(&script);

    discord.deliver(&message(), &patience()).await.unwrap();
    discord.deliver(&message(), &patience()).await.unwrap();

    assert_eq!(script.moments(), [0.0, 1.3]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_our_patience_is_given_back_at_once_and_still_obeyed() {
    let script = Script::answering([says(429, "error code: 1015"), ok()]);
    let discord = discord(&script);
    let begun = Instant::now();

    let error = discord.deliver(&message(), &patience()).await.unwrap_err();
    assert_eq!(error.to_string(), "Discord asks to wait 61 s");
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(matches!(discord.deliver(&message(), &patience()).await, Err(Undelivered::RateLimited(_))));
    assert_eq!(begun.elapsed(), Duration::from_secs(50), "neither waited");
    tokio::time::sleep(Duration::from_secs(5)).await;
    discord.deliver(&message(), &patience()).await.unwrap();

    assert_eq!(script.moments(), [0.0, 60.1]);
}

#[tokio::test(start_paused = true)]
async fn messages_leave_one_after_the_other_and_in_order() {
    let slow = Reply::Says(200, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "3")], "{}");
    let script = Script::answering([slow]);
    let discord = discord(&script);

    let (message, patience) = (message(), patience());
    let (one, two, three, four) = tokio::join!(
        discord.deliver(&message, &patience),
        discord.deliver(&message, &patience),
        discord.deliver(&message, &patience),
        discord.deliver(&message, &patience),
    );

    assert_eq!(script.moments(), [0.0, 3.1, 6.1]);
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert!(matches!(four, Err(Undelivered::RateLimited(_) | Undelivered::Crowded)), "{four:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_webhook_is_left_alone_for_a_while() {
    let script = Script::answering([says(404, r#"{"message":"Unknown Webhook","code":10015}"#)]);
    let discord = discord(&script);

    for _ in 0..50 {
        let error = discord.deliver(&message(), &patience()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Discord does not know this webhook any more: 404 Not Found: Unknown Webhook (10015)"
        );
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    assert_eq!(script.moments(), [0.0, 300.0]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_card_goes_out_as_plain_text() {
    let script = Script::answering([says(400, r#"{"message":"Invalid Form Body","code":50035}"#), ok()]);

    let delivered = discord(&script).deliver(&message(), &patience()).await.unwrap();

    assert_eq!(delivered, Delivered::AsPlainText);
    let payloads = script.payloads();
    assert_eq!((payloads[0].embeds.len(), payloads[1].embeds.len()), (1, 0));
    assert!(payloads[1].content.contains("DiskFull — web-01"), "{}", payloads[1].content);
}

#[tokio::test(start_paused = true)]
async fn a_message_refused_in_both_forms_is_given_back() {
    let script = Script::answering([says(400, r#"{"message":"Thread is archived","code":50083}"#)]);
    let error = discord(&script).deliver(&message(), &patience()).await.unwrap_err();
    assert_eq!(error.to_string(), "Discord refused the message: 400 Bad Request: Thread is archived (50083)");
    assert_eq!(script.moments().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_all_waiting_at_once() {
    let script = Script::answering([says(503, "")]);
    let stop = CancellationToken::new();
    let patience = Patience::new(Duration::from_secs(8), stop.clone());
    let discord = discord(&script);
    let (message, begun) = (message(), Instant::now());

    let (first, second, ()) =
        tokio::join!(discord.deliver(&message, &patience), discord.deliver(&message, &patience), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        });

    assert!(matches!((first, second), (Err(Undelivered::Stopping), Err(Undelivered::Stopping))));
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}
