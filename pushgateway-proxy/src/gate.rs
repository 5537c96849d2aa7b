//! The order of questions that each request is asked: from where, who, what, whose, and then its body.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use exposition::Limits;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, request};
use http_body_util::Full;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::access::Visit;
use crate::body::Page;
use crate::config::{AccessLog, Config};
use crate::login::{LoginError, Logins};
use crate::metrics::Metrics;
use crate::origin::TrustedProxies;
use crate::path::PushPath;
use crate::refusal::{ENCODINGS, HEAD_LIMIT_BYTES, Refusal};
use crate::roster::Roster;
use crate::scope::Scopes;
use crate::types::Types;
use crate::upstream::{Answer, Push, Upstream, UpstreamError};
use crate::whole::read_whole;

/// Bodies in memory at once, in multiples of the largest one allowed. While they grow they take up to three times that.
const BODIES_IN_HAND: usize = 2;

/// A longer body is understood on a thread that may block, so that small ones beside it do not wait.
const AT_ONCE_BYTES: usize = 64 * 1024;

/// Everything that a request is held against.
pub struct Gate {
    /// Who may knock.
    pub roster: Arc<Roster>,
    /// Who may enter.
    pub logins: Arc<Logins>,
    /// Where pushes go.
    pub upstream: Arc<Upstream>,
    /// What is counted.
    pub metrics: Metrics,
    proxies: TrustedProxies,
    scopes: Scopes,
    types: Types,
    limits: Limits,
    request_timeout: Duration,
    access_log: AccessLog,
    room: Arc<Semaphore>,
}

/// Whom a connection comes from, as far as it is known before its first request.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The address, of which the PROXY protocol may have told.
    pub client: IpAddr,
    /// That is a proxy of ours, which says in each request whom it speaks for.
    pub forwards: bool,
    /// Who the bearer of its certificate is.
    pub certificate_user: Option<Arc<str>>,
}

impl Gate {
    /// Makes the gate that `config` describes.
    #[must_use]
    pub fn new(
        config: &Config,
        roster: Arc<Roster>,
        logins: Arc<Logins>,
        upstream: Arc<Upstream>,
        metrics: Metrics,
    ) -> Self {
        let room = config.body_limit.saturating_mul(BODIES_IN_HAND).min(Semaphore::MAX_PERMITS);
        Self {
            roster,
            logins,
            upstream,
            metrics,
            proxies: config.trusted_proxies.clone(),
            scopes: config.users.clone(),
            types: Types::new(config.types_limit),
            limits: config.limits(),
            request_timeout: config.request_timeout,
            access_log: config.access_log,
            room: Arc::new(Semaphore::new(room)),
        }
    }

    /// Answers a request, whatever it is.
    pub async fn answer<B>(&self, visitor: &Visitor, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Error + 'static,
    {
        let begun = Instant::now();
        let (head, body) = request.into_parts();
        let mut visit = Visit::new(visitor.client);

        let outcome = self.pass(&mut visit, visitor, &head, body, begun + self.request_timeout).await;

        self.conclude(&visit, &head, outcome, begun.elapsed())
    }

    /// Refuses a request that need not be looked at, and has the connection end behind it.
    pub fn refuse<B>(&self, visitor: &Visitor, request: Request<B>, refusal: Refusal) -> Response<Full<Bytes>> {
        let (head, _) = request.into_parts();
        let mut response = self.conclude(&Visit::new(visitor.client), &head, Err(refusal), Duration::ZERO);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Turns the outcome into an answer, and counts and logs it.
    fn conclude(
        &self,
        visit: &Visit,
        head: &request::Parts,
        outcome: Result<Answer, Refusal>,
        lasted: Duration,
    ) -> Response<Full<Bytes>> {
        let (response, refusal) = match outcome {
            Ok(answer) => (to_response(answer), None),
            Err(refusal) => {
                self.metrics.refused(refusal.reason());
                (Response::from(&refusal), Some(refusal))
            }
        };
        visit.log(self.access_log, head, response.status(), refusal.as_ref(), lasted);
        self.metrics.answered(&head.method, response.status(), visit.user.as_ref(), lasted);
        response
    }

    async fn pass<B>(
        &self,
        visit: &mut Visit,
        visitor: &Visitor,
        head: &request::Parts,
        body: B,
        deadline: Instant,
    ) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Error + 'static,
    {
        if visitor.forwards {
            visit.client = self.proxies.client(visitor.client, &head.headers)?;
        }
        // Asked at the door already, but a connection may outlive a line of the list.
        if !self.roster.allows(visit.client) {
            return Err(Refusal::Address(visit.client));
        }
        let login = timeout_at(deadline, self.log_in(visitor, visit.client, &head.headers)).await;
        let user = login.map_err(|_| Refusal::Overloaded)?.inspect_err(|refusal| {
            if let Refusal::Login(refused) = refusal {
                visit.suspect = refused.user();
            }
        })?;
        visit.user = Some(Arc::clone(&user));

        check_head(head)?;
        // The query string is left behind here: the Pushgateway has no use for one.
        let path = PushPath::parse(head.uri.path())?;
        if ![Method::PUT, Method::POST, Method::DELETE].contains(&head.method) {
            return Err(Refusal::Method);
        }
        let scope = self.scopes.of(&user)?;
        if let Some(scope) = scope {
            scope.check_group(&user, path.group())?;
        }
        let content_type = single(&head.headers, &CONTENT_TYPE)?;
        let content_encoding = single(&head.headers, &CONTENT_ENCODING)?;

        let read = timeout_at(deadline, read_whole(body, self.limits.bytes, &self.room)).await;
        let whole = read.map_err(|_| Refusal::TooSlow)??;
        visit.bytes = whole.bytes.len();
        // A removal says all in its path; whatever comes with it goes no further.
        let page = if head.method == Method::DELETE {
            Page::default()
        } else {
            let limits = self.limits;
            let understand = move || Page::read(whole.bytes, content_type.as_ref(), content_encoding.as_ref(), &limits);
            if visit.bytes <= AT_ONCE_BYTES {
                understand()?
            } else {
                tokio::task::spawn_blocking(understand).await.map_err(|_| Refusal::Overloaded)??
            }
        };
        let room = self.unpacked(whole.room, page.bytes.len())?;
        let page = Arc::new(page);
        if let Some(scope) = scope {
            for (name, _) in page.metrics() {
                scope.check_metric(&user, name)?;
            }
            self.types.check(&user, page.metrics()).inspect_err(|other| visit.against(&other.holder))?;
        }
        let push = Push { method: head.method.clone(), path, page: Arc::clone(&page), room };
        let answer = self.upstream.push(push, deadline).await;
        if !matches!(
            answer,
            Err(UpstreamError::Unreachable { .. } | UpstreamError::Busy { .. } | UpstreamError::Resting { .. })
        ) {
            self.metrics.passed_on(visit.bytes);
        }
        let answer = answer?;
        if answer.status.is_success() {
            self.types.learn(&user, page.metrics());
        }
        Ok(answer)
    }

    /// Takes the room that a body needs beyond what it took up packed.
    fn unpacked(
        &self,
        room: Option<OwnedSemaphorePermit>,
        bytes: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let more = bytes.saturating_sub(room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if more == 0 {
            return Ok(room);
        }
        let more = u32::try_from(more).map_err(|_| Refusal::Overloaded)?;
        let mut more = Arc::clone(&self.room).try_acquire_many_owned(more).map_err(|_| Refusal::Overloaded)?;
        if let Some(room) = room {
            more.merge(room);
        }
        Ok(Some(more))
    }

    /// Returns the user: by password, by certificate, or by both when both name the same.
    async fn log_in(&self, visitor: &Visitor, client: IpAddr, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        match (self.logins.verify(headers, client).await, &visitor.certificate_user) {
            (Err(LoginError::Missing), Some(bearer)) => Ok(Arc::clone(bearer)),
            (Ok(user), Some(bearer)) if user != *bearer => Err(Refusal::OtherBearer),
            (login, _) => Ok(login?),
        }
    }
}

/// Refuses heads that the HTTP library lets pass and others would not.
///
/// Two lengths are seen at the door, where the bytes are; of a request behind another one in the same breath the library
/// drops one and closes the connection, as RFC 9112 has it. What goes upstream has one length, and that is ours.
fn check_head(head: &request::Parts) -> Result<(), Refusal> {
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
    let mut encodings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
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

fn to_response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.extend(answer.content_type.map(|value| (CONTENT_TYPE, value)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What we unpack. Hosts may send the next push packed, a fifth of its size (RFC 9110, section 12.5.3).
    headers.insert(ACCEPT_ENCODING, ENCODINGS);
    response
}

#[cfg(test)]
mod tests;
