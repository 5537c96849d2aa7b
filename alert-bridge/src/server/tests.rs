//! What is answered to whom.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use axum::Json;
use axum::http::Method;
use jiff::tz::TimeZone;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::receiver::discord::{Discord, Style, WebhookUrl};
use crate::receiver::terminal::{Colour, Terminal};

const SINGLE: &[u8] = include_bytes!("../../testdata/alertmanager/single-01.json");

/// What was printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Door {
    router: Router,
    registry: Registry,
    stop: CancellationToken,
}

impl Door {
    fn with(receiver: impl FnOnce(Metrics) -> Receiver, kind: &'static str, patience: Duration) -> Self {
        let mut registry = Registry::default();
        let stop = CancellationToken::new();
        let metrics = Metrics::register(registry.sub_registry_with_prefix("noroshi_bridge"), kind);
        let receiver = receiver(metrics.clone());
        let router = router(Bridge { receiver, language: Language::En, patience, metrics, stop: stop.clone() });
        Self { router, registry, stop }
    }

    /// Alerts are printed on `paper`.
    fn to_paper(paper: &Paper) -> Self {
        let terminal = Terminal::new(Box::new(paper.clone()), Colour::Off, TimeZone::UTC);
        Self::with(|_| Receiver::Terminal(terminal), "terminal", Duration::from_secs(8))
    }

    /// Alerts go to a Discord at `address`, which is asked once.
    fn to_discord(address: &str) -> Self {
        let url = WebhookUrl::parse(&SecretString::from(address)).unwrap();
        let discord = |metrics| Receiver::Discord(Box::new(Discord::new(url, Style::default(), metrics).unwrap()));
        Self::with(discord, "discord", Duration::ZERO)
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

    fn counts(&self, line: &str) -> bool {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines().any(|counted| counted == line)
    }
}

#[tokio::test]
async fn a_webhook_is_told_and_counted() {
    let paper = Paper::default();
    let door = Door::to_paper(&paper);

    assert_eq!(door.post(SINGLE).await, (StatusCode::OK, "told\n".into()));

    let printed = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(printed.starts_with("[Firing · Critical] DiskFull — web-01\n"), "{printed}");
    for line in [
        r#"noroshi_bridge_webhooks_total{outcome="accepted"} 1"#,
        r#"noroshi_bridge_alerts_total{status="firing"} 1"#,
        r#"noroshi_bridge_alerts_total{status="resolved"} 0"#,
        r#"noroshi_bridge_deliveries_total{receiver="terminal",outcome="delivered"} 1"#,
        r"noroshi_bridge_delivery_duration_seconds_count 1",
        r#"noroshi_bridge_rate_limited_total{scope="shared"} 0"#,
    ] {
        assert!(door.counts(line), "{line}");
    }
}

#[tokio::test]
async fn what_is_not_a_post_of_plain_json_is_explained() {
    let door = Door::to_paper(&Paper::default());

    let (status, said) = door.ask(Request::get("/alertmanager"), "").await;
    assert_eq!(
        (status, said.as_str()),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "only POST is answered here: Alertmanager's webhook_configs post to /alertmanager\n"
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
        (StatusCode::NOT_FOUND, "nothing is at /alerts; Alertmanager's webhooks go to POST /alertmanager\n")
    );
    assert!(door.counts(r#"noroshi_bridge_webhooks_total{outcome="rejected"} 2"#));
}

#[tokio::test]
async fn a_body_of_16_mib_is_read_and_a_longer_one_is_refused() {
    let door = Door::to_paper(&Paper::default());
    let padded = |length: usize| [SINGLE, &vec![b' '; length - SINGLE.len()]].concat();
    assert_eq!(door.post(padded(BODY_LIMIT_BYTES)).await.0, StatusCode::OK);
    let refused = (StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 16 MiB\n".to_owned());
    assert_eq!(door.post(padded(BODY_LIMIT_BYTES + 1)).await, refused);
}

#[tokio::test]
async fn while_shutting_down_alertmanager_is_asked_to_come_again() {
    let paper = Paper::default();
    let door = Door::to_paper(&paper);
    door.stop.cancel();
    let (status, said) = door.post(SINGLE).await;
    assert_eq!((status, said.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the bridge is shutting down\n"));
    assert!(paper.0.lock().unwrap().is_empty());
}

/// A Discord that answers everything with `status`, on a port of its own; what it heard comes out of the receiver.
async fn discord_saying(
    status: u16,
    body: Value,
) -> (String, tokio::sync::mpsc::UnboundedReceiver<(String, String, Value)>) {
    let (heard, hears) = tokio::sync::mpsc::unbounded_channel();
    let answer = move |uri: Uri, headers: HeaderMap, Json(payload): Json<Value>| {
        let agent = headers[header::USER_AGENT].to_str().unwrap().to_owned();
        heard.send((uri.to_string(), agent, payload)).unwrap();
        std::future::ready((StatusCode::from_u16(status).unwrap(), Json(body.clone())))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(post(answer))).await.unwrap() });
    (format!("http://{address}/api/webhooks/1/hunter2?thread_id=5"), hears)
}

#[tokio::test]
async fn a_message_reaches_discord_as_its_current_api_wants_it() {
    let (address, mut hears) = discord_saying(200, json!({"id": "9"})).await;
    assert_eq!(Door::to_discord(&address).post(SINGLE).await.0, StatusCode::OK);

    let (path, agent, payload) = hears.recv().await.unwrap();
    assert_eq!(path, "/api/v10/webhooks/1/hunter2?wait=true&thread_id=5");
    assert!(
        agent.starts_with("DiscordBot (https://") && agent.ends_with(concat!(", ", env!("CARGO_PKG_VERSION"), ")")),
        "{agent}"
    );
    assert_eq!(payload["embeds"][0]["title"], "🔴 Firing: DiskFull — web-01");
}

#[tokio::test]
async fn whatever_discord_refuses_alertmanager_is_asked_to_come_again() {
    for (status, outcome) in
        [(500, "unreachable"), (429, "rate_limited"), (404, "dead"), (401, "dead"), (403, "dead"), (400, "refused")]
    {
        let (address, _hears) = discord_saying(status, json!({"message": "m", "retry_after": 9.0})).await;
        let door = Door::to_discord(&address);

        let (answered, said) = door.post(SINGLE).await;

        assert_eq!(answered, StatusCode::SERVICE_UNAVAILABLE, "{status}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        let line = format!(r#"noroshi_bridge_deliveries_total{{receiver="discord",outcome="{outcome}"}} 1"#);
        assert!(door.counts(&line) && door.counts(r#"noroshi_bridge_webhooks_total{outcome="failed"} 1"#), "{line}");
        assert_eq!(door.counts(r#"noroshi_bridge_rate_limited_total{scope="user"} 1"#), status == 429);
    }
}

#[tokio::test]
async fn no_answer_shows_the_token() {
    // Bound and dropped: nobody listens there.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (status, said) = Door::to_discord(&format!("http://{free}/api/webhooks/1/hunter2")).post(SINGLE).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(said.contains("cannot reach Discord") && !said.contains("hunter2") && !said.contains("webhooks"), "{said}");
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
    let door = Door::to_paper(&Paper::default());
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
