//! What is answered to whom.

use std::path::{Path, PathBuf};

use axum::http::Method;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use tower::ServiceExt;

use super::*;
use crate::clock::Clock;
use crate::incident::Following;
use crate::outbox::Outbox;
use crate::routing::Routing;
use crate::watchdog;

const SINGLE: &[u8] = include_bytes!("../../testdata/alertmanager/single-01.json");

struct Door {
    router: Router,
    registry: Registry,
    outbox: Outbox,
    stop: CancellationToken,
}

impl Door {
    /// A door into an outbox in memory, with one receiver whom nobody tells.
    fn open() -> Self {
        Self::into(Outbox::in_memory().unwrap())
    }

    fn into(outbox: Outbox) -> Self {
        let mut registry = Registry::default();
        let stop = CancellationToken::new();
        let metrics = Metrics::register(registry.sub_registry_with_prefix("noroshi_bridge"));
        let routing = Routing::to_all(["people"]);
        let intake = Intake::new(outbox.clone(), routing, Following::default(), Clock::System, metrics.clone());
        let watchdog = Watchdog::new(
            watchdog::Config::default(),
            watchdog::Memory::default(),
            intake.clone(),
            outbox.clone(),
            Clock::System,
            metrics.clone(),
        );
        let router = router(Bridge::new(intake, watchdog, metrics, stop.clone()));
        Self { router, registry, outbox, stop }
    }

    async fn ask(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> (StatusCode, String) {
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn post(&self, body: impl Into<Body>) -> (StatusCode, String) {
        self.ask(Request::post("/alertmanager"), body).await
    }

    async fn waiting(&self) -> usize {
        self.outbox.waiting("people", 10_000, usize::MAX).await.unwrap().len()
    }

    fn counts(&self, line: &str) -> bool {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines().any(|counted| counted == line)
    }
}

#[tokio::test]
async fn a_webhook_is_kept_and_counted_and_its_retry_is_dropped() {
    let door = Door::open();

    assert_eq!(door.post(SINGLE).await, (StatusCode::OK, "accepted\n".into()));
    assert_eq!(door.post(SINGLE).await, (StatusCode::OK, "the same was accepted a moment before\n".into()));

    assert_eq!(door.waiting().await, 1);
    for line in [
        r#"noroshi_bridge_webhooks_total{outcome="accepted"} 1"#,
        r#"noroshi_bridge_webhooks_total{outcome="duplicate"} 1"#,
        r#"noroshi_bridge_alerts_total{status="firing"} 1"#,
        r#"noroshi_bridge_alerts_total{status="resolved"} 0"#,
        r"noroshi_bridge_commit_duration_seconds_count 2",
        r#"noroshi_bridge_rate_limited_total{scope="shared"} 0"#,
    ] {
        assert!(door.counts(line), "{line}");
    }
}

#[tokio::test]
async fn the_alert_that_always_fires_is_noted_and_told_to_nobody() {
    let door = Door::open();
    let alert = |name: &str| {
        format!(r#"{{"status":"firing","labels":{{"alertname":"{name}"}},"startsAt":"2026-11-22T07:14:23Z"}}"#)
    };
    let body = |alerts: &[String]| format!(r#"{{"receiver":"r","groupKey":"k","alerts":[{}]}}"#, alerts.join(","));
    assert_eq!(door.post(body(&[alert("Watchdog")])).await, (StatusCode::OK, "a sign of life\n".to_owned()));
    assert_eq!(door.waiting().await, 0);
    assert!(door.counts(r#"noroshi_bridge_webhooks_total{outcome="alive"} 1"#));

    // In one group with others, because somebody has no route of its own for it.
    assert_eq!(door.post(body(&[alert("Watchdog"), alert("HostDown")])).await.0, StatusCode::OK);
    let waiting = door.outbox.waiting("people", 10, usize::MAX).await.unwrap();
    let [event] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert!(event.body.contains("HostDown") && !event.body.contains("Watchdog"), "{}", event.body);
    assert!(door.counts(r#"noroshi_bridge_alerts_total{status="firing"} 1"#));
}

#[tokio::test]
async fn what_the_other_of_two_alertmanagers_says_is_the_same() {
    let door = Door::open();
    let other = String::from_utf8(SINGLE.to_vec()).unwrap().replace("http://vm:23201", "http://vm-2:23201");
    assert_ne!(other.as_bytes(), SINGLE);
    door.post(SINGLE).await;
    assert_eq!(door.post(other).await.1, "the same was accepted a moment before\n");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(directory.path()).unwrap();
    // As full as a disk can be: not one page more.
    outbox.run(|connection| connection.execute_batch("PRAGMA max_page_count = 1")).await.unwrap();
    let door = Door::into(outbox);
    let long = "x".repeat(1 << 20);
    let body = String::from_utf8(SINGLE.to_vec()).unwrap().replace("Value is high", &long);

    let (status, said) = door.post(body).await;

    assert_eq!((status, said.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the disk is full\n"));
    assert!(door.counts(r#"noroshi_bridge_webhooks_total{outcome="failed"} 1"#));
    assert_eq!(door.waiting().await, 0);
}

#[tokio::test]
async fn what_is_not_a_post_of_plain_json_is_explained() {
    let door = Door::open();

    let (status, said) = door.ask(Request::get("/alertmanager"), "").await;
    assert_eq!(
        (status, said.as_str()),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "only POST is answered here: Alertmanager's webhook_configs post to /alertmanager, scripts to /notify\n"
        )
    );
    let (status, said) = door.ask(Request::post("/alertmanager").header("content-encoding", "gzip"), SINGLE).await;
    assert_eq!(
        (status, said.as_str()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "a compressed body is not understood; Alertmanager sends plain JSON\n")
    );
    let (status, said) = door.ask(Request::post("/alerts"), SINGLE).await;
    assert_eq!(
        (status, said.as_str()),
        (
            StatusCode::NOT_FOUND,
            "nothing is at /alerts; Alertmanager's webhooks go to POST /alertmanager, notes to POST /notify\n"
        )
    );
    assert!(door.counts(r#"noroshi_bridge_webhooks_total{outcome="rejected"} 2"#));
}

#[tokio::test]
async fn a_body_of_16_mib_is_read_and_a_longer_one_is_refused() {
    let door = Door::open();
    // One at a time has room for four of them; the retry of the first is dropped, but read.
    let padded = |length: usize| [SINGLE, &vec![b' '; length - SINGLE.len()]].concat();
    assert_eq!(door.post(padded(BODY_LIMIT_BYTES)).await.0, StatusCode::OK);
    let refused = (StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 16 MiB\n".to_owned());
    assert_eq!(door.post(padded(BODY_LIMIT_BYTES + 1)).await, refused);
}

#[tokio::test]
async fn while_shutting_down_alertmanager_is_asked_to_come_again() {
    let door = Door::open();
    door.stop.cancel();
    let (status, said) = door.post(SINGLE).await;
    assert_eq!((status, said.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the bridge is shutting down\n"));
    assert_eq!(door.waiting().await, 0);
}

/// One line of `testdata/hostile/index.jsonl`.
#[derive(Deserialize)]
struct Case {
    name: String,
    expect: String,
    file: Option<PathBuf>,
    recipe: Option<Recipe>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    method: Option<String>,
}

/// How to make a body that is too large to keep.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recipe {
    /// Each text so many times, one after the other.
    Parts { parts: Vec<(String, usize)> },
    /// Zeros, compressed. Nothing of it is ever read.
    Compressed {
        #[expect(dead_code, reason = "tells this recipe from the other")]
        gzip_zeros: usize,
    },
}

impl Case {
    fn body(&self, directory: &Path) -> Vec<u8> {
        match (&self.file, &self.recipe) {
            (Some(file), _) => std::fs::read(directory.join(file)).unwrap(),
            (None, Some(Recipe::Parts { parts })) => {
                parts.iter().map(|(text, times)| text.repeat(*times)).collect::<String>().into()
            }
            (None, Some(Recipe::Compressed { .. })) => vec![0x1f, 0x8b],
            (None, None) => panic!("{} has no body", self.name),
        }
    }
}

#[tokio::test]
async fn hostile_bodies_are_answered_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hostile");
    let door = Door::open();
    let index = std::fs::read_to_string(directory.join("index.jsonl")).unwrap();
    for line in index.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let method = case.method.as_deref().map_or(Method::POST, |method| method.parse().unwrap());
        let mut request = Request::builder().method(method).uri("/alertmanager");
        for (name, value) in &case.headers {
            request = request.header(name, value);
        }

        let (status, said) = door.ask(request, case.body(&directory)).await;

        let good = match case.expect.as_str() {
            "accept" => status.is_success(),
            "reject" => status.is_client_error(),
            "either" => status.is_success() || status.is_client_error(),
            other => panic!("{}: unknown expectation `{other}`", case.name),
        };
        assert!(good, "{}: {status}, expected {}: {said}", case.name, case.expect);
        assert!(said.trim_end().lines().count() == 1 && said.len() < 500, "{}: {said}", case.name);
    }
    assert_eq!(index.lines().count(), 72);
}
