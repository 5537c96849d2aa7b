//! A body that is made while it is read: whoever reads slowly has it made slowly.
//!
//! Each piece is made on a thread that may block, and holds it no longer than that: pushes go on during a scrape, and those
//! who read slowly take nothing from anybody.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::Frame;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// Pieces that are made one after the other.
pub struct Chunks<I>(Stage<I>);

enum Stage<I> {
    /// Nobody has asked for the next piece.
    Resting(I),
    /// The next piece is being made.
    Making(JoinHandle<(I, Option<Vec<u8>>)>),
    /// There are no more.
    Over,
}

impl<I: Iterator<Item = Vec<u8>> + Send + Unpin + 'static> Chunks<I> {
    /// Makes a body of them.
    pub fn body(pieces: I) -> Body {
        Body::new(Self(Stage::Resting(pieces)))
    }
}

impl<I: Iterator<Item = Vec<u8>> + Send + Unpin + 'static> http_body::Body for Chunks<I> {
    type Data = Bytes;
    /// When making a piece panicked. The body ends before its end then, which readers notice.
    type Error = JoinError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, JoinError>>> {
        loop {
            match std::mem::replace(&mut self.0, Stage::Over) {
                Stage::Resting(mut pieces) => {
                    self.0 = Stage::Making(spawn_blocking(move || {
                        let piece = pieces.next();
                        (pieces, piece)
                    }));
                }
                Stage::Making(mut making) => match Pin::new(&mut making).poll(cx) {
                    Poll::Pending => {
                        self.0 = Stage::Making(making);
                        return Poll::Pending;
                    }
                    Poll::Ready(made) => {
                        let (pieces, piece) = made?;
                        let Some(piece) = piece else { return Poll::Ready(None) };
                        self.0 = Stage::Resting(pieces);
                        return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
                    }
                },
                Stage::Over => return Poll::Ready(None),
            }
        }
    }
}
