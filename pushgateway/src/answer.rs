//! Answers in the shape that Go's HTTP library gives them.

use axum::body::Body;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// Plain text, as Go names it.
pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// JSON.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An error in words.
#[must_use]
pub fn error(status: StatusCode, reason: impl std::fmt::Display) -> Response<Body> {
    let mut response = with(status, TEXT, format!("{reason}\n"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A short text that is no error.
#[must_use]
pub fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    with(status, TEXT, text)
}

/// A body of some type.
#[must_use]
pub fn with(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Nothing is here.
#[must_use]
pub fn not_found() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "404 page not found")
}

/// The method leads nowhere here; others do.
#[must_use]
pub fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What is looked for is elsewhere. Those who read pages are told in one.
#[must_use]
pub fn elsewhere(status: u16, location: &str, with_page: bool) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    let mut response = if with_page {
        let reason = status.canonical_reason().unwrap_or_default();
        let location = location.replace('&', "&amp;");
        let page = format!("<a href=\"{location}\">{reason}</a>.\n\n");
        with(status, HeaderValue::from_static("text/html; charset=utf-8"), page)
    } else {
        empty(status)
    };
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Ends the connection behind this answer.
pub fn close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}
