//! A push, from its bytes to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use exposition::encoding::{self, DecodeError, Encoding};
use exposition::loose;
use exposition::{Limits, ParseError};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::sync::Semaphore;

use crate::answer;
use crate::api::Api;
use crate::aside::aside_if_many;
use crate::grouping::GroupKey;
use crate::metrics::PushOutcome;
use crate::store;
use crate::store::candidate::Candidate;
use crate::store::change::{Change, Check, Outcome};
use crate::store::group::Nanoseconds;
use crate::store::state::Mode;

/// Bodies above this wait for each other, so that a few of them do not take all memory.
const LARGE_BYTES: usize = 1024 * 1024;
/// So many of them at once.
const LARGE_AT_ONCE: usize = 4;
/// So many times as long is what comes out of a compressed body, about.
const USUAL_RATIO: usize = 8;
/// What a refusal begins with, whose push was well formed.
const INCONSISTENT: &str = "pushed metrics are invalid or inconsistent with existing metrics: ";

/// What pushes share.
pub struct Gate {
    large: Semaphore,
    /// Longest body, before and after decompression.
    pub body_limit: usize,
    /// Time for a body to arrive.
    pub body_timeout: Duration,
}

impl Gate {
    /// Makes one for bodies up to this limit.
    #[must_use]
    pub fn new(body_limit: usize, body_timeout: Duration) -> Self {
        Self { large: Semaphore::new(LARGE_AT_ONCE), body_limit, body_timeout }
    }
}

/// Why a push is answered otherwise than 200.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body did not come whole.
    #[error("the body ended before its end, and nothing was stored")]
    CutOff,
    /// It came too slowly.
    #[error("the body did not arrive within {0:?}")]
    TooSlow(Duration),
    /// There is too much of it.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// It should be decoded in a way that is not known.
    #[error("the Content-Encoding {0} is not known; gzip, snappy and zstd are")]
    Encoding(String),
    /// It should come in a way that is not known.
    #[error("501 Not Implemented: unsupported transfer encoding")]
    TransferEncoding,
    /// It does not decode.
    #[error("{0}")]
    Decode(DecodeError),
    /// It is not well formed; these are a Pushgateway's words.
    #[error("{0}")]
    Malformed(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::CutOff | Self::Encoding(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Decode(DecodeError::TooLarge(_)) | Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Decode(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::TransferEncoding => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// Answers with it.
    #[must_use]
    pub fn answer(&self) -> Response<Body> {
        let mut response = answer::error(self.status(), self);
        // What is left of the body may be anything.
        if matches!(self, Self::CutOff | Self::TooSlow(_) | Self::TooLarge(_) | Self::TransferEncoding) {
            answer::close(response.headers_mut());
        }
        response
    }
}

/// Reads a body to its end and decodes it.
///
/// # Errors
/// When it does not come whole, or is too large, or not what its head says.
pub async fn read_body(gate: &Gate, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let framings: Vec<_> = headers.get_all(TRANSFER_ENCODING).iter().collect();
    match framings[..] {
        [] => {}
        [one] if one.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
        _ => return Err(Refusal::TransferEncoding),
    }
    let limit = gate.body_limit;
    let encoding = encoding(headers)?;
    let length = http_body::Body::size_hint(&body);
    // Decompressed, a body may be as long as the limit; without a length, it may be so as it is.
    let is_large = encoding.is_some() || length.upper().is_none_or(|length| length > LARGE_BYTES as u64);
    if length.lower() > limit as u64 {
        return Err(Refusal::TooLarge(limit));
    }
    let _place = if is_large { gate.large.acquire().await.ok() } else { None };
    let reading = tokio::time::timeout(gate.body_timeout, Limited::new(body, limit).collect());
    let bytes = match reading.await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(Refusal::TooLarge(limit)),
        Ok(Err(_)) => return Err(Refusal::CutOff),
        Err(_) => return Err(Refusal::TooSlow(gate.body_timeout)),
    };
    match encoding {
        None => Ok(bytes),
        Some(encoding) => {
            // What is short may become long.
            let length = bytes.len().saturating_mul(USUAL_RATIO);
            let decoded = aside_if_many(length, move || encoding::decode(encoding, &bytes, limit)).await;
            decoded.map(Bytes::from).map_err(Refusal::Decode)
        }
    }
}

/// Returns how the body is compressed. `deflate` and names of the same kind are refused: a Pushgateway reads such bodies as
/// text, and finds nothing in them.
fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let mut names = headers.get_all(CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let (Some(name), None) = (names.next(), names.next()) else {
        return if headers.contains_key(CONTENT_ENCODING) {
            Err(Refusal::Encoding("list".to_owned()))
        } else {
            Ok(None)
        };
    };
    match name.trim() {
        "" => Ok(None),
        name if name.eq_ignore_ascii_case("identity") => Ok(None),
        name => match Encoding::from_name(name) {
            Some(encoding) => Ok(Some(encoding)),
            None => Err(Refusal::Encoding(crate::wording::quoted(name.as_bytes()))),
        },
    }
}

/// Reads the families of a body and makes them ready for the store.
fn candidate(is_protobuf: bool, body: &[u8], key: &GroupKey, now: Nanoseconds) -> Result<Candidate, Refusal> {
    let mut candidate = Candidate::new(&parse(is_protobuf, body)?, key, now);
    candidate.encode();
    Ok(candidate)
}

fn parse(is_protobuf: bool, body: &[u8]) -> Result<Vec<loose::Family<'_>>, Refusal> {
    if is_protobuf {
        return loose::protobuf(body, &Limits::NONE).map_err(|error| Refusal::Malformed(error.fault.to_string()));
    }
    loose::text(body, &Limits::NONE)
        .map_err(|error: ParseError| Refusal::Malformed(format!("text format parsing error in {error}")))
}

/// Whether the type says protobuf in all three words; everything else is text.
fn is_protobuf(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else { return false };
    let mut parts = kind.split(';').map(str::trim);
    let is_protobuf = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/vnd.google.protobuf"));
    let has = |wanted: &str, value: &str| {
        kind.split(';')
            .skip(1)
            .filter_map(|part| part.trim().split_once('='))
            .any(|(name, own)| name.trim().eq_ignore_ascii_case(wanted) && own.trim().trim_matches('"') == value)
    };
    is_protobuf && has("proto", "io.prometheus.client.MetricFamily") && has("encoding", "delimited")
}

/// Answers a push to `key`.
pub async fn answer(api: &Api, key: GroupKey, method: &Method, headers: &HeaderMap, body: Body) -> Response<Body> {
    let (response, outcome) = push(api, key, method, headers, body).await;
    api.metrics.pushed(outcome);
    response
}

async fn push(
    api: &Api,
    key: GroupKey,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> (Response<Body>, PushOutcome) {
    let refused = |refusal: &Refusal| {
        let outcome = match refusal.status() {
            StatusCode::PAYLOAD_TOO_LARGE => PushOutcome::TooLarge,
            _ => PushOutcome::Malformed,
        };
        (refusal.answer(), outcome)
    };
    let body = match read_body(&api.gate, headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refused(&refusal),
    };
    let (now, key, is_protobuf) = (store::now(), Arc::new(key), is_protobuf(headers));
    let own = Arc::clone(&key);
    let candidate = match aside_if_many(body.len(), move || candidate(is_protobuf, &body, &own, now)).await {
        Ok(candidate) => candidate,
        Err(refusal) => return refused(&refusal),
    };
    let mode = if *method == Method::PUT { Mode::Replace } else { Mode::Merge };
    let change = Change::Push { key, candidate, mode, now, check: api.check };
    match api.store.change(change).await {
        Ok(Outcome::Refused(reasons)) => {
            let response = answer::error(StatusCode::BAD_REQUEST, format_args!("{INCONSISTENT}{reasons}"));
            (response, PushOutcome::Inconsistent)
        }
        Ok(outcome) => {
            if let Outcome::Done(left_out) = outcome {
                api.metrics.left_out(left_out);
            }
            let status = if api.check == Check::Refuse { StatusCode::OK } else { StatusCode::ACCEPTED };
            (answer::empty(status), PushOutcome::Accepted)
        }
        Err(error) => (answer::error(StatusCode::SERVICE_UNAVAILABLE, error), PushOutcome::Unavailable),
    }
}
