//! One request and its answer, over a connection of its own.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT,
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answer::{Answer, LIMIT_BYTES, in_one_line};
use super::{Gateway, PushError, connect};
use crate::origin::Scheme;

/// How long we wait for a gateway to say why it does not take a push, once it has said that it does not.
const EXPLANATION: Duration = Duration::from_secs(1);
/// How long we wait for our own good-bye to be sent. The push is done by then, so it matters little.
const FAREWELL: Duration = Duration::from_millis(100);

pub type Body = Full<Bytes>;

/// What is sent to the gateway's path.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// `PUT` replaces what the gateway had, `POST` adds to it.
    pub method: Method,
    /// A page, as text or packed.
    pub content: Bytes,
    /// Whether `content` is packed with gzip.
    pub is_gzip: bool,
}

/// Sends `parcel` within the gateway's time, and hangs up.
pub async fn once(gateway: &Gateway, parcel: Parcel) -> Result<Answer, PushError> {
    let doing = Cell::new("nothing was done");
    let sent_bytes = parcel.content.len();
    let answer = timeout(gateway.timeout, converse(gateway, parcel, &doing)).await.unwrap_or_else(|_| {
        Err(PushError::TimedOut { origin: gateway.target.origin(), timeout: gateway.timeout, doing: doing.get() })
    })?;
    answer.verdict(gateway, sent_bytes)
}

async fn converse(gateway: &Gateway, parcel: Parcel, doing: &Cell<&'static str>) -> Result<Answer, PushError> {
    let mut request = request(gateway, parcel)?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let stream = connect::tcp(gateway, doing).await?;
    match &gateway.tls {
        Some(config) => {
            let connector = TlsConnector::from(Arc::clone(config));
            let stream = connect::tls(gateway, &connector, stream, doing).await?;
            exchange(gateway, stream, request, doing).await
        }
        None => exchange(gateway, stream, request, doing).await,
    }
}

/// Puts `parcel` into a request.
pub fn request(gateway: &Gateway, parcel: Parcel) -> Result<Request<Body>, PushError> {
    let mut request = Request::builder()
        .method(parcel.method)
        .uri(gateway.target.path.as_str())
        .header(HOST, gateway.target.server.authority())
        .header(USER_AGENT, concat!("noroshi-exporter/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, exposition::CONTENT_TYPE);
    if parcel.is_gzip {
        request = request.header(CONTENT_ENCODING, "gzip");
    }
    if let Some(authorization) = &gateway.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    request
        .body(Full::from(parcel.content))
        .map_err(|error| PushError::NoAnswer { origin: gateway.target.origin(), reason: error.to_string() })
}

/// Sends the request over `stream` and reads the answer, while hyper's half of the work goes on beside us.
async fn exchange(
    gateway: &Gateway,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Body>,
    doing: &Cell<&'static str>,
) -> Result<Answer, PushError> {
    doing.set("it was to take the push");
    let lost = |error: hyper::Error| PushError::NoAnswer {
        origin: gateway.target.origin(),
        reason: lost(&error, gateway.target.server.scheme),
    };
    let (sender, connection) = Builder::new()
        // Head and body in one piece: sent in two, they cost a delayed acknowledgement of 40 ms.
        .writev(false)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(lost)?;
    let mut connection = pin!(connection);
    let mut ended = false;
    let mut talk = pin!(talk(sender, request));
    let answer = poll_fn(|context| {
        // Errors of the connection reach the talk too, and are told there.
        ended = ended || connection.as_mut().poll(context).is_ready();
        talk.as_mut().poll(context)
    })
    .await
    .map_err(lost)?;
    if !ended {
        let _ = timeout(FAREWELL, connection).await;
    }
    Ok(answer)
}

async fn talk(mut sender: SendRequest<Body>, request: Request<Body>) -> hyper::Result<Answer> {
    let response = sender.send_request(request).await?;
    // A yes needs no explanation.
    let is_heard = !response.status().is_success();
    Ok(hear(response, is_heard).await.0)
}

/// Takes from `response` what we act upon, and says whether it came to its end.
pub async fn hear(mut response: Response<Incoming>, with_body: bool) -> (Answer, bool) {
    let status = response.status();
    let location = response.headers().get(LOCATION).map(|place| String::from_utf8_lossy(place.as_bytes()).into_owned());
    let codings = response.headers().get_all(ACCEPT_ENCODING).iter().filter_map(|codings| codings.to_str().ok());
    let takes_gzip = codings.flat_map(|codings| codings.split(',')).any(|coding| coding.trim() == "gzip");
    let mut body = Vec::new();
    // The status counts: that an explanation dawdles or breaks off is no news.
    if with_body {
        let _ = timeout(EXPLANATION, read(&mut response, &mut body)).await;
    }
    let is_whole = response.is_end_stream();
    (Answer { status, location, takes_gzip, body }, is_whole)
}

/// Reads the beginning of what the gateway says, as far as it comes.
async fn read(response: &mut Response<Incoming>, body: &mut Vec<u8>) {
    while body.len() < LIMIT_BYTES {
        let Some(Ok(frame)) = response.frame().await else { return };
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(&data[..data.len().min(LIMIT_BYTES - body.len())]);
        }
    }
}

/// Puts what hyper says into words.
pub fn lost(error: &hyper::Error, scheme: Scheme) -> String {
    if error.is_parse() {
        let question = match scheme {
            Scheme::Http => "does this port want https://?",
            Scheme::Https => "is this the gateway's port?",
        };
        return format!("something else came back; {question}");
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        let question = match scheme {
            Scheme::Http => "does this port want https://, or is the gateway going down?",
            Scheme::Https => "is the gateway going down?",
        };
        return format!("the connection was closed before one came; {question}");
    }
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    in_one_line(&reason)
}

impl Parcel {
    /// Replaces what the gateway had with `page`.
    #[must_use]
    pub fn page(page: impl Into<Bytes>) -> Self {
        Self { method: Method::PUT, content: page.into(), is_gzip: false }
    }

    /// Returns the same with its content packed.
    #[must_use]
    pub fn packed(self) -> Self {
        Self { content: crate::pack::gzip(&self.content).into(), is_gzip: true, ..self }
    }
}
