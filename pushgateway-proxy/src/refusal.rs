//! Every way to be refused: the status, the words, and the name it is counted under.

use std::net::IpAddr;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::login::LoginError;
use crate::path::PathError;
use crate::upstream::UpstreamError;

/// The largest head of a request: its line and all headers.
pub const HEAD_LIMIT_BYTES: usize = 32 * 1024;

/// Why a request was not passed on, or came back without the Pushgateway's answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not on the allowlist.
    #[error("{0} is not on this gate's allowlist (proxy.allow, or --allow)")]
    Address(IpAddr),
    /// Not logged in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Not a push, or not clearly one.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A push, but with another method.
    #[error("a group of metrics is written with PUT or POST and removed with DELETE; reading is done at Prometheus")]
    Method,
    /// A head that two readers could read in two ways.
    #[error("{0}")]
    Head(&'static str),
    /// Headers beyond all need.
    #[error("the headers are larger than {HEAD_LIMIT_BYTES} bytes")]
    HeadTooLarge,
    /// A transfer encoding that is not understood.
    #[error("the only Transfer-Encoding that is understood is `chunked`")]
    TransferEncoding,
    /// Larger than `body_limit`.
    #[error("the body is larger than {0} bytes (proxy.body_limit)")]
    BodyTooLarge(usize),
    /// Ended before its end.
    #[error("the body broke off, so nothing of it was passed on: {0}")]
    BodyBroken(String),
    /// Did not come in time.
    #[error("the request did not arrive within its time (proxy.request_timeout)")]
    TooSlow,
    /// There is no room for one more body, or no time to look at one more password.
    #[error("this gate is overloaded; try again")]
    Overloaded,
    /// The Pushgateway's side.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// The name under which a refusal is counted and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its refusal")]
pub enum Reason {
    Address,
    NoCredentials,
    BadCredentials,
    Path,
    Method,
    Malformed,
    BodyTooLarge,
    BodyBroken,
    Timeout,
    Overloaded,
    UpstreamUnreachable,
    UpstreamTimeout,
    UpstreamAnswer,
    TooManyConnections,
    Handshake,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 15] = [
        Self::Address,
        Self::NoCredentials,
        Self::BadCredentials,
        Self::Path,
        Self::Method,
        Self::Malformed,
        Self::BodyTooLarge,
        Self::BodyBroken,
        Self::Timeout,
        Self::Overloaded,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamAnswer,
        Self::TooManyConnections,
        Self::Handshake,
    ];

    /// Returns the label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::NoCredentials => "no_credentials",
            Self::BadCredentials => "bad_credentials",
            Self::Path => "path",
            Self::Method => "method",
            Self::Malformed => "malformed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyBroken => "body_broken",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamAnswer => "upstream_answer",
            Self::TooManyConnections => "too_many_connections",
            Self::Handshake => "tls_handshake",
        }
    }
}

impl Refusal {
    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Address(_) => StatusCode::FORBIDDEN,
            Self::Login(LoginError::Ambiguous) => StatusCode::BAD_REQUEST,
            Self::Login(_) => StatusCode::UNAUTHORIZED,
            Self::Path(PathError::NotAPush) => StatusCode::NOT_FOUND,
            Self::Path(PathError::TooLong) => StatusCode::URI_TOO_LONG,
            Self::Path(_) | Self::Head(_) | Self::BodyBroken(_) => StatusCode::BAD_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TransferEncoding => StatusCode::NOT_IMPLEMENTED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Overloaded | Self::Upstream(UpstreamError::TimedOut { .. } | UpstreamError::Busy { .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Upstream(UpstreamError::Unreachable { .. } | UpstreamError::Odd { .. }) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Returns the name under which it is counted.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Address(_) => Reason::Address,
            Self::Login(LoginError::Missing) => Reason::NoCredentials,
            Self::Login(_) => Reason::BadCredentials,
            Self::Path(_) => Reason::Path,
            Self::Method => Reason::Method,
            Self::Head(_) | Self::HeadTooLarge | Self::TransferEncoding => Reason::Malformed,
            Self::BodyTooLarge(_) => Reason::BodyTooLarge,
            Self::BodyBroken(_) => Reason::BodyBroken,
            Self::TooSlow => Reason::Timeout,
            Self::Overloaded | Self::Upstream(UpstreamError::Busy { .. }) => Reason::Overloaded,
            Self::Upstream(UpstreamError::Unreachable { .. }) => Reason::UpstreamUnreachable,
            Self::Upstream(UpstreamError::TimedOut { .. }) => Reason::UpstreamTimeout,
            Self::Upstream(UpstreamError::Odd { .. }) => Reason::UpstreamAnswer,
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.status() {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"noroshi\""))),
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, HeaderValue::from_static("DELETE, POST, PUT"))),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, HeaderValue::from_static("5"))),
            // Where this request ends is not clear, so the next one would begin anywhere.
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::NOT_IMPLEMENTED => {
                Some((CONNECTION, HeaderValue::from_static("close")))
            }
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let header = self.header();
        let mut response = (self.status(), format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.extend(header);
        response
    }
}
