//! Connections to what is watched, and one page by HTTP.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use http::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::HttpUrl;
use super::reply::{Failure, Trace, timed};
use super::trust::Trusts;

/// No more of a page is read: whoever watches a page means the beginning of one that ends.
pub const PAGE_LIMIT_BYTES: usize = 1024 * 1024;
/// Room for the head of an answer.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;

/// How a page is asked for.
pub struct Page<'a> {
    /// The page.
    pub url: &'a HttpUrl,
    /// How many redirects are followed.
    pub redirects: u8,
    /// The only certificates to trust.
    pub ca_file: Option<&'a PathBuf>,
    /// Whether any certificate will do.
    pub is_insecure: bool,
    /// How long all of it may take.
    pub limit: Duration,
}

/// Status and beginning of a page.
pub type Answer = (u16, Vec<u8>);

/// One answer, and where it points.
struct Response {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

/// Connects to the first address that answers.
pub async fn connect(host: &str, port: u16, limit: Duration, trace: &mut Trace) -> Result<TcpStream, Failure> {
    let found = timed(&mut trace.phases.resolve, lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| Failure::Resolve)?.collect();
    if addresses.is_empty() {
        return Err(Failure::Resolve);
    }
    // An address that swallows our packets must leave time for the others.
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failure = Failure::Connect;
    for address in addresses {
        match timed(&mut trace.phases.connect, timeout(share, TcpStream::connect(address))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => failure = Failure::Connect,
            Err(_) => failure = Failure::Timeout,
        }
    }
    Err(failure)
}

/// Asks for a page, within its time. What is learnt on the way stands in `trace`, also when it fails.
pub async fn fetch(page: &Page<'_>, trusts: &Trusts, trace: &mut Trace) -> Result<Answer, Failure> {
    timeout(page.limit, follow(page, trusts, trace)).await.unwrap_or(Err(Failure::Timeout))
}

async fn follow(page: &Page<'_>, trusts: &Trusts, trace: &mut Trace) -> Result<Answer, Failure> {
    let mut url = page.url.clone();
    let mut left = page.redirects;
    loop {
        let response = ask(&url, page, trusts, trace).await?;
        let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
        let Some(location) = response.location.filter(|_| is_redirect && page.redirects > 0) else {
            return Ok((response.status, response.body));
        };
        left = left.checked_sub(1).ok_or(Failure::Redirect)?;
        let next = url.join(&location).ok_or(Failure::Redirect)?;
        // Whoever watches an encrypted page does not mean one that anybody on the way may write.
        if url.server.is_tls() && !next.server.is_tls() {
            return Err(Failure::Redirect);
        }
        url = next;
    }
}

async fn ask(url: &HttpUrl, page: &Page<'_>, trusts: &Trusts, trace: &mut Trace) -> Result<Response, Failure> {
    let stream = connect(&url.server.host, url.server.port, page.limit, trace).await?;
    if !url.server.is_tls() {
        return exchange(stream, url, trace).await;
    }
    let (client, expiry) = trusts.client(page.ca_file, page.is_insecure).map_err(|warning| {
        trace.warning = Some(warning);
        Failure::Tls
    })?;
    let name = ServerName::try_from(url.server.host.clone()).map_err(|_| Failure::Tls)?;
    let stream = timed(&mut trace.phases.tls, TlsConnector::from(client).connect(name, stream)).await;
    // The earliest of all servers on the way: any of them ends the watch.
    let shown = *expiry.lock().unwrap_or_else(PoisonError::into_inner);
    trace.expiry = [trace.expiry, shown].into_iter().flatten().min();
    exchange(stream.map_err(|_| Failure::Tls)?, url, trace).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    url: &HttpUrl,
    trace: &mut Trace,
) -> Result<Response, Failure> {
    let (sender, connection) = Builder::new()
        .max_buf_size(HEAD_LIMIT_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::Protocol)?;
    let mut connection = pin!(connection);
    let mut talk = pin!(talk(sender, url, trace));
    let mut has_ended = false;
    poll_fn(|context| {
        // Errors of the connection reach the talk too, and are told there.
        has_ended = has_ended || connection.as_mut().poll(context).is_ready();
        talk.as_mut().poll(context)
    })
    .await
}

async fn talk(mut sender: SendRequest<Empty<Bytes>>, url: &HttpUrl, trace: &mut Trace) -> Result<Response, Failure> {
    let request = Request::get(url.path.as_str())
        .header(HOST, url.server.authority())
        .header(USER_AGENT, concat!("noroshi-exporter/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| Failure::Protocol)?;
    let sent = timed(&mut trace.phases.processing, sender.send_request(request)).await;
    let mut response = sent.map_err(|_| Failure::Protocol)?;
    let status = response.status().as_u16();
    trace.status = Some(status);
    let location = response.headers().get(LOCATION).map(|place| String::from_utf8_lossy(place.as_bytes()).into_owned());
    let mut body = Vec::new();
    let read = async {
        while body.len() < PAGE_LIMIT_BYTES
            && let Some(frame) = response.frame().await
        {
            if let Some(data) = frame?.data_ref() {
                body.extend_from_slice(&data[..data.len().min(PAGE_LIMIT_BYTES - body.len())]);
            }
        }
        hyper::Result::Ok(())
    };
    timed(&mut trace.phases.transfer, read).await.map_err(|_| Failure::Protocol)?;
    Ok(Response { status, location, body })
}
