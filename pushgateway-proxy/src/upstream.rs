//! What stands behind the gate: a Pushgateway, VictoriaMetrics, or a store in this very process.
//!
//! ```text
//! push ──▶ breaker open? ──▶ a place ──▶ pool ──▶ HTTP       503 at once, while it is known to be down
//!             503              503      └─▶ service          502, 503 with the reason
//! ```

mod breaker;
mod error;
mod pool;
mod url;
mod victoria;

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use self::breaker::Breaker;
pub use self::error::UpstreamError;
use self::pool::Pool;
pub use self::url::{UpstreamUrl, UpstreamUrlError};
use crate::body::{Format, Page};
use crate::path::PushPath;

/// Pushes at once. A Pushgateway works them off one after the other, so more would only wait there.
const IN_FLIGHT: usize = 64;
/// How long a push may go on after its client was answered that it took too long; see [`Upstream::push`].
const AFTERMATH: Duration = Duration::from_secs(60);
/// A longer answer is cut off: it is an error text, and its beginning says what is wrong.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;
/// Time for a look whether it is there.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Which protocol is spoken behind the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamKind {
    /// VictoriaMetrics when the path ends in `/api/v1/import/prometheus`, otherwise a Pushgateway.
    #[default]
    Auto,
    /// A Pushgateway, or what speaks like one.
    Pushgateway,
    /// VictoriaMetrics' import of text in the Prometheus format.
    VictoriaMetrics,
}

/// A push that has been read whole and understood.
pub struct Push {
    /// PUT, POST or DELETE.
    pub method: Method,
    /// The group.
    pub path: PushPath,
    /// The body, unpacked and understood.
    pub page: Arc<Page>,
    /// The room that the body takes up; given back when the push is over.
    pub room: Option<OwnedSemaphorePermit>,
}

/// What was said to a push.
#[derive(Debug)]
pub struct Answer {
    /// 200, 202, 400…
    pub status: StatusCode,
    /// What the text is.
    pub content_type: Option<HeaderValue>,
    /// The reason, if it was refused.
    pub body: Bytes,
}

/// A store in this process: it gets the request that a Pushgateway would get, and answers as one.
type Embedded = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, String>;

enum Target {
    Http { url: UpstreamUrl, is_victoria: bool, pool: Arc<Pool> },
    Embedded(Embedded),
}

/// Passes pushes on, over a few connections that are kept, and leaves a store alone that is down.
pub struct Upstream {
    name: Arc<str>,
    target: Target,
    patience: Duration,
    places: Arc<Semaphore>,
    pushes: TaskTracker,
    breaker: Breaker,
}

impl Upstream {
    /// Prepares connections to `url`; nothing is sent yet.
    #[must_use]
    pub fn http(url: UpstreamUrl, kind: UpstreamKind, patience: Duration) -> Self {
        let is_victoria = match kind {
            UpstreamKind::Auto => url.is_victorias_import(),
            UpstreamKind::Pushgateway => false,
            UpstreamKind::VictoriaMetrics => true,
        };
        let name = format!("{} at {url}", if is_victoria { "VictoriaMetrics" } else { "the Pushgateway" });
        let pool = Arc::new(Pool::new(url.authority(), patience));
        Self::new(name.into(), Target::Http { url, is_victoria, pool }, patience)
    }

    /// Takes a store in this process: an `axum::Router`, say, with the API of a Pushgateway.
    ///
    /// It answers `PUT`, `POST` and `DELETE` on `/metrics/job/…`; a body that breaks off or grows without end is a failure.
    #[must_use]
    pub fn embedded<S, B>(store: S, patience: Duration) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let store = tower::service_fn(move |request| {
            let store = store.clone();
            async move {
                let Ok(response) = store.oneshot(request).await;
                let (head, body) = response.into_parts();
                let whole = Limited::new(body, ANSWER_LIMIT_BYTES).collect().await;
                let whole = whole.map_err(|error| format!("its answer broke off: {error}"))?;
                Ok(Response::from_parts(head, whole.to_bytes()))
            }
        });
        Self::new("the store".into(), Target::Embedded(BoxCloneSyncService::new(store)), patience)
    }

    fn new(name: Arc<str>, target: Target, patience: Duration) -> Self {
        let places = Arc::new(Semaphore::new(IN_FLIGHT));
        Self { name, target, patience, places, pushes: TaskTracker::new(), breaker: Breaker::default() }
    }

    /// Says what and where it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends `push` and returns what is said to it, at the latest at `deadline`.
    ///
    /// Once begun, a push is sent to its last byte, even when its client has gone or we have stopped waiting:
    /// older Pushgateways store what came before a cut as a success. What holds the connection is therefore a task
    /// of its own; [`Upstream::settle`] waits for those.
    ///
    /// # Errors
    /// When it cannot be reached, does not answer in time, or answers what no push is answered with.
    pub async fn push(&self, push: Push, deadline: Instant) -> Result<Answer, UpstreamError> {
        let name = || Arc::clone(&self.name);
        if let Some((wait, failures, reason)) = self.breaker.rests() {
            return Err(UpstreamError::Resting { name: name(), failures, reason, wait });
        }
        let deadline = deadline.min(Instant::now() + self.patience);
        let Ok(Ok(place)) = timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await else {
            return Err(UpstreamError::Busy { name: name() });
        };
        let (request, room) = self.request(push)?;
        let answered = self.begin(request, (place, room), deadline + AFTERMATH);
        let failure = match timeout_at(deadline, answered).await {
            Ok(Ok(Some(Ok(answer)))) => {
                self.breaker.succeeded();
                return self.sensible(answer);
            }
            Ok(Ok(Some(Err(reason)))) => UpstreamError::Unreachable { name: name(), reason },
            Ok(Ok(None)) | Err(_) => UpstreamError::TimedOut { name: name() },
            Ok(Err(panic)) => UpstreamError::Unreachable { name: name(), reason: panic.to_string() },
        };
        self.breaker.failed(match &failure {
            UpstreamError::Unreachable { reason, .. } => reason,
            _ => "no answer in time",
        });
        Err(failure)
    }

    /// Returns whether it is there, and ends its rest if it is.
    pub async fn look(&self) -> Result<(), String> {
        let Target::Http { url, is_victoria, pool } = &self.target else { return Ok(()) };
        let page = url.page(if *is_victoria { "/health" } else { "/-/ready" }).map_err(|error| error.to_string())?;
        let mut request = Request::new(Full::default());
        *request.uri_mut() = page;
        match timeout(LOOK_TIMEOUT, pool.exchange(request)).await {
            Err(_) => Err("no answer in time".to_owned()),
            Ok(Err(reason)) => Err(reason),
            Ok(Ok(answer)) if answer.status().is_server_error() => Err(format!("it answers {}", answer.status())),
            Ok(Ok(_)) => {
                self.breaker.succeeded();
                Ok(())
            }
        }
    }

    /// Waits for the pushes that went on without their clients, at the latest until `end`.
    pub async fn settle(&self, end: Instant) {
        self.pushes.close();
        // What is not done by then never will be.
        let _ = timeout_at(end, self.pushes.wait()).await;
    }

    fn request(&self, push: Push) -> Result<(Request<Full<Bytes>>, Option<OwnedSemaphorePermit>), UpstreamError> {
        let Push { method, path, page, room } = push;
        let broken =
            |error: http::Error| UpstreamError::Unreachable { name: Arc::clone(&self.name), reason: error.to_string() };
        let (method, uri, body, format) = match &self.target {
            Target::Http { url, is_victoria: true, .. } => {
                if method == Method::DELETE {
                    return Err(UpstreamError::NoRemoval);
                }
                let uri = victoria::import(url, path.group()).map_err(broken)?;
                (Method::POST, uri, victoria::stamped(&page.to_text()), Format::Text)
            }
            Target::Http { url, .. } => (method, url.join(&path).map_err(broken)?, page.bytes.clone(), page.format),
            Target::Embedded(_) => {
                let uri = path.as_str().parse::<Uri>().map_err(|error| broken(error.into()))?;
                (method, uri, page.bytes.clone(), page.format)
            }
        };
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
        request.headers_mut().insert(CONTENT_TYPE, format.content_type());
        Ok((request, room))
    }

    /// Starts the task that sends a push and reads its answer; it holds what `held` is until both are done.
    fn begin(
        &self,
        request: Request<Full<Bytes>>,
        held: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
        bound: Instant,
    ) -> tokio::task::JoinHandle<Option<Result<Response<Bytes>, String>>> {
        match &self.target {
            Target::Http { pool, .. } => {
                let pool = Arc::clone(pool);
                self.pushes.spawn(async move {
                    let _held = held;
                    timeout_at(bound, pool.exchange(request)).await.ok()
                })
            }
            Target::Embedded(store) => {
                let store = store.clone();
                self.pushes.spawn(async move {
                    let _held = held;
                    timeout_at(bound, store.oneshot(request)).await.ok()
                })
            }
        }
    }

    fn sensible(&self, answer: Response<Bytes>) -> Result<Answer, UpstreamError> {
        let (head, body) = answer.into_parts();
        let meaning = match head.status {
            status if status.is_redirection() => "sends pushes elsewhere; name that place as upstream",
            // Passed back, it would look as if the host's own password was wrong.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "asks the gate itself for a login; only one without can stand behind it"
            }
            status if status.is_informational() => "is no answer to a push",
            // Clients of a Pushgateway know 200 and 202, and some nothing else.
            StatusCode::NO_CONTENT => {
                return Ok(Answer { status: StatusCode::OK, content_type: None, body: Bytes::new() });
            }
            status => {
                return Ok(Answer { status, content_type: head.headers.get(CONTENT_TYPE).cloned(), body });
            }
        };
        Err(UpstreamError::Odd { name: Arc::clone(&self.name), status: head.status, meaning })
    }
}

#[cfg(test)]
mod tests;
