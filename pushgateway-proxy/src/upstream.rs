//! The Pushgateway behind the gate.

mod url;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

pub use self::url::{UpstreamUrl, UpstreamUrlError};
use crate::path::PushPath;

/// Pushes at once. A Pushgateway works them off one after the other, so more would only wait there.
const IN_FLIGHT: usize = 64;
/// Time to reach it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that rests longer is closed by us, before the other side does so in the middle of a push.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a push may go on after its client was answered that it took too long; see [`Upstream::push`].
const AFTERMATH: Duration = Duration::from_secs(60);
/// A longer answer is cut: it is an error text, and its beginning says what is wrong.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// A push that has been read whole.
pub struct Push {
    /// PUT, POST or DELETE.
    pub method: Method,
    /// The group.
    pub path: PushPath,
    /// How the body is to be read.
    pub content_type: Option<HeaderValue>,
    /// How the body is packed.
    pub content_encoding: Option<HeaderValue>,
    /// The body.
    pub body: Bytes,
    /// The room that the body takes up; given back when the push is over.
    pub room: Option<OwnedSemaphorePermit>,
}

/// What the Pushgateway said to a push.
#[derive(Debug)]
pub struct Answer {
    /// 200, 202, 400…
    pub status: StatusCode,
    /// What the text is.
    pub content_type: Option<HeaderValue>,
    /// The reason, if it was refused.
    pub body: Bytes,
}

/// Why there is no answer to pass back.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke.
    #[error("the Pushgateway at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Where it should be.
        url: UpstreamUrl,
        /// What happened.
        reason: String,
    },
    /// No answer in time. The push may have been stored all the same.
    #[error("the Pushgateway at {url} did not answer in time; whether it kept the push is not known")]
    TimedOut {
        /// Where it is.
        url: UpstreamUrl,
    },
    /// Too many pushes wait for it already.
    #[error("the Pushgateway at {url} is busy with {IN_FLIGHT} other pushes; try again")]
    Busy {
        /// Where it is.
        url: UpstreamUrl,
    },
    /// An answer that is none to a push.
    #[error("the Pushgateway at {url} answered {status}, which {meaning}")]
    Odd {
        /// Where it is.
        url: UpstreamUrl,
        /// The status.
        status: StatusCode,
        /// What that means here.
        meaning: &'static str,
    },
}

/// Passes pushes on, over a few connections that are kept.
pub struct Upstream {
    url: UpstreamUrl,
    client: Client<HttpConnector, Full<Bytes>>,
    patience: Duration,
    places: Arc<Semaphore>,
    pushes: TaskTracker,
}

impl Upstream {
    /// Prepares connections to `url`; nothing is sent yet.
    #[must_use]
    pub fn new(url: UpstreamUrl, patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT.min(patience)));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IN_FLIGHT)
            .build(connector);
        Self { url, client, patience, places: Arc::new(Semaphore::new(IN_FLIGHT)), pushes: TaskTracker::new() }
    }

    /// Sends `push` and returns what the Pushgateway says to it, at the latest at `deadline`.
    ///
    /// Once begun, a push is sent to its last byte, even when its client has gone or we have stopped waiting:
    /// older Pushgateways store what came before a cut as a success. What holds the connection is therefore a task
    /// of its own; [`Upstream::settle`] waits for those.
    ///
    /// # Errors
    /// When it cannot be reached, does not answer in time, or answers what no push is answered with.
    pub async fn push(&self, push: Push, deadline: Instant) -> Result<Answer, UpstreamError> {
        let deadline = deadline.min(Instant::now() + self.patience);
        let timed_out = || UpstreamError::TimedOut { url: self.url.clone() };
        let Ok(place) = timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await else {
            return Err(UpstreamError::Busy { url: self.url.clone() });
        };
        let Push { method, path, content_type, content_encoding, body, room } = push;
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.join(&path).map_err(|error| self.unreachable(&error))?;
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
        for (name, value) in [(CONTENT_TYPE, content_type), (CONTENT_ENCODING, content_encoding)] {
            request.headers_mut().extend(value.map(|value| (name, value)));
        }
        let answer = self.client.request(request);
        let task = self.pushes.spawn(async move {
            let _held = (place, room);
            let bound = deadline + AFTERMATH;
            let response = timeout_at(bound, answer).await.ok()?;
            match response {
                Ok(response) => timeout_at(bound, read_answer(response)).await.ok().map(Ok),
                Err(error) => Some(Err(chain(&error))),
            }
        });
        match timeout_at(deadline, task).await {
            Ok(Ok(Some(Ok(Ok(answer))))) => self.sensible(answer),
            Ok(Ok(Some(Ok(Err(reason)) | Err(reason)))) => {
                Err(UpstreamError::Unreachable { url: self.url.clone(), reason })
            }
            Ok(Ok(None)) | Err(_) => Err(timed_out()),
            Ok(Err(panic)) => Err(self.unreachable(&panic)),
        }
    }

    /// Waits for the pushes that went on without their clients, at the latest until `end`.
    pub async fn settle(&self, end: Instant) {
        self.pushes.close();
        // What is not done by then never will be.
        let _ = timeout_at(end, self.pushes.wait()).await;
    }

    fn unreachable(&self, error: &dyn Error) -> UpstreamError {
        UpstreamError::Unreachable { url: self.url.clone(), reason: chain(error) }
    }

    fn sensible(&self, answer: Answer) -> Result<Answer, UpstreamError> {
        let meaning = match answer.status {
            status if status.is_redirection() => "sends pushes elsewhere; name that place as upstream",
            // Passed back, it would look as if the host's own password was wrong.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "asks the gate itself for a login; only a Pushgateway without one can stand behind it"
            }
            status if status.is_informational() => "is no answer to a push",
            _ => return Ok(answer),
        };
        Err(UpstreamError::Odd { url: self.url.clone(), status: answer.status, meaning })
    }
}

async fn read_answer(response: http::Response<Incoming>) -> Result<Answer, String> {
    let (head, mut frames) = response.into_parts();
    let mut body = Vec::new();
    while body.len() < ANSWER_LIMIT_BYTES {
        match frames.frame().await {
            None => break,
            Some(Ok(frame)) => body.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Some(Err(error)) => return Err(format!("its answer broke off: {}", chain(&error))),
        }
    }
    body.truncate(ANSWER_LIMIT_BYTES);
    Ok(Answer { status: head.status, content_type: head.headers.get(CONTENT_TYPE).cloned(), body: body.into() })
}

/// The chain of causes in one line, without the outermost: "client error (Connect)" says what its cause says better.
fn chain(error: &dyn Error) -> String {
    let mut next = Some(error.source().unwrap_or(error));
    let mut causes: Vec<String> = Vec::new();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.dedup();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_push_once_begun_is_sent_to_its_last_byte_though_nobody_waits_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let upstream = Upstream::new(url, Duration::from_secs(5));
        let body = Bytes::from(vec![b'#'; 8 << 20]);
        let length = body.len();
        let path = PushPath::parse("/metrics/job/a").unwrap();
        let push = Push { method: Method::PUT, path, content_type: None, content_encoding: None, body, room: None };

        // Longer than what the kernel takes in for a gateway that does not read.
        let given_up = upstream.push(push, Instant::now() + Duration::from_millis(50)).await;
        assert!(matches!(given_up, Err(UpstreamError::TimedOut { .. })), "{given_up:?}");

        let (mut gateway, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 1 << 20];
        let mut bytes = 0;
        while bytes < length {
            let more = gateway.read(&mut seen).await.unwrap();
            assert!(more > 0, "cut off after {bytes} bytes");
            bytes += seen[..more].iter().filter(|byte| **byte == b'#').count();
        }
        gateway.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        upstream.settle(Instant::now() + Duration::from_secs(5)).await;
        assert!(upstream.pushes.is_empty());
    }
}
