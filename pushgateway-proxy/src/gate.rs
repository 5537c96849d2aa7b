//! The order of questions that each request is asked: from where, who, what, and then its body.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info};

use crate::allowlist::Allowlist;
use crate::login::Logins;
use crate::metrics::Metrics;
use crate::path::PushPath;
use crate::refusal::{HEAD_LIMIT_BYTES, Refusal};
use crate::upstream::{Answer, Push, Upstream, UpstreamError};

/// Bodies in memory at once, in multiples of the largest one allowed. While they grow they take up to three times that.
const BODIES_IN_HAND: usize = 2;
/// Of a path, this much is logged.
const LOGGED_CHARS: usize = 120;

/// Everything that a request is held against.
pub struct Gate {
    /// Who may knock.
    pub allow: Allowlist,
    /// Who may enter.
    pub logins: Arc<Logins>,
    /// Where pushes go.
    pub upstream: Arc<Upstream>,
    /// What is counted.
    pub metrics: Metrics,
    /// Longest body, in bytes.
    pub body_limit: usize,
    /// Time for a whole request.
    pub request_timeout: Duration,
}

/// Returns the service that answers every request; it needs [`ConnectInfo`] of the peer's address.
pub fn router(gate: Gate) -> Router {
    let room = Arc::new(Semaphore::new(gate.body_limit.saturating_mul(BODIES_IN_HAND).min(Semaphore::MAX_PERMITS)));
    Router::new().fallback(answer).with_state((Arc::new(gate), room))
}

type Shared = (Arc<Gate>, Arc<Semaphore>);

async fn answer(
    State((gate, room)): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let mut visit = Visit { client: peer.ip().to_canonical(), path: shown(request.uri().path()), user: None };

    let outcome = gate.pass(&mut visit, request, begun + gate.request_timeout, room).await;

    let response = match outcome {
        Ok(answer) => {
            visit.log_answer(&method, answer.status);
            to_response(answer)
        }
        Err(refusal) => {
            gate.metrics.refused(refusal.reason());
            visit.log_refusal(&method, &refusal);
            refusal.into_response()
        }
    };
    gate.metrics.answered(&method, response.status(), begun.elapsed());
    response
}

impl Gate {
    async fn pass(
        &self,
        visit: &mut Visit,
        request: Request,
        deadline: Instant,
        room: Arc<Semaphore>,
    ) -> Result<Answer, Refusal> {
        if !self.allow.allows(visit.client) {
            return Err(Refusal::Address(visit.client));
        }
        let login = timeout_at(deadline, self.logins.verify(request.headers())).await;
        let user = login.map_err(|_| Refusal::Overloaded)?.inspect_err(|refused| visit.user = refused.user())?;
        visit.user = Some(user);

        let (head, body) = request.into_parts();
        check_head(&head)?;
        // The query string is left behind here: the Pushgateway has no use for one.
        let path = PushPath::parse(head.uri.path())?;
        if ![Method::PUT, Method::POST, Method::DELETE].contains(&head.method) {
            return Err(Refusal::Method);
        }
        let content_type = single(&head.headers, &CONTENT_TYPE)?;
        let content_encoding = single(&head.headers, &CONTENT_ENCODING)?;

        let read = timeout_at(deadline, read_whole(body, self.body_limit, room)).await;
        let (body, room) = read.map_err(|_| Refusal::TooSlow)??;
        let bytes = body.len();
        let push = Push { method: head.method, path, content_type, content_encoding, body, room };
        let answer = self.upstream.push(push, deadline).await;
        if !matches!(answer, Err(UpstreamError::Unreachable { .. } | UpstreamError::Busy { .. })) {
            self.metrics.passed_on(bytes);
        }
        Ok(answer?)
    }
}

/// Refuses heads that the HTTP library lets pass and others would not.
///
/// Two lengths never get here: the library refuses unequal ones, joins equal ones, and drops a length beside `chunked`
/// and closes that connection after its answer, as RFC 9112 has it. What goes upstream has one length, and that is ours.
fn check_head(head: &http::request::Parts) -> Result<(), Refusal> {
    // The library's own limit is that of its buffer, which may hold twice as much.
    let bytes: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEAD_LIMIT_BYTES {
        return Err(Refusal::HeadTooLarge);
    }
    let count = |name: &HeaderName| head.headers.get_all(name).iter().count();
    match count(&HOST) {
        1 => {}
        0 if head.version < Version::HTTP_11 || head.uri.authority().is_some() => {}
        0 => return Err(Refusal::Head("there is no Host header")),
        _ => return Err(Refusal::Head("there is more than one Host header")),
    }
    if head.headers.get(HOST).is_some_and(|host| host.as_bytes().iter().any(|byte| b" \t/@?#".contains(byte))) {
        return Err(Refusal::Head("the Host header is not a host"));
    }
    let encodings: Vec<&HeaderValue> = head.headers.get_all(TRANSFER_ENCODING).iter().collect();
    match encodings.as_slice() {
        [] => Ok(()),
        [only] if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Refusal::TransferEncoding),
    }
}

fn single(headers: &HeaderMap, name: &HeaderName) -> Result<Option<HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.cloned()),
        (_, Some(_)) => Err(Refusal::Head("Content-Type and Content-Encoding can stand once each")),
    }
}

/// Reads a body to its proper end. What broke off never leaves this function: a Pushgateway might store it.
async fn read_whole(
    mut body: Body,
    limit: usize,
    room: Arc<Semaphore>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
    let too_large = || Refusal::BodyTooLarge(limit);
    // Announced: refused before the first byte, so that clients which ask (`Expect: 100-continue`) never send it.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::BodyBroken(innermost(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - whole.len() {
            return Err(too_large());
        }
        let bytes = u32::try_from(data.len()).map_err(|_| too_large())?;
        let more = Arc::clone(&room).try_acquire_many_owned(bytes).map_err(|_| Refusal::Overloaded)?;
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        whole.extend_from_slice(&data);
    }
    Ok((whole.into(), held))
}

/// The cause at the end of the chain; a closed connection in our words, since a library's are for programmers.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    loop {
        let is_closed = innermost.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || innermost.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof);
        if is_closed {
            return "the connection was closed before its end".to_owned();
        }
        match innermost.source() {
            Some(cause) => innermost = cause,
            None => return innermost.to_string(),
        }
    }
}

fn to_response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.extend(answer.content_type.map(|value| (CONTENT_TYPE, value)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What a Pushgateway unpacks. Hosts may send the next push packed, a fifth of its size (RFC 9110, section 12.5.3).
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

/// What the access log says of a request: nothing that its client could not have known beforehand.
struct Visit {
    client: IpAddr,
    path: String,
    user: Option<Arc<str>>,
}

impl Visit {
    fn log_answer(&self, method: &Method, status: StatusCode) {
        let Self { client, path, .. } = self;
        let (user, code) = (self.user(), status.as_u16());
        if status.is_success() {
            debug!(push.path = path, %client, user, status = code, "passed on {method} {path}");
        } else {
            info!(push.path = path, %client, user, status = code, "the Pushgateway answered {code} to {method} {path}");
        }
    }

    fn log_refusal(&self, method: &Method, refusal: &Refusal) {
        let Self { client, path, .. } = self;
        let (user, status, reason) = (self.user(), refusal.status().as_u16(), refusal.reason().as_str());
        info!(push.path = path, %client, user, status, reason, "refused {method} {path}: {refusal}");
    }

    fn user(&self) -> &str {
        self.user.as_deref().unwrap_or("-")
    }
}

/// Returns `path` for a log line: no line breaks, no terminal codes, not endless.
fn shown(path: &str) -> String {
    let mut shown: String = path.chars().take(LOGGED_CHARS).flat_map(char::escape_default).collect();
    if path.chars().nth(LOGGED_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
