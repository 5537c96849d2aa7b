//! A body read to its end, or not at all.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// A body, and the room in memory that it takes up.
pub struct Whole {
    /// Every byte of it.
    pub bytes: Bytes,
    /// Given back when the push is over.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Reads a body to its proper end. What broke off never leaves this function: a Pushgateway might store it.
///
/// # Errors
/// When it is larger than `limit`, broke off, or there is no room for it.
pub async fn read_whole<B>(body: B, limit: usize, room: &Arc<Semaphore>) -> Result<Whole, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Error + 'static,
{
    let mut body = std::pin::pin!(body);
    let too_large = || Refusal::BodyTooLarge(limit);
    // Announced: refused before the first byte, so that clients which ask (`Expect: 100-continue`) never send it.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut first: Option<Bytes> = None;
    let mut rest = Vec::new();
    let mut length = 0;
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::BodyBroken(innermost(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - length {
            return Err(too_large());
        }
        length += data.len();
        let bytes = u32::try_from(data.len()).map_err(|_| too_large())?;
        let more = Arc::clone(room).try_acquire_many_owned(bytes).map_err(|_| Refusal::Overloaded)?;
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        // Most bodies come in one piece, which then needs no copy.
        match first.take() {
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(begin) => {
                rest.reserve(begin.len() + data.len());
                rest.extend_from_slice(&begin);
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(Whole { bytes: first.unwrap_or_else(|| rest.into()), room: held })
}

/// The cause at the end of the chain; a closed connection in our words, since a library's are for programmers.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    loop {
        let is_closed = innermost.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || innermost.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof);
        if is_closed {
            return "the connection was closed before its end".to_owned();
        }
        match innermost.source() {
            Some(cause) => innermost = cause,
            None => return innermost.to_string(),
        }
    }
}
