use super::*;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ALLOW, AUTHORIZATION, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::body::Frame;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::ServiceExt;

/// A gate before a gateway that says what it is told to say, and remembers what it was sent.
struct Scene {
    router: Router,
    registry: Registry,
    gateway: UnboundedReceiver<(http::request::Parts, Bytes)>,
    _users: tempfile::NamedTempFile,
}

/// Answers every request with `status`, `headers` and `body`.
async fn scene(status: u16, headers: &'static [(HeaderName, &'static str)], body: &'static str) -> Scene {
    let (seen, gateway) = unbounded_channel();
    let answers = Router::new().fallback(move |request: Request| async move {
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

fn before(upstream: &str, gateway: UnboundedReceiver<(http::request::Parts, Bytes)>) -> Scene {
    let patience = Duration::from_millis(500);
    let users = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&users, format!("prom:{}\n", bcrypt::hash("secret", 4).unwrap())).unwrap();
    let mut registry = Registry::default();
    let gate = Gate {
        allow: Allowlist::default(),
        logins: Arc::new(Logins::load(users.path()).unwrap()),
        upstream: Arc::new(Upstream::new(upstream.parse().unwrap(), patience)),
        metrics: Metrics::register(registry.sub_registry_with_prefix("noroshi_proxy")),
        body_limit: 1000,
        request_timeout: Duration::from_secs(10),
    };
    Scene { router: router(gate), registry, gateway, _users: users }
}

impl Scene {
    async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> (StatusCode, HeaderMap, String) {
        let mut request = request.body(body.into()).unwrap();
        if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 5))));
        }
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
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
fn push(path: &str) -> http::request::Builder {
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

impl HttpBody for Pieces {
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
    let request = push("/metrics/job/a%2fb/x@base64/L3Zhcg=?query=1")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(CONTENT_ENCODING, "gzip")
        .header("x-forwarded-for", "10.0.0.1")
        .header("cookie", "a=b");

    let (status, headers, body) = scene.send(request, "m 1\n").await;

    assert_eq!((status.as_u16(), body.as_str()), (202, "fine\n"));
    assert_eq!((headers[CONTENT_TYPE].to_str().unwrap(), headers.get(LOCATION)), ("text/plain", None));
    let (head, sent) = scene.gateway.recv().await.unwrap();
    assert_eq!((head.method, head.uri.to_string()), (Method::PUT, "/pfx/metrics/job/a%2fb/x@base64/L3Zhcg=".into()));
    assert_eq!(sent, "m 1\n");
    let mut names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-encoding", "content-length", "content-type", "host"]);
    assert_eq!(head.headers["content-length"], "4");
    assert!(scene.metrics().contains(r#"noroshi_proxy_requests_total{method="put",code="202"} 1"#));
    assert!(scene.metrics().contains("noroshi_proxy_body_bytes_total 4"));
}

#[tokio::test]
async fn the_gateways_reason_for_a_refusal_comes_back_unchanged() {
    let scene = scene(400, &[], "text format parsing error in line 1\n").await;
    let (status, _, body) = scene.send(push("/metrics/job/a"), "m x\n").await;
    assert_eq!((status.as_u16(), body.as_str()), (400, "text format parsing error in line 1\n"));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_refused_before_its_password_is_looked_at() {
    let mut scene = scene(200, &[], "").await;
    for peer in ["203.0.113.7:5", "[::ffff:203.0.113.7]:5", "[2001:db8::1]:5"] {
        let peer: SocketAddr = peer.parse().unwrap();
        for request in [push("/metrics/job/a"), Request::put("/metrics/job/a").header("x-forwarded-for", "127.0.0.1")] {
            let (status, _, body) = scene.send(request.extension(ConnectInfo(peer)), "m 1\n").await;
            assert_eq!(status, 403);
            assert_eq!(
                body,
                format!("{} is not on this gate's allowlist (proxy.allow, or --allow)\n", peer.ip().to_canonical())
            );
        }
    }
    assert!(scene.nothing_was_passed_on());
    assert!(scene.metrics().contains(r#"noroshi_proxy_refused_total{reason="address"} 6"#));
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
    assert_eq!(scene.send(push("/metrics/job/a"), vec![b'#'; 1000]).await.0, 200);
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

#[test]
fn what_is_logged_of_a_path_is_one_short_line() {
    assert_eq!(shown("/metrics/job/a\u{1b}[31m\nb"), "/metrics/job/a\\u{1b}[31m\\nb");
    assert_eq!(shown(&"a".repeat(500)).chars().count(), LOGGED_CHARS + 1);
}
