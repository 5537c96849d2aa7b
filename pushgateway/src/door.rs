//! What every connection passes before HTTP: heads as they came, and none that can be read in two ways.
//!
//! A grouping key stands in the path, and a Pushgateway takes paths that the HTTP library refuses or cuts short (a raw
//! `#` or `<`, bytes that are no ASCII, 100 kB of them). So the path travels past the library in a header, [`TARGET`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// The header in which the target of a request travels from the door to the handler. What a client sends under this name
/// does not pass.
pub const TARGET: &str = "x-noroshi-target";
/// The longest head of a request; a Pushgateway has 1 MiB as well.
pub const HEAD_LIMIT_BYTES: usize = 1024 * 1024;
/// What the HTTP library answers with 400.
const NO_REQUEST: &[u8] = b"\0\r\n\r\n";
/// More headers than any client sends.
const MAX_HEADERS: usize = 128;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// A connection whose heads are rewritten as they come in.
pub struct Door<S> {
    stream: S,
    state: State,
    /// Came in, and was not looked at yet.
    raw: Vec<u8>,
    /// To be read by the HTTP library; the number says how much of it was.
    out: Vec<u8>,
    given: usize,
    patience: Duration,
    /// Runs while a head is to come. One for the whole connection: winding it anew costs nothing, a new one does.
    clock: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// A head is to come.
    Head,
    /// So many bytes of a body are to come.
    Body(u64),
    /// All that comes is passed on: the connection ends behind it.
    Rest,
}

impl<S> Door<S> {
    /// Stands before `stream`, and waits for the whole head of each request as long as `patience` lasts.
    pub fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            state: State::Head,
            raw: Vec::new(),
            out: Vec::new(),
            given: 0,
            patience,
            clock: None,
            is_waiting: false,
        }
    }

    /// Ends a connection whose next head does not come.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state != State::Head {
            return Poll::Pending;
        }
        let bound = self.patience;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep(bound)));
        if !self.is_waiting {
            clock.as_mut().reset(Instant::now() + bound);
            self.is_waiting = true;
        }
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Moves what may pass from `raw` to `out`.
    fn pass(&mut self) {
        match self.state {
            State::Rest => self.out.append(&mut self.raw),
            State::Body(left) => {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.raw.len());
                self.out.extend(self.raw.drain(..length));
                self.state = match left - length as u64 {
                    0 => State::Head,
                    left => State::Body(left),
                };
            }
            State::Head => self.head(),
        }
    }

    fn head(&mut self) {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(&self.raw) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if self.raw.len() <= HEAD_LIMIT_BYTES => return,
            // Too large, or no head at all: the library knows what to answer.
            _ => {
                self.state = State::Rest;
                return self.out.append(&mut self.raw);
            }
        };
        self.state = rewrite(&request, &mut self.out);
        self.raw.drain(..length);
        self.is_waiting = false;
    }
}

/// Writes the head that the library gets, and says what follows on it.
fn rewrite(request: &httparse::Request<'_, '_>, out: &mut Vec<u8>) -> State {
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        out.extend_from_slice(NO_REQUEST);
        return State::Rest;
    };
    let has = |name: &str| request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    let (chunked, length) = (has("transfer-encoding"), has("content-length"));
    // Two lengths of one body: who stands before us may have believed the other one.
    if chunked && length {
        out.extend_from_slice(NO_REQUEST);
        return State::Rest;
    }
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(if version == 0 { b" / HTTP/1.0\r\n" } else { b" / HTTP/1.1\r\n" });
    let mut line = |name: &[u8], value: &[u8]| {
        for piece in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    };
    line(TARGET.as_bytes(), target.as_bytes());
    let mut state = if chunked { State::Rest } else { State::Head };
    for header in request.headers.iter().filter(|header| !header.name.eq_ignore_ascii_case(TARGET)) {
        line(header.name.as_bytes(), header.value);
        if header.name.eq_ignore_ascii_case("content-length") {
            // One that is no number is refused by the library, and the connection with it.
            let length = std::str::from_utf8(header.value).ok().and_then(|value| value.trim().parse().ok());
            state = match length {
                Some(0) => State::Head,
                Some(length) => State::Body(length),
                None => State::Rest,
            };
        }
    }
    out.extend_from_slice(b"\r\n");
    state
}

impl<S: AsyncRead + Unpin> AsyncRead for Door<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let door = &mut *self;
            if door.given < door.out.len() {
                let length = buffer.remaining().min(door.out.len() - door.given);
                buffer.put_slice(&door.out[door.given..door.given + length]);
                door.given += length;
                if door.given == door.out.len() {
                    door.out.clear();
                    door.given = 0;
                    door.out.shrink_to(READ_BYTES);
                }
                return Poll::Ready(Ok(()));
            }
            if !door.raw.is_empty() {
                door.pass();
                if !door.out.is_empty() {
                    continue;
                }
            }
            // The end of a connection, also in the middle of a head, is the library's to judge.
            if door.refill(cx, buffer)?.is_pending() {
                return door.poll_clock(cx);
            }
            if door.raw.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Door<S> {
    /// Reads into `raw`, or, where nothing need be looked at, past it into `buffer`.
    fn refill(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> io::Result<Poll<()>> {
        if self.state == State::Rest && self.raw.is_empty() {
            return poll(Pin::new(&mut self.stream).poll_read(cx, buffer));
        }
        let mut piece = [0; READ_BYTES];
        let mut piece = ReadBuf::new(&mut piece);
        if poll(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?.is_pending() {
            return Ok(Poll::Pending);
        }
        if piece.filled().is_empty() {
            // Half a head: whatever it is, it is the last of this connection.
            self.state = State::Rest;
            self.out.append(&mut self.raw);
            let length = buffer.remaining().min(self.out.len());
            buffer.put_slice(&self.out[..length]);
            self.given = length;
        } else {
            self.raw.extend_from_slice(piece.filled());
        }
        Ok(Poll::Ready(()))
    }
}

fn poll(read: Poll<io::Result<()>>) -> io::Result<Poll<()>> {
    match read {
        Poll::Pending => Ok(Poll::Pending),
        Poll::Ready(result) => result.map(Poll::Ready),
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Door<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(Pin::new(&mut self.stream).poll_shutdown(cx)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What the library reads when the client sends `bytes` in pieces of any size and closes then.
    async fn read(bytes: &[u8]) -> String {
        let mut seen = None;
        for size in [1, 7, 100_000] {
            let mut stream = tokio_util_pieces(bytes, size);
            let mut text = Vec::new();
            Door::new(&mut stream, PATIENCE).read_to_end(&mut text).await.unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert_eq!(*seen.get_or_insert_with(|| text.clone()), text, "in pieces of {size}");
        }
        seen.unwrap()
    }

    /// A stream that gives `size` bytes at a time.
    fn tokio_util_pieces(bytes: &[u8], size: usize) -> Pieces {
        Pieces { rest: bytes.to_vec(), size }
    }

    struct Pieces {
        rest: Vec<u8>,
        size: usize,
    }

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let length = self.size.min(self.rest.len()).min(buffer.remaining());
            buffer.put_slice(&self.rest[..length]);
            self.rest.drain(..length);
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn the_target_travels_in_a_header_and_nobody_elses_does() {
        let text = read(b"POST /a#b HTTP/1.1\r\nX-Noroshi-Target: /evil\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /c HTTP/1.1\r\n\r\n").await;
        assert_eq!(
            text,
            "POST / HTTP/1.1\r\nx-noroshi-target: /a#b\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
             GET / HTTP/1.1\r\nx-noroshi-target: /c\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn two_lengths_of_one_body_are_no_request() {
        let text = read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n").await;
        assert!(text.starts_with("\0\r\n\r\n"), "{text:?}");
    }

    #[tokio::test]
    async fn half_a_head_is_passed_on_as_it_is() {
        assert_eq!(read(b"POST /a HT").await, "POST /a HT");
        assert_eq!(read(b"").await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_whatever_comes_of_it_and_a_body_has_none_here() {
        let (mut client, server) = tokio::io::duplex(1024);
        let (mut door, begin) = (Door::new(server, PATIENCE), Instant::now());
        let mut piece = [0; 256];
        client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n").await.unwrap();
        assert!(door.read(&mut piece).await.unwrap() > 0);
        let late = tokio::time::timeout(PATIENCE * 3, door.read(&mut piece)).await;
        assert!(late.is_err(), "{late:?}");
        client.write_all(b"abc").await.unwrap();
        assert_eq!(door.read(&mut piece).await.unwrap(), 3);
        assert_eq!(begin.elapsed(), PATIENCE * 3);

        let reading = tokio::spawn(async move { door.read(&mut piece).await.map_err(|error| error.kind()) });
        for _ in 0..2 {
            sleep(PATIENCE / 3).await;
            client.write_all(b"X").await.unwrap();
        }

        assert_eq!(reading.await.unwrap(), Err(io::ErrorKind::TimedOut));
        assert_eq!(begin.elapsed(), PATIENCE * 4);
    }
}
