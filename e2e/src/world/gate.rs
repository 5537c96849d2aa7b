//! Knocks at the gate as a host does, or as no good host would: byte by byte under the test's control.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// What a test sends to the gate.
#[derive(Clone, Debug)]
pub struct Knock {
    /// `POST`, `PUT`, `DELETE`, or something else.
    pub method: &'static str,
    /// The path, sent as it stands here.
    pub path: String,
    /// Name and password.
    pub login: Option<(String, String)>,
    /// Lines of the head, beside those that are always there.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How its length is told.
    pub framing: Framing,
    /// Address to come from.
    pub from: Ipv4Addr,
}

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    /// In the head, and it is true.
    Length,
    /// In the head, and the body ends before it.
    CutOff(usize),
    /// In chunks, the last of which never comes.
    CutOffChunks,
}

impl Knock {
    /// Returns this with another body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns this with a line more in the head.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(format!("{name}: {value}\r\n"));
        self
    }

    /// Returns this with other credentials.
    #[must_use]
    pub fn login(mut self, login: Option<(&str, &str)>) -> Self {
        self.login = login.map(|(name, password)| (name.to_owned(), password.to_owned()));
        self
    }

    /// Returns this with another method.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// Returns this with another framing.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let (method, path) = (self.method, &self.path);
        let length = match self.framing {
            Framing::Length => format!("Content-Length: {}", self.body.len()),
            Framing::CutOff(promised) => format!("Content-Length: {promised}"),
            Framing::CutOffChunks => "Transfer-Encoding: chunked".to_owned(),
        };
        let login = self.login.as_ref().map_or_else(String::new, |(name, password)| {
            format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
        });
        let headers = self.headers.concat();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n{login}{headers}\r\n"
        );
        let size = match self.framing {
            Framing::CutOffChunks => format!("{:x}\r\n", self.body.len()),
            Framing::Length | Framing::CutOff(_) => String::new(),
        };
        [head.as_bytes(), size.as_bytes(), &self.body].concat()
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body as text.
    pub body: String,
}

/// Sends `knock` to `gate` over TLS, trusting only the authority in `ca`.
///
/// # Errors
/// When the certificate is not trusted, or the connection ends without an answer.
pub async fn knock(gate: SocketAddr, ca: &Path, knock: &Knock) -> io::Result<Reply> {
    let answer = tokio::time::timeout(Duration::from_secs(20), async {
        let mut stream = connect(gate, ca, knock.from).await?;
        // A server may answer and close before it has read everything: its answer counts, not our failure to write.
        let written = stream.write_all(&knock.bytes(gate)).await;
        if knock.framing != Framing::Length {
            // Time for a gate that passes on what it has not read whole to do so.
            tokio::time::sleep(Duration::from_millis(300)).await;
            stream.shutdown().await?;
        }
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer).await {
            Err(error) if answer.is_empty() => Err(written.err().unwrap_or(error)),
            _ => Ok(answer),
        }
    });
    parse(&answer.await.map_err(|_| io::Error::new(ErrorKind::TimedOut, "no answer within 20 s"))??)
}

/// Sends two requests in one breath on one connection, and returns the statuses that come back.
///
/// # Errors
/// As [`knock`].
pub async fn knock_twice(gate: SocketAddr, ca: &Path, first: &Knock, second: &Knock) -> io::Result<Vec<u16>> {
    let both = async {
        let mut stream = connect(gate, ca, first.from).await?;
        let kept = String::from_utf8_lossy(&first.bytes(gate)).replace("Connection: close\r\n", "");
        stream.write_all(&[kept.as_bytes(), &second.bytes(gate)].concat()).await?;
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await?;
        let answers = String::from_utf8_lossy(&answers).into_owned();
        let statuses = answers.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok());
        Ok(statuses.collect())
    };
    let both = tokio::time::timeout(Duration::from_secs(20), both).await;
    both.map_err(|_| io::Error::new(ErrorKind::TimedOut, "no answer within 20 s"))?
}

async fn connect(
    gate: SocketAddr,
    ca: &Path,
    from: Ipv4Addr,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    daemon::tls::install_provider();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(gate).await?;
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn parse(answer: &[u8]) -> io::Result<Reply> {
    let text = String::from_utf8_lossy(answer);
    let bad = || io::Error::new(ErrorKind::UnexpectedEof, "closed without an answer");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(bad)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Ok(Reply { status, head: head.to_owned(), body })
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
        let Some((chunk, rest)) = rest.split_at_checked(size).filter(|_| size > 0) else { break };
        whole.push_str(chunk);
        body = rest.trim_start_matches("\r\n");
    }
    whole
}
