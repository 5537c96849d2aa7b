//! The page for people.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::answer;
use crate::api::Api;
use crate::request::Target;

/// Answers with the page.
pub fn answer(_api: &Api, _target: &Target, _headers: &HeaderMap) -> Response<Body> {
    answer::with(StatusCode::OK, HeaderValue::from_static("text/html; charset=utf-8"), "<html></html>")
}
