//! One request and its answer.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answer::{Answer, LIMIT_BYTES, in_one_line};
use super::target::Scheme;
use super::{Gateway, PushError, connect};

/// How long we wait for a gateway to say why it does not take a push, once it has said that it does not.
const EXPLANATION: Duration = Duration::from_secs(1);
/// How long we wait for our own good-bye to be sent. The push is done by then, so it matters little.
const FAREWELL: Duration = Duration::from_millis(100);

type Body = Full<Bytes>;

/// Puts `page` on the gateway, within the gateway's time.
pub async fn put(gateway: &Gateway, page: String) -> Result<(), PushError> {
    let doing = Cell::new("nothing was done");
    let sent_bytes = page.len();
    let answer = timeout(gateway.timeout, converse(gateway, page, &doing)).await.unwrap_or_else(|_| {
        Err(PushError::TimedOut { origin: gateway.target.origin(), timeout: gateway.timeout, doing: doing.get() })
    })?;
    answer.verdict(gateway, sent_bytes)
}

async fn converse(gateway: &Gateway, page: String, doing: &Cell<&'static str>) -> Result<Answer, PushError> {
    let request = request(gateway, page)?;
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

fn request(gateway: &Gateway, page: String) -> Result<Request<Body>, PushError> {
    let mut request = Request::put(gateway.target.path.as_str())
        .header(HOST, gateway.target.authority())
        .header(USER_AGENT, concat!("noroshi-exporter/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, exposition::CONTENT_TYPE)
        .header(CONNECTION, "close");
    if let Some(authorization) = &gateway.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    request
        .body(Full::from(page))
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
        reason: lost(&error, gateway.target.scheme),
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
    let mut response = sender.send_request(request).await?;
    let status = response.status();
    let location = response.headers().get(LOCATION).map(|place| String::from_utf8_lossy(place.as_bytes()).into_owned());
    let mut body = Vec::new();
    // A yes needs no explanation. With a no, the status counts: that its explanation dawdles or breaks off is no news.
    if !status.is_success() {
        let _ = timeout(EXPLANATION, read(&mut response, &mut body)).await;
    }
    Ok(Answer { status, location, body })
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
fn lost(error: &hyper::Error, scheme: Scheme) -> String {
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
