//! What people read in the end, whatever Discord does meanwhile. Time is the runtime's, so hours pass in a moment.

use std::collections::BTreeMap;
use std::sync::Mutex;

use prometheus_client::registry::Registry;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::outbox::event::Accepted;
use crate::receiver::discord::answer::Reply;
use crate::receiver::discord::http::{Call, NoAnswer, Post as Http};
use crate::receiver::discord::{Discord, Shared};
use crate::routing::Routing;
use crate::webhook::parse;

/// A Discord with limits of its own: five requests in two seconds for each method, thirty new messages in a minute.
#[derive(Default)]
struct Simulated {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: Vec<(Instant, Value)>,
    edits: usize,
    refused: usize,
    requests: usize,
    windows: BTreeMap<&'static str, Vec<Instant>>,
    outage: Option<(Instant, Instant)>,
    /// Faults for the next requests.
    script: Vec<Fault>,
}

#[derive(Clone, Copy)]
enum Fault {
    /// Keeps it, and says nothing.
    DropAfter,
    Status(u16, &'static str),
}

impl State {
    fn spend(&mut self, what: &'static str, count: usize, window: Duration) -> Result<usize, Duration> {
        let now = Instant::now();
        let spent = self.windows.entry(what).or_default();
        spent.retain(|moment| now - *moment < window);
        if spent.len() >= count {
            return Err(spent[0] + window - now);
        }
        spent.push(now);
        Ok(count - spent.len())
    }

    fn answer(&mut self, call: Call<'_>) -> Result<Reply, NoAnswer> {
        self.requests += 1;
        let reply = |status: u16, headers: &HeaderMap, body: Value| {
            Reply::read(StatusCode::from_u16(status).unwrap(), headers, body.to_string().as_bytes())
        };
        let mut headers = HeaderMap::new();
        if self.outage.is_some_and(|(from, to)| (from..to).contains(&Instant::now())) {
            return Ok(reply(503, &headers, json!({})));
        }
        let method = if let Call::Create(..) = call { "POST" } else { "PATCH" };
        let too_many = |wait: Duration| json!({"retry_after": wait.as_secs_f64()});
        match self.spend(method, 5, Duration::from_secs(2)) {
            Ok(left) => {
                let reset = self.windows[method][0] + Duration::from_secs(2) - Instant::now();
                headers.insert("x-ratelimit-remaining", HeaderValue::from(left));
                headers.insert("x-ratelimit-reset-after", reset.as_secs_f64().to_string().parse().unwrap());
            }
            Err(wait) => {
                self.refused += 1;
                return Ok(reply(429, &headers, too_many(wait)));
            }
        }
        if let Call::Create(..) = call
            && let Err(wait) = self.spend("channel", 30, Duration::from_secs(60))
        {
            self.refused += 1;
            headers.insert("x-ratelimit-scope", HeaderValue::from_static("shared"));
            return Ok(reply(429, &headers, too_many(wait)));
        }
        let fault = (!self.script.is_empty()).then(|| self.script.remove(0));
        if let Some(Fault::Status(status, body)) = fault {
            return Ok(reply(status, &headers, serde_json::from_str(body).unwrap()));
        }
        let id = match call {
            Call::Create(payload, _) => {
                self.messages.push((Instant::now(), serde_json::to_value(payload).unwrap()));
                self.messages.len() - 1
            }
            Call::Edit(id, payload) => {
                self.edits += 1;
                let id: usize = id.parse().unwrap();
                self.messages[id].1["embeds"] = serde_json::to_value(&payload.embeds).unwrap();
                id
            }
        };
        if let Some(Fault::DropAfter) = fault {
            return Err(NoAnswer::Late);
        }
        Ok(reply(200, &headers, json!({"id": id.to_string(), "channel_id": "7"})))
    }
}

impl Http for Arc<Simulated> {
    async fn call(&self, call: Call<'_>, _by: Instant) -> Result<Reply, NoAnswer> {
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.state.lock().unwrap().answer(call)
    }
}

/// An outbox with a sender to a Discord.
struct World {
    discord: Arc<Simulated>,
    outbox: Outbox,
    intake: Intake,
    clock: Clock,
    stop: CancellationToken,
    sender: JoinHandle<anyhow::Result<()>>,
    begin: Instant,
}

impl World {
    fn start() -> Self {
        Self::with(Following::default())
    }

    fn with(following: Following) -> Self {
        Self::asking(following, None)
    }

    fn asking(following: Following, source: Option<Arc<dyn Source>>) -> Self {
        let clock = Clock::of_runtime("2026-11-22T07:00:00Z".parse().unwrap());
        let metrics = Metrics::register(&mut Registry::default());
        let outbox = Outbox::in_memory().unwrap();
        let intake = Intake::new(outbox.clone(), Routing::to_all(["d"]), following, clock, metrics.clone());
        let discord = Arc::<Simulated>::default();
        let receiver = Arc::new(Discord::over(discord.clone(), Arc::new(Shared::default())));
        let post =
            Post { name: "d".to_owned(), receiver, language: Language::En, fallback_after: Duration::from_secs(600) };
        let mut sender = Sender::new(post, following, outbox.clone(), intake.clone(), clock, metrics);
        if let Some(source) = source {
            sender = sender.asking(source);
        }
        let stop = CancellationToken::new();
        let sender = tokio::spawn(sender.run(stop.clone()));
        Self { discord, outbox, intake, clock, stop, sender, begin: Instant::now() }
    }

    /// One group with one alert that began at this second.
    async fn tell(&self, number: usize, status: &str, second: i64) -> Accepted {
        self.tell_all(number, &[(number, status, second)]).await
    }

    /// One group with several alerts.
    async fn tell_all(&self, group: usize, alerts: &[(usize, &str, i64)]) -> Accepted {
        let at = |second: i64| Timestamp::from_second(1_795_330_800 + second).unwrap().to_string();
        let alerts: Vec<_> = alerts
            .iter()
            .map(|(number, status, second)| {
                let ends = if *status == "firing" { "0001-01-01T00:00:00Z".to_owned() } else { at(second + 30) };
                json!({
                    "status": status, "startsAt": at(*second), "endsAt": ends, "fingerprint": format!("{number:016x}"),
                    "labels": {"alertname": format!("Storm{group:03}"), "instance": format!("storm-{number:04}"), "severity": "warning"},
                    "annotations": {"summary": format!("storm-{number:04} is full")},
                })
            })
            .collect();
        let body = json!({"receiver": "r", "groupKey": format!("g{group}"), "externalURL": "http://am.example.com", "alerts": alerts});
        self.intake.webhook(&parse(body.to_string().as_bytes()).unwrap()).await.unwrap()
    }

    async fn pass(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    fn texts(&self) -> Vec<String> {
        let state = self.discord.state.lock().unwrap();
        state.messages.iter().map(|(_, message)| message.to_string()).collect()
    }

    /// The messages that name an alert, and whether the last of them says that it fires.
    fn named(&self, number: usize) -> usize {
        let name = format!("storm-{number:04}");
        self.texts().iter().filter(|text| text.contains(&name)).count()
    }

    fn counts(&self) -> (usize, usize, usize) {
        let state = self.discord.state.lock().unwrap();
        (state.messages.len(), state.edits, state.refused)
    }

    async fn queued(&self) -> i64 {
        self.outbox.agenda("d", self.clock.now()).await.unwrap().queued
    }

    async fn ends(self) {
        self.stop.cancel();
        self.sender.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_queue_sends_at_once() {
    let world = World::start();
    world.pass(100.0).await;
    world.tell(1, "firing", 0).await;
    world.pass(0.1).await;
    assert_eq!(world.named(1), 1);
    assert_eq!(world.queued().await, 0);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_told_in_few_messages_that_name_every_alert() {
    let world = World::start();
    for number in 0..200 {
        world.tell(number, "firing", 0).await;
        world.pass(0.05).await;
    }
    world.pass(3.0).await;
    let (messages, edits, refused) = world.counts();
    assert!((0..200).all(|number| world.named(number) == 1));
    assert!(messages <= 30 && edits == 0 && refused == 0, "{messages} messages, {edits} edits, {refused} refused");

    for number in 0..200 {
        world.tell(number, "resolved", 0).await;
        world.pass(0.05).await;
    }
    world.pass(20.0).await;
    let (after, edits, refused) = world.counts();
    assert!(after == messages && edits > 0 && refused == 0, "{after} messages, {edits} edits, {refused} refused");
    assert!(world.texts().iter().all(|text| text.contains("Resolved") && !text.contains("🟡")), "{:?}", world.texts());
    assert_eq!(world.queued().await, 0);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn two_hours_of_outage_are_told_oldest_first_and_without_a_flood() {
    let world = World::start();
    let hours = Duration::from_secs(7_200);
    world.discord.state.lock().unwrap().outage = Some((world.begin, world.begin + hours));
    for number in 0..5_000 {
        world.tell(number, "firing", 0).await;
        world.pass(1.4).await;
    }
    world.pass(hours.as_secs_f64() - world.begin.elapsed().as_secs_f64()).await;
    assert_eq!(world.counts().0, 0);
    let asked = world.discord.state.lock().unwrap().requests;
    assert!(asked < 300, "Discord was asked {asked} times while it was away");

    world.pass(120.0).await;

    let (messages, _, refused) = world.counts();
    let texts = world.texts();
    let places: Vec<Option<usize>> =
        (0..5_000).map(|number| texts.iter().position(|text| text.contains(&format!("storm-{number:04}")))).collect();
    assert!(places.iter().all(Option::is_some), "every alert is named");
    assert!(places.is_sorted(), "oldest first");
    assert!(messages <= 30 && refused == 0, "{messages} messages, {refused} refused");
    assert_eq!(world.queued().await, 0);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_and_went_while_nobody_could_be_told_is_told_as_over() {
    let world = World::start();
    world.discord.state.lock().unwrap().outage = Some((world.begin, world.begin + Duration::from_secs(600)));
    world.tell(1, "firing", 0).await;
    world.pass(300.0).await;
    world.tell(1, "resolved", 0).await;
    world.pass(400.0).await;
    assert_eq!(world.counts().0, 1);
    assert!(world.texts()[0].contains("Resolved"), "{}", world.texts()[0]);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_recognised_and_a_reminder_is_told() {
    let world = World::start();
    world.tell(1, "firing", 0).await;
    world.pass(1.0).await;
    assert_eq!(world.tell(1, "firing", 0).await, Accepted::Duplicate);
    world.pass(14_400.0).await;
    assert!(matches!(world.tell(1, "firing", 0).await, Accepted::Kept(_)));
    world.pass(1.0).await;
    assert_eq!(world.counts().0, 2);
    assert!(world.texts()[1].contains("Still firing"), "{}", world.texts()[1]);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_one_card_that_is_edited() {
    let world = World::start();
    world.tell_all(1, &[(1, "firing", 0)]).await;
    world.pass(60.0).await;
    world.tell_all(1, &[(1, "firing", 0), (2, "firing", 50)]).await;
    world.pass(5.0).await;
    assert_eq!(world.counts(), (2, 1, 0), "what joined is told beside the card");
    assert!(
        world.texts()[1].contains("Also firing") && !world.texts()[1].contains("storm-0001"),
        "{}",
        world.texts()[1]
    );
    world.tell_all(1, &[(1, "resolved", 0), (2, "resolved", 50)]).await;
    world.pass(5.0).await;
    assert_eq!(world.counts(), (2, 2, 0));
    assert!(world.texts()[0].contains("2 resolved") && world.texts()[0].contains("after 30 s"), "{}", world.texts()[0]);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_somebody_deleted_is_told_anew() {
    let world = World::start();
    world.tell_all(1, &[(1, "firing", 0)]).await;
    world.pass(60.0).await;
    world.discord.state.lock().unwrap().script = vec![Fault::Status(404, r#"{"code": 10008}"#)];
    world.tell(1, "resolved", 0).await;
    world.pass(5.0).await;
    assert_eq!(world.counts().0, 2);
    assert!(world.texts()[1].contains("Resolved"), "{}", world.texts()[1]);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_card_too_old_to_be_edited_is_told_beside_it_and_edited_later() {
    let world = World::start();
    world.tell(1, "firing", 0).await;
    world.pass(7_200.0).await;
    world.discord.state.lock().unwrap().script = vec![Fault::Status(429, r#"{"code": 30046, "retry_after": 20}"#)];
    world.tell(1, "resolved", 0).await;
    world.pass(5.0).await;
    assert_eq!(world.counts(), (2, 0, 0));
    assert!(world.texts()[1].contains("Resolved") && world.texts()[1].contains("4096"), "{}", world.texts()[1]);
    world.pass(30.0).await;
    assert_eq!(world.counts(), (2, 1, 0));
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_webhook_is_asked_once_and_keeps_what_waits() {
    let world = World::start();
    world.discord.state.lock().unwrap().script = vec![Fault::Status(404, r#"{"code": 10015}"#)];
    for number in 0..20 {
        world.tell(number, "firing", 0).await;
        world.pass(60.0).await;
    }
    assert_eq!(world.discord.state.lock().unwrap().requests, 1);
    assert_eq!(world.queued().await, 20);
    world.outbox.revive("d").await.unwrap();
    world.pass(10.0).await;
    assert!((0..20).all(|number| world.named(number) == 1));
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_costs_one_message_at_most() {
    let world = World::start();
    world.discord.state.lock().unwrap().script = vec![Fault::DropAfter];
    world.tell(1, "firing", 0).await;
    world.pass(5.0).await;
    assert_eq!(world.counts().0, 2);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn one_message_that_is_always_refused_does_not_hold_up_the_others() {
    let world = World::start();
    let no = Fault::Status(400, r#"{"code": 50035}"#);
    world.discord.state.lock().unwrap().outage = Some((world.begin, world.begin + Duration::from_secs(5)));
    world.tell(1, "firing", 0).await;
    world.tell(2, "firing", 0).await;
    world.pass(1.0).await;
    // Both together, then the first alone in both forms.
    world.discord.state.lock().unwrap().script = vec![no, no, no];
    world.pass(60.0).await;
    assert_eq!((world.named(1), world.named(2)), (0, 1));
    world.pass(300.0).await;
    assert_eq!((world.named(1), world.named(2)), (1, 1));
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_recovery_is_told_without_a_sound_if_that_is_wanted() {
    let world = World::with(Following { calm_notice: true, ..Following::default() });
    world.tell(1, "firing", 0).await;
    world.pass(60.0).await;
    world.tell(1, "resolved", 0).await;
    world.pass(5.0).await;
    assert_eq!(world.counts(), (2, 1, 0));
    assert!(
        world.texts()[1].contains("Resolved") && world.texts()[1].contains("\"flags\":4096"),
        "{}",
        world.texts()[1]
    );
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_flaps_is_one_message_and_one_that_stays_is_told_again() {
    let world = World::start();
    for round in 0..5 {
        world.tell(1, "firing", 120 * round).await;
        world.pass(60.0).await;
        world.tell(1, "resolved", 120 * round).await;
        world.pass(60.0).await;
    }
    assert_eq!(world.counts().0, 1);
    assert!(world.texts()[0].contains("flapped 4×"), "{}", world.texts()[0]);
    world.tell(1, "firing", 700).await;
    world.pass(180.0).await;
    assert_eq!(world.counts().0, 2);
    assert!(world.texts()[1].contains("Also firing"), "{}", world.texts()[1]);
    world.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_silenced_and_is_never_told_again_is_closed_by_age() {
    let world = World::start();
    world.tell_all(1, &[(1, "firing", 0), (2, "firing", 0)]).await;
    world.pass(60.0).await;
    // The second one is silenced: its group is told without it.
    world.tell_all(1, &[(1, "resolved", 0)]).await;
    world.pass(600.0).await;
    assert!(world.texts()[0].contains("Firing"), "{}", world.texts()[0]);
    world.pass(600.0).await;
    assert!(
        world.texts()[0].contains("No longer reported") && !world.texts()[0].contains("Firing"),
        "{}",
        world.texts()[0]
    );

    // A whole group that is silenced is not told at all.
    world.tell(3, "firing", 0).await;
    world.pass(80_000.0).await;
    assert!(world.texts()[1].contains("Firing"), "{}", world.texts()[1]);
    world.pass(10_000.0).await;
    assert!(world.texts()[1].contains("No longer reported"), "{}", world.texts()[1]);
    assert_eq!(world.counts().0, 2, "and nobody is woken for it");
    world.ends().await;
}

/// An Alertmanager that says what fires.
struct Known(Mutex<std::collections::BTreeSet<String>>);

impl Source for Known {
    fn firing(
        &self,
    ) -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<std::collections::BTreeSet<String>>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(self.0.lock().unwrap().clone())))
    }
}

#[tokio::test(start_paused = true)]
async fn where_alertmanager_can_be_asked_a_card_is_closed_when_it_knows_no_such_alert() {
    let known = Arc::new(Known(Mutex::new([format!("{:016x}", 1)].into())));
    let world = World::asking(Following::default(), Some(known.clone()));
    world.tell(1, "firing", 0).await;
    world.pass(100_000.0).await;
    assert!(world.texts()[0].contains("Firing"), "it still fires, silenced or not: {}", world.texts()[0]);
    known.0.lock().unwrap().clear();
    world.pass(120.0).await;
    assert!(world.texts()[0].contains("No longer reported"), "{}", world.texts()[0]);
    world.ends().await;
}
