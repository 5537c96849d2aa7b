//! A line to a gateway, held open between two pushes where that is wanted.

use std::cell::Cell;
use std::time::Duration;

use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::exchange::{self, Body, Parcel};
use super::{Gateway, PushError, connect};

/// After so long without a word, a suspended night included, whoever translates addresses on the way may have
/// forgotten us, and a push into the void costs its whole time. A new connection costs some milliseconds.
const IDLE: Duration = Duration::from_secs(120);

/// Whether a connection outlives its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The next push is another process's.
    Never,
    /// The next push comes soon.
    Open,
}

/// A gateway, and the connection to it if there is one.
pub struct Link {
    gateway: Gateway,
    hold: Hold,
    open: Option<Open>,
}

/// A connection, with what drives it in the background.
struct Open {
    sender: SendRequest<Body>,
    driver: JoinHandle<()>,
    last_use: Duration,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// How a request over an open connection went.
enum Outcome {
    Answered(Answer),
    /// The other side had hung up before it saw the request.
    Stale,
}

impl Link {
    /// Makes no connection yet.
    #[must_use]
    pub fn new(gateway: Gateway, hold: Hold) -> Self {
        Self { gateway, hold, open: None }
    }

    /// Returns whom we talk to.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Keeps the connection from now on.
    #[must_use]
    pub fn held_open(self) -> Self {
        Self { hold: Hold::Open, ..self }
    }

    /// Bounds what one exchange may take.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.gateway.timeout = self.gateway.timeout.min(limit);
        self
    }

    /// Sends `parcel` and returns whether the other side says that it unpacks gzip.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn send(&mut self, parcel: Parcel) -> Result<bool, PushError> {
        let answer = match self.hold {
            Hold::Never => exchange::once(&self.gateway, parcel).await?,
            Hold::Open => self.send_kept(parcel).await?,
        };
        Ok(answer.takes_gzip)
    }

    async fn send_kept(&mut self, parcel: Parcel) -> Result<Answer, PushError> {
        let doing = Cell::new("it was to take the push");
        let sent_bytes = parcel.content.len();
        let limit = self.gateway.timeout;
        let answer = timeout(limit, self.converse(parcel, &doing)).await.unwrap_or_else(|_| {
            Err(PushError::TimedOut { origin: self.gateway.target.origin(), timeout: limit, doing: doing.get() })
        })?;
        answer.verdict(&self.gateway, sent_bytes)
    }

    async fn converse(&mut self, parcel: Parcel, doing: &Cell<&'static str>) -> Result<Answer, PushError> {
        // Taken out: a connection on which anything goes wrong, time included, is never used again.
        let kept = self.open.take();
        let usable = |open: &Open| !open.sender.is_closed() && since_boot().saturating_sub(open.last_use) < IDLE;
        if let Some(open) = kept.filter(usable)
            && let Outcome::Answered(answer) = self.talk(open, parcel.clone(), true).await?
        {
            return Ok(answer);
        }
        let open = self.connect(doing).await?;
        doing.set("it was to take the push");
        match self.talk(open, parcel, false).await? {
            Outcome::Answered(answer) => Ok(answer),
            Outcome::Stale => Err(PushError::NoAnswer {
                origin: self.gateway.target.origin(),
                reason: "the connection was closed at once".to_owned(),
            }),
        }
    }

    async fn talk(&mut self, mut open: Open, parcel: Parcel, is_reused: bool) -> Result<Outcome, PushError> {
        let request = exchange::request(&self.gateway, parcel)?;
        let sent = async {
            open.sender.ready().await?;
            open.sender.send_request(request).await
        };
        match sent.await {
            Ok(response) => {
                let (answer, is_whole) = exchange::hear(response, true).await;
                if is_whole {
                    open.last_use = since_boot();
                    self.open = Some(open);
                }
                Ok(Outcome::Answered(answer))
            }
            // Servers close what was idle, and may do so while our request is on its way. All that we send may be
            // sent twice: it says what is, or what was at a time.
            Err(_) if is_reused => Ok(Outcome::Stale),
            Err(error) => Err(PushError::NoAnswer {
                origin: self.gateway.target.origin(),
                reason: exchange::lost(&error, self.gateway.target.server.scheme),
            }),
        }
    }

    async fn connect(&self, doing: &Cell<&'static str>) -> Result<Open, PushError> {
        let stream = connect::tcp(&self.gateway, doing).await?;
        match &self.gateway.tls {
            Some(config) => {
                let connector = TlsConnector::from(config.clone());
                let stream = connect::tls(&self.gateway, &connector, stream, doing).await?;
                self.open(stream).await
            }
            None => self.open(stream).await,
        }
    }

    async fn open(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Open, PushError> {
        let builder = {
            let mut builder = Builder::new();
            // Head and body in one piece, as in a single exchange.
            builder.writev(false);
            builder
        };
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| {
            let reason = exchange::lost(&error, self.gateway.target.server.scheme);
            PushError::NoAnswer { origin: self.gateway.target.origin(), reason }
        })?;
        // What goes wrong here reaches whoever waits for an answer.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Open { sender, driver, last_use: since_boot() })
    }
}

/// Time since this machine was started, with the time that it slept.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}
