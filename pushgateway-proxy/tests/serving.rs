//! The gate as hosts meet it: over TCP and TLS, with clients that break off, dawdle or leave.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::CancellationToken;
use prometheus_client::registry::Registry;
use pushgateway_proxy::{Config, Proxy};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const LONG: Duration = Duration::from_secs(20);

/// A gate with a certificate of its own making, before a gateway that keeps what it is sent.
struct Gate {
    directory: tempfile::TempDir,
    address: SocketAddr,
    bodies: UnboundedReceiver<Bytes>,
    /// The gateway answers only after this, when a test holds it back.
    go_on: Arc<Notify>,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Gate {
    async fn start(adjust: impl FnOnce(&mut Config)) -> Self {
        let go_on = Arc::new(Notify::new());
        let (seen, bodies) = unbounded_channel();
        let wait = Arc::clone(&go_on);
        let gateway = Router::new().fallback(async move |body: Bytes| {
            seen.send(body.clone()).unwrap();
            if body.starts_with(b"wait") {
                wait.notified().await;
            }
            "kept\n"
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, gateway).await });

        let directory = tempfile::tempdir().unwrap();
        let users = directory.path().join("users");
        std::fs::write(&users, format!("prom:{}\n", bcrypt::hash("secret", 4).unwrap())).unwrap();
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            upstream,
            self_signed: Some(directory.path().join("tls")),
            htpasswd: Some(users),
            header_timeout: LONG,
            request_timeout: LONG,
            ..Config::default()
        };
        adjust(&mut config);
        let proxy = Proxy::build(config, &mut Registry::default()).await.unwrap();
        let address = proxy.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(proxy.run(stop.clone()));
        Self { directory, address, bodies, go_on, stop, running }
    }

    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect_trusting(&self.directory.path().join("tls/ca.pem")).await
    }

    async fn connect_trusting(&self, ca: &Path) -> io::Result<TlsStream<TcpStream>> {
        self.shake_hands(TcpStream::connect(self.address).await?, ca).await
    }

    async fn shake_hands(&self, tcp: TcpStream, ca: &Path) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
    }

    /// Sends what a host sends, and returns all that comes back.
    async fn exchange(&self, request: &str) -> String {
        let mut host = self.connect().await.unwrap();
        host.write_all(request.as_bytes()).await.unwrap();
        read_all(&mut host).await
    }

    async fn stops(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.running.await.unwrap()
    }
}

async fn read_all(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn head(length: usize) -> String {
    let login = STANDARD.encode("prom:secret");
    format!(
        "PUT /metrics/job/a HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nAuthorization: Basic {login}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

fn push(body: &str) -> String {
    format!("{}{body}", head(body.len()))
}

#[tokio::test]
async fn a_host_that_pins_our_authority_pushes_and_one_that_pins_another_does_not() {
    let mut gate = Gate::start(|_| ()).await;
    let other = Gate::start(|_| ()).await;

    let answer = gate.exchange(&push("m 1\n")).await;

    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nkept\n"), "{answer}");
    assert_eq!(gate.bodies.recv().await.unwrap(), "m 1\n");
    let refused = gate.connect_trusting(&other.directory.path().join("tls/ca.pem")).await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn a_push_whose_client_breaks_off_never_reaches_the_gateway() {
    let mut gate = Gate::start(|_| ()).await;
    let chunked = push("").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    for half in
        [format!("{}m 1\n", head(100)), format!("{chunked}4\r\nm 1\n\r\n"), format!("{chunked}4\r\nm 1\n\r\nzz\r\n")]
    {
        let mut host = gate.connect().await.unwrap();
        host.write_all(half.as_bytes()).await.unwrap();
        host.shutdown().await.unwrap();
        read_all(&mut host).await;
    }

    gate.exchange(&push("whole 1\n")).await;

    assert_eq!(gate.bodies.recv().await.unwrap(), "whole 1\n", "the first that arrives is the first that was whole");
}

#[tokio::test]
async fn a_push_is_sent_to_its_end_when_its_client_has_gone_and_a_stop_waits_for_it() {
    let mut gate = Gate::start(|_| ()).await;
    let mut host = gate.connect().await.unwrap();
    host.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    assert_eq!(gate.bodies.recv().await.unwrap(), "wait 1\n");
    drop(host);
    let go_on = Arc::clone(&gate.go_on);

    let stopped = tokio::spawn(gate.stops());
    tokio::task::yield_now().await;
    assert!(!stopped.is_finished());
    go_on.notify_one();

    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_in_hand_is_answered_after_the_stop_began() {
    let mut gate = Gate::start(|_| ()).await;
    let mut host = gate.connect().await.unwrap();
    host.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    gate.bodies.recv().await.unwrap();
    let go_on = Arc::clone(&gate.go_on);
    let address = gate.address;

    let stopped = tokio::spawn(gate.stops());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();

    assert!(read_all(&mut host).await.starts_with("HTTP/1.1 200 OK\r\n"));
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_dawdles_is_told_so_and_let_go() {
    let mut gate = Gate::start(|config| config.request_timeout = Duration::from_millis(200)).await;

    let answer = gate.exchange(&format!("{}m 1\n", head(100))).await;

    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n") && answer.contains("connection: close"), "{answer}");
    assert!(gate.bodies.try_recv().is_err());
}

#[tokio::test]
async fn silence_before_during_and_between_requests_ends_the_connection() {
    let gate = Gate::start(|config| config.header_timeout = Duration::from_millis(200)).await;
    let keep_alive = push("m 1\n").replace("Connection: close\r\n", "");
    for (sent, answered) in [("", ""), ("PUT /metrics/job/a HTTP/1.1\r\nHost:", ""), (&*keep_alive, "HTTP/1.1 200 OK")]
    {
        assert!(gate.exchange(sent).await.starts_with(answered), "{sent:?}");
    }
    let mut before_tls = TcpStream::connect(gate.address).await.unwrap();
    before_tls.write_all(&[0x16, 3, 1]).await.unwrap();
    assert_eq!(read_all(&mut before_tls).await, "");
}

#[tokio::test]
async fn an_answer_arrives_while_the_client_still_sends() {
    let gate = Gate::start(|config| config.body_limit = 1000).await;
    let mut host = gate.connect().await.unwrap();
    let (mut from, mut to) = tokio::io::split(&mut host);

    let sending = async {
        let _ = to.write_all(push(&"#".repeat(4 << 20)).as_bytes()).await;
    };
    let mut answer = [0; 16];
    let (_, read) = tokio::join!(sending, from.read_exact(&mut answer));

    read.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413 Pay");
}

#[tokio::test]
async fn somebody_who_typed_http_is_told_so() {
    let gate = Gate::start(|_| ()).await;
    let mut host = TcpStream::connect(gate.address).await.unwrap();
    host.write_all(push("m 1\n").as_bytes()).await.unwrap();
    let answer = read_all(&mut host).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "this port speaks TLS; use https:// instead\n");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_stay() {
    let gate = Gate::start(|config| config.max_connections = 1).await;
    let mut first = gate.connect().await.unwrap();
    assert!(gate.connect().await.is_err());
    first.write_all(push("m 1\n").as_bytes()).await.unwrap();
    assert!(read_all(&mut first).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn strangers_are_refused_and_cannot_take_the_places_of_those_who_may_push() {
    let mut gate = Gate::start(|config| config.max_connections = 1).await;
    let ca = gate.directory.path().join("tls/ca.pem");
    let stranger = async || {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
        gate.shake_hands(socket.connect(gate.address).await.unwrap(), &ca).await
    };
    let mut first = stranger().await.unwrap();
    assert!(stranger().await.is_err(), "one place is theirs");

    assert!(gate.exchange(&push("m 1\n")).await.starts_with("HTTP/1.1 200 OK\r\n"));
    first.write_all(push("forged 1\n").as_bytes()).await.unwrap();
    assert!(read_all(&mut first).await.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    assert_eq!(gate.bodies.recv().await.unwrap(), "m 1\n");
    assert!(gate.bodies.try_recv().is_err());
}

/// Whoever stands before us might have read the length, and would take what follows the chunks for a body.
#[tokio::test]
async fn a_request_with_a_length_and_chunks_is_the_last_of_its_connection() {
    let mut gate = Gate::start(|_| ()).await;
    let first = push("").replace("Connection: close\r\n", "");
    for both in ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"] {
        let first = first.replace("Content-Length: 0", both);

        let answer = gate.exchange(&format!("{first}0\r\n\r\n{}", push("smuggled 1\n"))).await;

        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_eq!(gate.bodies.recv().await.unwrap(), "");
        assert!(gate.bodies.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_the_grace_for_a_gateway_that_says_nothing() {
    let mut gate = Gate::start(|config| config.grace = Duration::from_secs(2)).await;
    let mut host = gate.connect().await.unwrap();
    host.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    gate.bodies.recv().await.unwrap();

    let begun = std::time::Instant::now();
    gate.stops().await.unwrap();

    let lasted = begun.elapsed();
    assert!((2000..3500).contains(&lasted.as_millis()), "{lasted:?}");
}
