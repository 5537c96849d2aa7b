//! What the double answers: a status, perhaps a body, the rate limit headers.

use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};

/// An answer to one request, good or bad.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    pub(super) fn empty() -> Self {
        Self { status: 204, body: None, headers: Vec::new() }
    }

    /// An error with one of Discord's numbers.
    pub(super) fn error(status: u16, code: u32, message: &str) -> Self {
        Self::new(status, json!({ "message": message, "code": code }))
    }

    /// A 50035 of the body as a whole.
    pub(super) fn not_a_form(code: &str, message: &str) -> Self {
        let said = json!({ "_errors": [{ "code": code, "message": message }] });
        Self::new(400, json!({ "message": "Invalid Form Body", "code": 50035, "errors": said }))
    }

    /// Puts `headers` before those that this answer has already.
    pub(super) fn with_headers(mut self, mut headers: Vec<(&'static str, String)>) -> Self {
        headers.append(&mut self.headers);
        self.headers = headers;
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status).header("via", "1.1 discord-double");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = match self.body {
            Some(body) => {
                response = response.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        response.body(body).expect("statuses and headers of the double are valid")
    }
}
