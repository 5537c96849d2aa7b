//! What happens to a connection before HTTP begins and after it ends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::server::TlsStream;

use crate::allowlist::Allowlist;
use crate::metrics::Metrics;
use crate::refusal::Reason;

/// How long a client may still send after it was answered; see [`Guest::poll_shutdown`].
const LINGER: Duration = Duration::from_secs(2);
/// Where a TLS connection begins: the type of a handshake record.
const HANDSHAKE: u8 = 0x16;
/// The answer to somebody who typed `http://`.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\nConnection: close\r\n\r\nthis port speaks TLS; use https:// instead\n";

/// Strangers have this share of the connections, of their own: enough to be told that they are not allowed,
/// and no way to take the places of those who are.
const STRANGERS: usize = 8;

/// Lets in so many connections and no more, and turns TCP into TLS.
#[derive(Clone)]
pub struct Door {
    tls: RustlsAcceptor,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    handshake_timeout: Duration,
    write_timeout: Duration,
    allow: Allowlist,
    metrics: Metrics,
}

impl Door {
    /// Makes a door for `connections` at once from the addresses of `allow`.
    #[must_use]
    pub fn new(
        tls: RustlsAcceptor,
        connections: usize,
        handshake_timeout: Duration,
        write_timeout: Duration,
        allow: Allowlist,
        metrics: Metrics,
    ) -> Self {
        let connections = connections.min(Semaphore::MAX_PERMITS);
        Self {
            tls: tls.handshake_timeout(handshake_timeout),
            places: Arc::new(Semaphore::new(connections)),
            strangers: Arc::new(Semaphore::new(connections.div_ceil(STRANGERS))),
            handshake_timeout,
            write_timeout,
            allow,
            metrics,
        }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = Guest;
    type Service = <RustlsAcceptor as Accept<TcpStream, S>>::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Guest, Self::Service)>> + Send>>;

    fn accept(&self, mut tcp: TcpStream, service: S) -> Self::Future {
        let door = self.clone();
        Box::pin(async move {
            let places = if door.allow.allows(tcp.peer_addr()?.ip()) { &door.places } else { &door.strangers };
            let Ok(place) = Arc::clone(places).try_acquire_owned() else {
                door.metrics.refused(Reason::TooManyConnections);
                return Err(io::Error::other("there is no place for one more connection"));
            };
            tcp.set_nodelay(true)?;
            let accepted = match timeout(door.handshake_timeout, speaks_tls(&mut tcp)).await {
                Ok(Ok(())) => door.tls.accept(tcp, service).await,
                Ok(Err(error)) => Err(error),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            match accepted {
                Ok((tls, service)) => Ok((Guest::new(tls, place, door.write_timeout), service)),
                Err(error) => {
                    door.metrics.refused(Reason::Handshake);
                    Err(error)
                }
            }
        })
    }
}

/// Looks at the first byte without taking it, and tells somebody who speaks plain HTTP what to do.
async fn speaks_tls(tcp: &mut TcpStream) -> io::Result<()> {
    let mut first = [0];
    match tcp.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first[0].is_ascii_uppercase() => {
            tcp.write_all(PLAIN_HTTP).await?;
            tcp.shutdown().await?;
            // Else the reset that follows an unread request could overtake the answer.
            let mut unread = [0; 4096];
            let _ = timeout(LINGER, async {
                while tokio::io::AsyncReadExt::read(tcp, &mut unread).await.is_ok_and(|bytes| bytes > 0) {}
            })
            .await;
            Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on the TLS port"))
        }
        _ if first[0] != HANDSHAKE => Err(io::Error::new(io::ErrorKind::InvalidData, "this is not TLS")),
        _ => Ok(()),
    }
}

/// A connection that was let in. It holds its place until it is gone.
pub struct Guest {
    tls: TlsStream<TcpStream>,
    write_timeout: Duration,
    /// Runs while the client takes nothing of what we send.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs from our last word on.
    lingering: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    fn new(tls: TlsStream<TcpStream>, place: OwnedSemaphorePermit, write_timeout: Duration) -> Self {
        Self { tls, write_timeout, stalled: None, lingering: None, _place: place }
    }

    /// Bounds how long `written` may stay pending: who reads no answer holds a place for nothing.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let write_timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tls).poll_write(cx, bytes);
        self.bounded(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.tls).poll_flush(cx);
        self.bounded(flushed, cx)
    }

    /// Says good-bye, then reads on for a moment and throws away what comes.
    ///
    /// A socket closed with unread bytes in it resets the connection, and the reset may overtake an answer on its way:
    /// a host that sends 20 MiB would see "connection reset" instead of our "the body is larger than …".
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let closed = Pin::new(&mut self.tls).poll_shutdown(cx);
            ready!(self.bounded(closed, cx))?;
            self.lingering = Some(Box::pin(sleep(LINGER)));
        }
        let Self { tls, lingering, .. } = &mut *self;
        let mut unread = [0; 4096];
        loop {
            if lingering.as_mut().is_none_or(|over| over.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Ok(()));
            }
            // The bare socket: nobody needs these bytes decrypted.
            let mut buffer = ReadBuf::new(&mut unread);
            match ready!(Pin::new(&mut *tls.get_mut().0).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
