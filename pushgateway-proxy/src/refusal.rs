//! Every way to be refused: the status, the words, and the name it is counted under.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use crate::body::BodyError;
use crate::login::LoginError;
use crate::origin::NotAddresses;
use crate::path::PathError;
use crate::reason::Reason;
use crate::scope::OutOfScope;
use crate::types::OtherType;
use crate::upstream::UpstreamError;

/// The largest head of a request: its line and all headers.
pub const HEAD_LIMIT_BYTES: usize = 32 * 1024;

/// How a body may be packed (RFC 9110, section 12.5.3).
pub const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, snappy, zstd");

/// Why a request was not passed on, or came back without the Pushgateway's answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not on the allowlist.
    #[error("{0} is not on this gate's allowlist (proxy.allow, or --allow)")]
    Address(IpAddr),
    /// Not logged in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A password of somebody else than the certificate's bearer.
    #[error("the certificate is not the one of the user who logs in")]
    OtherBearer,
    /// From a proxy of ours that does not say whom it speaks for.
    #[error(transparent)]
    Origin(#[from] NotAddresses),
    /// Not a push, or not clearly one.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A push that is not his.
    #[error(transparent)]
    Scope(#[from] OutOfScope),
    /// A metric that is something else to others.
    #[error(transparent)]
    Type(#[from] OtherType),
    /// A body that a Pushgateway would refuse, or that is beyond a limit.
    #[error(transparent)]
    Body(#[from] BodyError),
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

impl Refusal {
    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Address(_) | Self::OtherBearer | Self::Scope(_) => StatusCode::FORBIDDEN,
            Self::Login(LoginError::Ambiguous) => StatusCode::BAD_REQUEST,
            Self::Login(LoginError::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Login(LoginError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Login(_) => StatusCode::UNAUTHORIZED,
            Self::Path(PathError::NotAPush) => StatusCode::NOT_FOUND,
            Self::Path(PathError::TooLong) => StatusCode::URI_TOO_LONG,
            Self::Body(BodyError::Encoding) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(error) if error.is_too_large() => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Path(_) | Self::Head(_) | Self::BodyBroken(_) | Self::Origin(_) | Self::Body(_) | Self::Type(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Method | Self::Upstream(UpstreamError::NoRemoval) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TransferEncoding => StatusCode::NOT_IMPLEMENTED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Overloaded
            | Self::Upstream(
                UpstreamError::TimedOut { .. } | UpstreamError::Busy { .. } | UpstreamError::Resting { .. },
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(UpstreamError::Unreachable { .. } | UpstreamError::Odd { .. }) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Returns the name under which it is counted.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Address(_) => Reason::Address,
            Self::Login(LoginError::Missing) => Reason::NoCredentials,
            Self::Login(LoginError::Throttled { .. }) => Reason::LoginThrottled,
            Self::Login(LoginError::Busy) | Self::Overloaded | Self::Upstream(UpstreamError::Busy { .. }) => {
                Reason::Overloaded
            }
            Self::Login(_) | Self::OtherBearer => Reason::BadCredentials,
            Self::Path(_) => Reason::Path,
            Self::Scope(_) => Reason::Scope,
            Self::Type(_) => Reason::Type,
            Self::Method | Self::Upstream(UpstreamError::NoRemoval) => Reason::Method,
            Self::Head(_) | Self::HeadTooLarge | Self::TransferEncoding | Self::Origin(_) => Reason::Malformed,
            Self::BodyTooLarge(_) => Reason::BodyTooLarge,
            Self::Body(error) if error.is_too_large() => Reason::BodyTooLarge,
            Self::BodyBroken(_) => Reason::BodyBroken,
            Self::Body(_) => Reason::Body,
            Self::TooSlow => Reason::Timeout,
            Self::Upstream(UpstreamError::Unreachable { .. }) => Reason::UpstreamUnreachable,
            Self::Upstream(UpstreamError::TimedOut { .. }) => Reason::UpstreamTimeout,
            Self::Upstream(UpstreamError::Resting { .. }) => Reason::UpstreamResting,
            Self::Upstream(UpstreamError::Odd { .. }) => Reason::UpstreamAnswer,
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.status() {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"noroshi\""))),
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, HeaderValue::from_static("DELETE, POST, PUT"))),
            StatusCode::TOO_MANY_REQUESTS => {
                let Self::Login(LoginError::Throttled { wait }) = self else { return None };
                Some((RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)))
            }
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, HeaderValue::from_static("5"))),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some((ACCEPT_ENCODING, ENCODINGS)),
            // Where this request ends is not clear, so the next one would begin anywhere.
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::NOT_IMPLEMENTED => {
                Some((CONNECTION, HeaderValue::from_static("close")))
            }
            _ => None,
        }
    }
}

impl From<&Refusal> for Response<Full<Bytes>> {
    fn from(refusal: &Refusal) -> Self {
        let mut response = Self::new(format!("{refusal}\n").into());
        *response.status_mut() = refusal.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.extend(refusal.header());
        response
    }
}
