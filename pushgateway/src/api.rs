//! The HTTP API.

use axum::body::Body;
use http::{Request, Response, StatusCode};

use crate::request::Target;

/// Answers requests.
pub struct Api {}

impl Api {
    /// Answers one request.
    pub async fn answer(&self, target: Target, _request: Request<Body>) -> Response<Body> {
        let mut response = Response::new(Body::from("OK"));
        if target.path().is_err() {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }
}
