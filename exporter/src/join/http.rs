//! One page, read no further than to its limit.

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http::header::{ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::url::{MetricsUrl, is_near};

/// How much of a head is read. hyper takes no less than 8 KiB.
const HEAD_BYTES: usize = 16 * 1024;

/// Gets the page; `patience` is shared among the addresses that its host has.
pub async fn get(url: &MetricsUrl, limit_bytes: usize, patience: Duration) -> anyhow::Result<Vec<u8>> {
    let stream = connect(url, patience).await?;
    if !url.server.is_tls() {
        return exchange(url, stream, limit_bytes).await;
    }
    let name =
        ServerName::try_from(url.server.host.clone()).context("a certificate cannot be issued for this host name")?;
    let stream = TlsConnector::from(tls()?).connect(name, stream).await.context("no TLS")?;
    exchange(url, stream, limit_bytes).await
}

async fn connect(url: &MetricsUrl, patience: Duration) -> anyhow::Result<TcpStream> {
    let found = lookup_host((url.server.host.as_str(), url.server.port)).await.context("its name has no address")?;
    let (near, far): (Vec<SocketAddr>, Vec<_>) =
        found.partition(|address| url.server.is_tls() || is_near(address.ip()));
    ensure!(
        !near.is_empty() || far.is_empty(),
        "its name stands for an address that is neither this machine's nor a private network's, and plain http goes \
         no further"
    );
    let share = patience / u32::try_from(near.len().max(1)).unwrap_or(u32::MAX);
    let mut last = anyhow::anyhow!("its name has no address");
    for address in near {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = anyhow::Error::new(error).context("nobody answers there"),
            Err(_) => last = anyhow::anyhow!("nobody answers there"),
        }
    }
    Err(last)
}

/// Returns what a connection is made with: whoever an authority of this system has signed will do.
fn tls() -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Sends the request over `stream` and reads the page, while hyper's half of the work goes on beside us.
async fn exchange(
    url: &MetricsUrl,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    limit_bytes: usize,
) -> anyhow::Result<Vec<u8>> {
    let request = Request::get(url.path.as_str())
        .header(HOST, url.server.authority())
        .header(USER_AGENT, concat!("noroshi-exporter/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, exposition::CONTENT_TYPE)
        .header(CONNECTION, "close")
        .body(Empty::new())?;
    let (sender, connection) = Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
        .await
        .context("no HTTP is spoken there")?;
    let mut connection = pin!(connection);
    let mut ended = false;
    let mut talk = pin!(talk(sender, request, limit_bytes));
    poll_fn(|context| {
        // Errors of the connection reach the talk too, and are told there.
        ended = ended || connection.as_mut().poll(context).is_ready();
        talk.as_mut().poll(context)
    })
    .await
}

async fn talk(
    mut sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    limit_bytes: usize,
) -> anyhow::Result<Vec<u8>> {
    let mut response = sender.send_request(request).await.context("it gave no answer in HTTP")?;
    check(&response, limit_bytes)?;
    let mut page = Vec::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.context("its answer broke off")?;
        let Some(data) = frame.data_ref() else { continue };
        ensure!(data.len() <= limit_bytes - page.len(), "its page is longer than {limit_bytes} bytes (max_bytes)");
        page.extend_from_slice(data);
    }
    Ok(page)
}

/// Refuses by its head what would not be read or understood.
fn check(response: &Response<Incoming>, limit_bytes: usize) -> anyhow::Result<()> {
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let status = response.status();
    if status.is_redirection() {
        bail!("it sends us elsewhere ({}); write the final address", status.as_u16());
    }
    ensure!(status == StatusCode::OK, "it answers {}", status.as_u16());
    let encoding = header(CONTENT_ENCODING);
    ensure!(
        encoding.is_empty() || encoding.eq_ignore_ascii_case("identity"),
        "its page is compressed, which we did not ask for"
    );
    let kind = header(CONTENT_TYPE).to_ascii_lowercase();
    for (other, name) in [
        ("application/openmetrics-text", "OpenMetrics"),
        ("application/vnd.google.protobuf", "protobuf"),
        ("text/html", "HTML"),
        ("application/json", "JSON"),
    ] {
        ensure!(!kind.starts_with(other), "it sends {name} although we asked for the text format 0.0.4");
    }
    let is_long = header(CONTENT_LENGTH).parse::<u64>().is_ok_and(|length| length > limit_bytes as u64);
    ensure!(!is_long, "its page is longer than {limit_bytes} bytes (max_bytes)");
    Ok(())
}
