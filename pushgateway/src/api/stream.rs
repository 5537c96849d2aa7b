//! A body that is made while it is read: whoever reads slowly has it made slowly.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::Frame;

/// Pieces that are made one after the other.
pub struct Chunks<I>(I);

impl<I: Iterator<Item = Vec<u8>> + Send + Unpin + 'static> Chunks<I> {
    /// Makes a body of them.
    pub fn body(pieces: I) -> Body {
        Body::new(Self(pieces))
    }
}

impl<I: Iterator<Item = Vec<u8>> + Unpin> http_body::Body for Chunks<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece.into()))))
    }
}
