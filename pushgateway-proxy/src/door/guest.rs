//! A connection that was let in, and the clocks that run on it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::framing::Framing;

/// How long a client may still send after it was answered; see [`Guest::poll_shutdown`].
pub const LINGER: Duration = Duration::from_secs(2);

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

    /// Polls the clock of the present phase, and winds it when the phase is new.
    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.phase.now();
        let bound = match phase {
            HEAD => self.patience.head,
            IDLE => self.patience.idle,
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
        self.owed.as_mut().map_or(Poll::Pending, |(clock, _)| clock.as_mut().poll(cx))
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
            if phase == IDLE && !bytes.is_empty() {
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
        ready!(self.poll_owed(cx));
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
