//! Connections to a store that are kept, and the exchange of one request on one of them.
//!
//! A connection is driven by whoever has a request on it, so that a push wakes no task but its own; at rest nobody
//! drives it, and whether it still stands is seen when it is taken out again.

use std::collections::VecDeque;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::ANSWER_LIMIT_BYTES;

/// Connections that are kept at rest.
const KEPT: usize = 64;
/// Time to reach it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that rests longer is closed by us, before the other side does so in the middle of a push.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

type Driver = Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>;

/// A few connections to one place.
pub struct Pool {
    authority: Authority,
    host: HeaderValue,
    connect_timeout: Duration,
    /// The one that rested last stands at the end and is taken first, so that those in excess grow old.
    resting: Mutex<VecDeque<Line>>,
}

/// A connection, and what drives it.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    is_over: bool,
    since: Instant,
}

/// Why there was no answer.
enum Failure {
    /// Nothing of an answer came, on a connection that had rested: it had been closed meanwhile.
    Stale(String),
    /// Anything else.
    Broken(String),
}

impl Pool {
    /// Names the place; nothing is connected yet.
    #[must_use]
    pub fn new(authority: &Authority, patience: Duration) -> Self {
        Self {
            authority: authority.clone(),
            host: HeaderValue::from_str(authority.as_str()).unwrap_or(HeaderValue::from_static("upstream")),
            connect_timeout: CONNECT_TIMEOUT.min(patience),
            resting: Mutex::default(),
        }
    }

    /// Sends `request` and reads the answer, of which a longer body than a megabyte is cut off.
    ///
    /// A connection that the other side closed while it rested is replaced by a new one, once. The same push twice
    /// leaves the same metrics, so it does no harm if the first one had got there.
    ///
    /// # Errors
    /// When there is no connection, or it breaks; the reason is in the words of the system.
    pub async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        // Origin form: the path alone, as servers expect it.
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        request.headers_mut().insert(HOST, self.host.clone());
        if let Some(line) = self.take() {
            match self.exchange_on(line, request.clone(), Line::was_closed).await {
                Ok(response) => return Ok(response),
                Err(Failure::Broken(reason)) => return Err(reason),
                Err(Failure::Stale(_)) => {}
            }
        }
        let line = self.connect().await?;
        self.exchange_on(line, request, |_| false).await.map_err(|failure| match failure {
            Failure::Stale(reason) | Failure::Broken(reason) => reason,
        })
    }

    async fn exchange_on(
        &self,
        mut line: Line,
        request: Request<Full<Bytes>>,
        is_stale: fn(&hyper::Error) -> bool,
    ) -> Result<Response<Bytes>, Failure> {
        let sent = line.sender.send_request(request);
        let response = line.drive(sent).await.map_err(|error| {
            let reason = chain(&error);
            if is_stale(&error) { Failure::Stale(reason) } else { Failure::Broken(reason) }
        })?;
        let (head, mut frames) = response.into_parts();
        let mut body = Bytes::new();
        while let Some(frame) = line.drive(frames.frame()).await {
            let frame = frame.map_err(|error| Failure::Broken(format!("its answer broke off: {}", chain(&error))))?;
            let Ok(data) = frame.into_data() else { continue };
            body = if body.is_empty() { data } else { [body, data].concat().into() };
            if body.len() >= ANSWER_LIMIT_BYTES {
                body.truncate(ANSWER_LIMIT_BYTES);
                return Ok(Response::from_parts(head, body));
            }
        }
        line.settle();
        self.keep(line);
        Ok(Response::from_parts(head, body))
    }

    async fn connect(&self) -> Result<Line, String> {
        let port = self.authority.port_u16().unwrap_or(80);
        let host = self.authority.host().trim_matches(['[', ']']);
        let tcp = match timeout(self.connect_timeout, TcpStream::connect((host, port))).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Err(format!("tcp connect error: {error}")),
            Err(_) => return Err("tcp connect error: no answer in time".to_owned()),
        };
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(|error| chain(&error))?;
        Ok(Line { sender, driver: Box::pin(connection), is_over: false, since: Instant::now() })
    }

    /// Takes a connection that still stands.
    fn take(&self) -> Option<Line> {
        loop {
            let mut line = self.resting().pop_back()?;
            if line.since.elapsed() < IDLE_TIMEOUT && line.settle() {
                return Some(line);
            }
        }
    }

    fn keep(&self, mut line: Line) {
        if line.is_over || !line.sender.is_ready() {
            return;
        }
        line.since = Instant::now();
        let mut resting = self.resting();
        if resting.len() >= KEPT || resting.front().is_some_and(|oldest| oldest.since.elapsed() >= IDLE_TIMEOUT) {
            resting.pop_front();
        }
        resting.push_back(line);
    }

    fn resting(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Runs the connection until `work` on it is done.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            if !self.is_over {
                self.is_over = self.driver.as_mut().poll(cx).is_ready();
            }
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Lets the connection see where it stands, without waiting; returns whether it can take a request.
    fn settle(&mut self) -> bool {
        if !self.is_over {
            self.is_over = self.driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        }
        !self.is_over && self.sender.is_ready()
    }

    fn was_closed(error: &hyper::Error) -> bool {
        let is_reset = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>()).is_some_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
        });
        error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_reset
    }
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
