use super::*;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{ALLOW, AUTHORIZATION, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http_body_util::BodyExt;
use hyper::body::Frame;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::upstream::UpstreamKind;

/// A gate before a gateway that says what it is told to say, and remembers what it was sent.
struct Scene {
    gate: Gate,
    registry: Registry,
    gateway: UnboundedReceiver<(request::Parts, Bytes)>,
    _users: tempfile::NamedTempFile,
}

/// Answers every request with `status`, `headers` and `body`.
async fn scene(status: u16, headers: &'static [(HeaderName, &'static str)], body: &'static str) -> Scene {
    let (seen, gateway) = unbounded_channel();
    let answers = Router::new().fallback(move |request: Request<Body>| async move {
        let (head, sent) = request.into_parts();
        seen.send((head, sent.collect().await.unwrap().to_bytes())).unwrap();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().extend(headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())));
        response
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, answers).await });
    before(&format!("http://{address}/pfx"), gateway)
}

fn before(upstream: &str, gateway: UnboundedReceiver<(request::Parts, Bytes)>) -> Scene {
    adjusted(upstream, gateway, |_| ())
}

fn adjusted(
    upstream: &str,
    gateway: UnboundedReceiver<(request::Parts, Bytes)>,
    adjust: impl FnOnce(&mut Config),
) -> Scene {
    let patience = Duration::from_millis(500);
    let users = tempfile::NamedTempFile::new().unwrap();
    let line = |user: &str| format!("{user}:{}\n", bcrypt::hash("secret", 4).unwrap());
    std::fs::write(&users, ["prom", "xserver"].map(line).concat()).unwrap();
    let mut registry = Registry::default();
    let metrics = Metrics::register(registry.sub_registry_with_prefix("noroshi_proxy"));
    let mut config = Config { body_limit: 1000, request_timeout: Duration::from_secs(10), ..Config::default() };
    adjust(&mut config);
    let logins = Logins::load(Some(users.path()), Duration::from_secs(60), 30, metrics.clone()).unwrap();
    let roster = Roster::load(config.allow.clone(), None).unwrap();
    let upstream = Upstream::http(upstream.parse().unwrap(), UpstreamKind::Auto, patience);
    let gate = Gate::new(&config, Arc::new(roster), Arc::new(logins), Arc::new(upstream), metrics);
    Scene { gate, registry, gateway, _users: users }
}

fn visitor(client: &str) -> Visitor {
    Visitor { client: client.parse().unwrap(), forwards: false, certificate_user: None }
}

impl Scene {
    async fn send(&self, request: request::Builder, body: impl Into<Body>) -> (StatusCode, HeaderMap, String) {
        self.send_from(&visitor("127.0.0.1"), request, body).await
    }

    async fn send_from(
        &self,
        visitor: &Visitor,
        request: request::Builder,
        body: impl Into<Body>,
    ) -> (StatusCode, HeaderMap, String) {
        let request = request.body(body.into()).unwrap();
        let (head, body) = self.gate.answer(visitor, request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn nothing_was_passed_on(&mut self) -> bool {
        self.gateway.try_recv().is_err()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

/// A good PUT, but for what a test adds to it.
fn push(path: &str) -> request::Builder {
    Request::put(path).header(HOST, "gate").header(AUTHORIZATION, basic("prom:secret"))
}

/// A body in pieces, without an announced length.
struct Pieces {
    frames: VecDeque<io::Result<Bytes>>,
    end: End,
}

#[derive(PartialEq)]
enum End {
    Proper,
    Never,
}

fn pieces(frames: impl Into<VecDeque<io::Result<Bytes>>>, end: End) -> Body {
    Body::new(Pieces { frames: frames.into(), end })
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.frames.pop_front() {
            None if self.end == End::Never => Poll::Pending,
            frame => Poll::Ready(frame.map(|data| data.map(Frame::data))),
        }
    }
}

#[tokio::test]
async fn a_good_push_goes_through_with_nothing_but_what_the_gateway_needs() {
    let mut scene = scene(202, &[(CONTENT_TYPE, "text/plain"), (LOCATION, "/secret")], "fine\n").await;
    let request = push("/metrics/job/a%2fb/c/x@base64/L3Zhcg=?query=1")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-forwarded-for", "10.0.0.1")
        .header("cookie", "a=b");

    let (status, headers, body) = scene.send(request, "m 1\n").await;

    assert_eq!((status.as_u16(), body.as_str()), (202, "fine\n"));
    assert_eq!((headers[CONTENT_TYPE].to_str().unwrap(), headers.get(LOCATION)), ("text/plain", None));
    let (head, sent) = scene.gateway.recv().await.unwrap();
    assert_eq!((head.method, head.uri.to_string()), (Method::PUT, "/pfx/metrics/job/a%2fb/c/x@base64/L3Zhcg=".into()));
    assert_eq!(head.headers[CONTENT_TYPE], exposition::CONTENT_TYPE);
    assert_eq!(sent, "m 1\n");
    let mut names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "host"]);
    assert_eq!(head.headers["content-length"], "4");
    assert!(scene.metrics().contains(r#"noroshi_proxy_requests_total{method="put",code="202"} 1"#));
    assert!(scene.metrics().contains("noroshi_proxy_body_bytes_total 4"));
}

#[tokio::test]
async fn the_gateways_reason_for_a_refusal_comes_back_unchanged() {
    let scene = scene(400, &[], "gathered metric family go_goroutines has type UNTYPED but should have GAUGE\n").await;
    let (status, _, body) = scene.send(push("/metrics/job/a"), "go_goroutines 1\n").await;
    assert_eq!(
        (status.as_u16(), &*body),
        (400, "gathered metric family go_goroutines has type UNTYPED but should have GAUGE\n")
    );
}

#[tokio::test]
async fn a_body_that_is_no_metrics_never_reaches_the_gateway() {
    let mut scene = scene(200, &[], "").await;
    let (status, _, body) = scene.send(push("/metrics/job/a"), "ok 1\nm x\n").await;
    assert_eq!(
        (status.as_u16(), &*body),
        (400, "text format parsing error in line 2: expected float as value, got \"x\"\n")
    );
    let (status, headers, _) = scene.send(push("/metrics/job/a").header(CONTENT_ENCODING, "br"), "m 1\n").await;
    assert_eq!((status.as_u16(), headers[ACCEPT_ENCODING].to_str().unwrap()), (415, "gzip, snappy, zstd"));
    assert!(scene.metrics().contains(r#"noroshi_proxy_refused_total{reason="body"} 2"#));
    assert!(scene.nothing_was_passed_on());
}

#[tokio::test]
async fn a_packed_body_goes_on_unpacked_and_is_held_to_the_limit_then_too() {
    use std::io::Write;
    let pack = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let mut scene = scene(200, &[], "").await;
    let request = || push("/metrics/job/a").header(CONTENT_ENCODING, "gzip");
    assert_eq!(scene.send(request(), pack(&format!("#{}\n", "x".repeat(5000)))).await.0, 413);
    assert_eq!(scene.send(request(), pack("m 1\n")).await.0, 200);
    let (head, body) = scene.gateway.recv().await.unwrap();
    assert_eq!((head.headers.get(CONTENT_ENCODING), &body[..]), (None, &b"m 1\n"[..]));
}

#[tokio::test]
async fn a_removal_needs_no_body_and_takes_none_along() {
    let mut scene = scene(202, &[], "").await;
    assert_eq!(scene.send(push("/metrics/job/a").method("DELETE"), "no metrics at all").await.0, 202);
    let (head, body) = scene.gateway.recv().await.unwrap();
    assert_eq!((head.method, body), (Method::DELETE, Bytes::new()));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_refused_before_its_password_is_looked_at() {
    let mut scene = scene(200, &[], "").await;
    for peer in ["203.0.113.7", "2001:db8::1"] {
        for request in [push("/metrics/job/a"), Request::put("/metrics/job/a").header("x-forwarded-for", "127.0.0.1")] {
            let (status, _, body) = scene.send_from(&visitor(peer), request, "m 1\n").await;
            assert_eq!(status, 403);
            assert_eq!(body, format!("{peer} is not on this gate's allowlist (proxy.allow, or --allow)\n"));
        }
    }
    assert!(scene.nothing_was_passed_on());
    assert!(scene.metrics().contains(r#"noroshi_proxy_refused_total{reason="address"} 4"#));
}

#[tokio::test]
async fn what_a_proxy_of_ours_says_of_the_address_counts_and_what_another_says_does_not() {
    let proxies = |config: &mut Config| config.trusted_proxies = ["10.0.0.1".parse().unwrap()].into_iter().collect();
    let scene = adjusted("http://127.0.0.1:1", unbounded_channel().1, proxies);
    let proxy = Visitor { forwards: true, ..visitor("10.0.0.1") };
    let from = |address: &str| push("/metrics/job/a").header("x-forwarded-for", address);
    for (forwarded, expected) in [("127.0.0.1", 502), ("127.0.0.1, 203.0.113.7", 403), ("nonsense", 400)] {
        assert_eq!(scene.send_from(&proxy, from(forwarded), "m 1\n").await.0, expected, "{forwarded}");
    }
    assert_eq!(scene.send_from(&proxy, push("/metrics/job/a"), "m 1\n").await.0, 403, "the proxy itself may not push");
    assert_eq!(scene.send_from(&visitor("203.0.113.7"), from("127.0.0.1"), "m 1\n").await.0, 403);
}

fn scoped(config: &mut Config) {
    let users = "proxy:\n  users: {xserver: {job: bot, instance: xserver}, prom: {}}\n";
    config.users = ::config::section::parse::<Config>("proxy", users, "f").unwrap().users;
}

#[tokio::test]
async fn a_user_with_a_scope_writes_its_own_groups_alone() {
    let scene = adjusted("http://127.0.0.1:1", unbounded_channel().1, scoped);
    let as_xserver =
        |path: &str| Request::put(path).header(HOST, "gate").header(AUTHORIZATION, basic("xserver:secret"));
    let (status, _, body) = scene.send(as_xserver("/metrics/job/bot/instance/oci"), "m 1\n").await;
    assert_eq!(
        (status.as_u16(), &*body),
        (403, "user `xserver` may only push with instance=xserver, job=bot in the path (proxy.users)\n")
    );
    assert_eq!(scene.send(as_xserver("/metrics/job/bot/instance/oci").method("DELETE"), "").await.0, 403);
    assert_eq!(scene.send(as_xserver("/metrics/job/bot/instance/xserver"), "m 1\n").await.0, 502, "let through");
    assert!(
        scene.metrics().contains(r#"noroshi_proxy_pushes_total{user="xserver",code="403"} 2"#),
        "{}",
        scene.metrics()
    );
}

#[tokio::test]
async fn a_user_cannot_give_anothers_metric_another_type() {
    let (seen, gateway) = unbounded_channel();
    let store = Router::new().fallback(move |request: Request<Body>| async move {
        let (head, sent) = request.into_parts();
        seen.send((head, sent.collect().await.unwrap().to_bytes())).unwrap();
    });
    let mut scene = adjusted("http://127.0.0.1:1", gateway, scoped);
    scene.gate.upstream = Arc::new(Upstream::embedded(store, Duration::from_secs(5)));
    let own = Request::put("/metrics/job/bot/instance/xserver")
        .header(HOST, "gate")
        .header(AUTHORIZATION, basic("xserver:secret"));

    assert_eq!(scene.send(push("/metrics/job/a"), "# TYPE requests counter\nrequests 1\n").await.0, 200);
    let (status, _, body) = scene.send(own, "# TYPE requests gauge\nrequests 1\n").await;

    assert_eq!(status, 400);
    assert_eq!(body, "the metric `requests` is a counter to other users of this gate, and cannot be pushed as gauge\n");
    scene.gateway.recv().await.unwrap();
    assert!(scene.nothing_was_passed_on());
}

#[tokio::test]
async fn a_certificate_names_its_bearer_and_lets_nobody_log_in_as_somebody_else() {
    let scene = before("http://127.0.0.1:1", unbounded_channel().1);
    let bearer = Visitor { certificate_user: Some("xserver".into()), ..visitor("127.0.0.1") };
    let bare = || Request::put("/metrics/job/a").header(HOST, "gate");
    let with = |login: &str| bare().header(AUTHORIZATION, basic(login));
    for (request, expected) in
        [(bare(), 502), (with("xserver:secret"), 502), (with("prom:secret"), 403), (with("xserver:wrong"), 401)]
    {
        assert_eq!(scene.send_from(&bearer, request, "m 1\n").await.0, expected);
    }
    assert!(scene.metrics().contains(r#"noroshi_proxy_pushes_total{user="xserver",code="502"} 2"#));
}

#[tokio::test]
async fn who_is_not_logged_in_learns_nothing_about_paths() {
    let mut scene = scene(200, &[], "").await;
    for path in ["/metrics/job/a", "/metrics", "/api/v1/status", "/metrics/job/a/../b"] {
        for login in [None, Some(basic("prom:wrong")), Some(basic("nobody:secret"))] {
            let mut request = Request::put(path).header(HOST, "gate");
            if let Some(login) = login {
                request = request.header(AUTHORIZATION, login);
            }
            let (status, headers, _) = scene.send(request, "m 1\n").await;
            assert_eq!(
                (status.as_u16(), headers[WWW_AUTHENTICATE].to_str().unwrap()),
                (401, r#"Basic realm="noroshi""#)
            );
        }
    }
    let (status, ..) = scene.send(push("/metrics/job/a").header(AUTHORIZATION, basic("prom:secret")), "").await;
    assert_eq!(status, 400, "two Authorization headers");
    assert!(scene.nothing_was_passed_on());
}

#[tokio::test]
async fn only_writing_and_removing_groups_is_served() {
    let mut scene = scene(200, &[], "").await;
    for path in ["/", "/metrics", "/api/v1/status", "/-/quit", "/metrics/../api/v1/admin/wipe", "//metrics/job/a"] {
        assert_eq!(scene.send(push(path), "").await.0, 404, "{path}");
    }
    for method in ["GET", "HEAD", "PATCH", "OPTIONS", "TRACE", "put"] {
        let (status, headers, _) = scene.send(push("/metrics/job/a").method(method), "").await;
        assert_eq!((status.as_u16(), headers[ALLOW].to_str().unwrap()), (405, "DELETE, POST, PUT"), "{method}");
    }
    for path in ["/metrics/job/a/..%2fb", "/metrics/job/a//b", "/metrics/job/%00", "/metrics/job@base64/a$b"] {
        assert_eq!(scene.send(push(path), "").await.0, 400, "{path}");
    }
    assert_eq!(scene.send(push(&format!("/metrics/job/{}", "a".repeat(9000))), "").await.0, 414);
    assert!(scene.nothing_was_passed_on());
}

#[tokio::test]
async fn a_body_that_is_too_large_or_breaks_off_is_never_passed_on() {
    let mut scene = scene(200, &[], "").await;
    let chunked = pieces([Ok(vec![b'#'; 600].into()), Ok(vec![b'#'; 401].into())], End::Proper);
    // It breaks off after a line end, where half of it looks like a whole one.
    let broken = pieces([Ok("m 1\n".into()), Err(ErrorKind::UnexpectedEof.into())], End::Proper);

    assert_eq!(scene.send(push("/metrics/job/a"), vec![b'#'; 1001]).await.0, 413);
    assert_eq!(scene.send(push("/metrics/job/a"), chunked).await.0, 413);
    let (status, _, body) = scene.send(push("/metrics/job/a"), broken).await;
    assert_eq!(status, 400);
    assert!(body.ends_with("nothing of it was passed on: the connection was closed before its end\n"), "{body}");
    assert!(scene.nothing_was_passed_on());
    assert_eq!(scene.send(push("/metrics/job/a"), [&[b'#'; 999][..], b"\n"].concat()).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_ends_with_the_time_of_its_request() {
    let mut scene = before("http://127.0.0.1:1", unbounded_channel().1);
    let (status, headers, _) = scene.send(push("/metrics/job/a"), pieces([Ok("m 1\n".into())], End::Never)).await;
    assert_eq!((status.as_u16(), headers["connection"].to_str().unwrap()), (408, "close"));
    assert!(scene.nothing_was_passed_on());
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused() {
    let mut scene = scene(200, &[], "").await;
    let chunked = (TRANSFER_ENCODING, "gzip, chunked");
    for (request, expected) in [
        (push("/metrics/job/a").header(HOST, "other"), 400),
        (Request::put("/metrics/job/a").header(AUTHORIZATION, basic("prom:secret")), 400),
        (Request::put("/metrics/job/a").header(AUTHORIZATION, basic("prom:secret")).header(HOST, "a b"), 400),
        (push("/metrics/job/a").header(CONTENT_TYPE, "a").header(CONTENT_TYPE, "b"), 400),
        (push("/metrics/job/a").header(CONTENT_ENCODING, "gzip").header(CONTENT_ENCODING, "gzip"), 400),
        (push("/metrics/job/a").header(chunked.0, chunked.1), 501),
        (push("/metrics/job/a").header("x-a", "a".repeat(33_000)), 431),
        (push("/metrics/job/a").header(CONTENT_ENCODING, "gzip, gzip"), 415),
    ] {
        assert_eq!(scene.send(request, "m 1\n").await.0, expected);
    }
    assert!(scene.nothing_was_passed_on());
}

#[tokio::test]
async fn a_gateway_that_is_down_is_a_502_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let scene = before(&upstream, unbounded_channel().1);
    let (status, _, body) = scene.send(push("/metrics/job/a"), "m 1\n").await;
    assert_eq!(status, 502);
    assert!(body.starts_with(&format!("the Pushgateway at {upstream} cannot be reached: ")), "{body}");
    assert!(body.ends_with(" reached: tcp connect error: Connection refused (os error 111)\n"), "{body}");
    assert!(scene.metrics().contains(r#"noroshi_proxy_refused_total{reason="upstream_unreachable"} 1"#));
    assert!(scene.metrics().contains("noroshi_proxy_body_bytes_total 0"));
}

#[tokio::test]
async fn a_gateway_that_says_nothing_is_a_503_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scene = before(&format!("http://{}", listener.local_addr().unwrap()), unbounded_channel().1);
    // Connected by the kernel, answered by nobody.
    let (status, headers, body) = scene.send(push("/metrics/job/a"), "m 1\n").await;
    assert_eq!((status.as_u16(), headers[RETRY_AFTER].to_str().unwrap()), (503, "5"), "{body}");
}

#[tokio::test]
async fn an_answer_that_is_none_to_a_push_is_a_502() {
    for (status, words) in
        [(301, "sends pushes elsewhere"), (307, "elsewhere"), (401, "asks the gate itself for a login")]
    {
        let scene = scene(status, &[(LOCATION, "/metrics/job")], "moved").await;
        let (answered, headers, body) = scene.send(push("/metrics/job/a"), "m 1\n").await;
        assert_eq!((answered.as_u16(), headers.get(LOCATION)), (502, None));
        assert!(body.contains(words) && !body.contains("moved"), "{body}");
    }
}
