//! A connection that was let in, and the clocks that run on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::framing::Framing;

/// How long a client may still send after it was answered; see [`Guest::poll_shutdown`].
pub const LINGER: Duration = Duration::from_secs(2);

/// After so long without a request, or half the time it has for one, a connection rests; see [`Phase::rests`].
const REST: Duration = Duration::from_secs(2);

/// How long each part of a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, from its first byte to its last.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For a client that takes nothing of what we send.
    pub write: Duration,
}

impl Patience {
    fn rest(&self) -> Duration {
        REST.min(self.idle / 2)
    }
}

/// What a connection is waiting for. The service that answers its requests and the stream below both look at it.
#[derive(Clone, Default)]
pub struct Phase(Arc<Shared>);

#[derive(Default)]
struct Shared {
    phase: AtomicU8,
    is_doubtful: AtomicBool,
}

/// The head of a request is on its way, or due: so a connection begins.
const HEAD: u8 = 0;
/// A request is at work; its own deadline counts.
const BUSY: u8 = 1;
/// Between two requests.
const IDLE: u8 = 2;
/// Between two requests that are far apart, and the answer to the first has not been taken whole.
const IDLE_FOR_LONG: u8 = 3;
/// Between two requests that are far apart.
const RESTING: u8 = 4;

impl Phase {
    /// Says that a request's head has been read; returns whether it told its body's length twice.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.set(BUSY);
        self.0.is_doubtful.swap(false, Ordering::Relaxed)
    }

    /// Says that a request has been answered.
    pub fn is_idle(&self) {
        self.set(IDLE);
    }

    /// Whether nothing has been asked for a while. For the HTTP library, the stream ends there, and can be taken from it.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.now() == RESTING
    }

    fn set(&self, phase: u8) {
        self.0.phase.store(phase, Ordering::Relaxed);
    }

    fn now(&self) -> u8 {
        self.0.phase.load(Ordering::Relaxed)
    }
}

/// A connection that was let in.
pub struct Guest {
    tls: TlsStream<TcpStream>,
    patience: Patience,
    phase: Phase,
    framing: Framing,
    /// Runs while the client owes us something; for which phase it was set, says the second.
    owed: Option<(Pin<Box<Sleep>>, u8)>,
    /// Runs while the client takes nothing of what we send.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs from our last word on.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Guest {
    /// Lets `tls` in.
    #[must_use]
    pub fn new(tls: TlsStream<TcpStream>, patience: Patience, phase: Phase) -> Self {
        Self { tls, patience, phase, framing: Framing::default(), owed: None, stalled: None, lingering: None }
    }

    /// Waits until something is asked, and leaves it for [`AsyncRead`]; returns false when the client left, or let its time
    /// go by.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn is_asked(&mut self) -> io::Result<bool> {
        poll_fn(|cx| {
            if let Poll::Ready(asked) = Pin::new(&mut self.tls).poll_fill_buf(cx) {
                return Poll::Ready(asked.map(|bytes| !bytes.is_empty()));
            }
            self.poll_owed(cx).map(|()| Ok(false))
        })
        .await
    }

    /// Says good-bye; see [`Guest::poll_shutdown`].
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn leave(&mut self) -> io::Result<()> {
        self.phase.set(IDLE);
        self.shutdown().await
    }

    /// Polls the clock of the present phase, and winds it when the phase is new.
    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.phase.now();
        let bound = match phase {
            HEAD => self.patience.head,
            IDLE => self.patience.rest(),
            IDLE_FOR_LONG | RESTING => self.patience.idle.saturating_sub(self.patience.rest()),
            _ => return Poll::Pending,
        };
        match &mut self.owed {
            Some((_, set_for)) if *set_for == phase => {}
            Some((clock, set_for)) => {
                clock.as_mut().reset(Instant::now() + bound);
                *set_for = phase;
            }
            None => self.owed = Some((Box::pin(sleep(bound)), phase)),
        }
        let over = self.owed.as_mut().map_or(Poll::Pending, |(clock, _)| clock.as_mut().poll(cx));
        if over.is_ready() && phase == IDLE {
            // Who has not taken our answer yet cannot be left alone with it.
            self.phase.set(if self.stalled.is_none() { RESTING } else { IDLE_FOR_LONG });
            return self.poll_owed(cx);
        }
        over
    }

    /// Bounds how long `written` may stay pending: who reads no answer holds a place for nothing.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let write = self.patience.write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(write)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tls).poll_read(cx, buffer);
        if read.is_ready() {
            let phase = self.phase.now();
            let bytes = &buffer.filled()[before..];
            if phase != HEAD && phase != BUSY && !bytes.is_empty() {
                self.phase.set(HEAD);
                self.framing.restart();
            }
            if phase != BUSY && self.framing.is_doubtful(bytes) {
                self.phase.0.is_doubtful.store(true, Ordering::Relaxed);
            }
            // A head that comes in pieces has one clock for all of them; every other phase winds its own.
            if phase != HEAD
                && let Some((_, set_for)) = &mut self.owed
            {
                *set_for = BUSY;
            }
            return read;
        }
        let over = self.poll_owed(cx);
        if self.phase.rests() {
            // An end, as far as the HTTP library knows.
            return Poll::Ready(Ok(()));
        }
        ready!(over);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tls).poll_write(cx, bytes);
        self.bounded(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tls).poll_write_vectored(cx, pieces);
        self.bounded(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.tls).poll_flush(cx);
        // The library reads no more until something comes, so its clock is wound with the last of an answer.
        if self.phase.now() == IDLE {
            let _ = self.poll_owed(cx);
        }
        self.bounded(flushed, cx)
    }

    /// Says good-bye, then reads on for a moment and throws away what comes.
    ///
    /// A socket closed with unread bytes in it resets the connection, and the reset may overtake an answer on its way:
    /// a host that sends 20 MiB would see "connection reset" instead of our "the body is larger than …".
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase.rests() {
            // It is the library that leaves.
            return Poll::Ready(Ok(()));
        }
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
