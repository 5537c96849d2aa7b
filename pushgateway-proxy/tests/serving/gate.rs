//! The gate between a host and a gateway, both played by the test.

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
use daemon::lifecycle::Condition;
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
pub struct Gate {
    pub directory: tempfile::TempDir,
    pub address: SocketAddr,
    pub bodies: UnboundedReceiver<Bytes>,
    /// The gateway answers only after this, when a test holds it back.
    pub go_on: Arc<Notify>,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Gate {
    pub async fn start(adjust: impl FnOnce(&mut Config)) -> Self {
        let go_on = Arc::new(Notify::new());
        let (seen, bodies) = unbounded_channel();
        let wait = Arc::clone(&go_on);
        let gateway = Router::new().fallback(async move |body: Bytes| {
            // A look whether it is there has no body, nor has a removal; no test needs to see either.
            if !body.is_empty() {
                seen.send(body.clone()).unwrap();
            }
            if body.starts_with(b"wait") || body.starts_with(b"# wait") {
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
            idle_timeout: LONG,
            request_timeout: LONG,
            ..Config::default()
        };
        adjust(&mut config);
        let proxy = Proxy::build(config, &mut Registry::default(), Condition::default()).await.unwrap();
        let address = proxy.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(proxy.run(stop.clone()));
        Self { directory, address, bodies, go_on, stop, running }
    }

    pub async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect_trusting(&self.directory.path().join("tls/ca.pem")).await
    }

    pub async fn connect_trusting(&self, ca: &Path) -> io::Result<TlsStream<TcpStream>> {
        self.shake_hands(TcpStream::connect(self.address).await?, ca).await
    }

    pub async fn shake_hands(&self, tcp: TcpStream, ca: &Path) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots(ca))
            .with_no_client_auth();
        connector(config, tcp).await
    }

    pub fn roots(&self, ca: &Path) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        roots
    }

    /// Sends what a host sends, and returns all that comes back.
    pub async fn exchange(&self, request: &str) -> String {
        let mut host = self.connect().await.unwrap();
        host.write_all(request.as_bytes()).await.unwrap();
        read_all(&mut host).await
    }

    pub async fn stops(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.running.await.unwrap()
    }
}

pub async fn connector(config: ClientConfig, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

pub async fn read_all(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

pub fn head(length: usize) -> String {
    let login = STANDARD.encode("prom:secret");
    format!(
        "PUT /metrics/job/a HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nAuthorization: Basic {login}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

pub fn push(body: &str) -> String {
    format!("{}{body}", head(body.len()))
}
