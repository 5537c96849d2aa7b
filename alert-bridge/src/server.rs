//! The door for Alertmanager: `POST /alertmanager`.
//!
//! Alertmanager acts on our status alone. 2xx: told, silent until something changes. 5xx: it asks again soon. 4xx, 429
//! included: given up for this time. So a 2xx leaves here only after the delivery, whatever may be over soon is a 503,
//! and a 4xx is for what will never be understood. Answers are one line, because it logs them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use daemon::CancellationToken;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::compose::compose;
use crate::delivery::Undelivered;
use crate::language::Language;
use crate::metrics::{Metrics, Outcome};
use crate::receiver::{Patience, Receiver};
use crate::text;
use crate::webhook::{self, NotUnderstood};

/// Alertmanager has no upper limit: 10,000 alerts with their annotations are a dozen megabytes.
pub const BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// How much more than that is read only to be thrown away: a sender that is cut off in the middle of its body may
/// never see why.
const DRAIN_LIMIT_BYTES: usize = 64 * 1024 * 1024;
/// A sender next door needs no longer for its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a group's key goes to the log; with `group_by: ['...']` it is as long as its labels.
const KEY_LIMIT: usize = 200;

/// What the door leads to.
pub struct Bridge {
    /// Where messages go.
    pub receiver: Receiver,
    /// The language they are in.
    pub language: Language,
    /// How long a delivery may take: Alertmanager gives up after 10 s, and asks again with the same alerts.
    pub patience: Duration,
    /// Where everything is counted.
    pub metrics: Metrics,
    /// Says when this process is about to end.
    pub stop: CancellationToken,
}

/// Returns the door. Without a socket, so that tests may knock.
pub fn router(bridge: Bridge) -> Router {
    Router::new()
        .route("/alertmanager", post(alertmanager).fallback(wrong_method))
        .fallback(wrong_path)
        .with_state(Arc::new(bridge))
}

/// Why a webhook was not told to anybody.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood), // 400
    #[error("only POST is answered here: Alertmanager's webhook_configs post to /alertmanager")]
    WrongMethod, // 405
    #[error("the body is longer than {} MiB", BODY_LIMIT_BYTES / 1024 / 1024)]
    TooLong, // 413
    #[error("a compressed body is not understood; Alertmanager sends plain JSON")]
    Compressed, // 415
    #[error("the body broke off or did not arrive in time")]
    BrokenOff, // 503
    #[error(transparent)]
    Undelivered(#[from] Undelivered), // 503
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotUnderstood(_) => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BrokenOff | Self::Undelivered(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

async fn alertmanager(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    match bridge.tell(request).await {
        Ok(said) => {
            bridge.metrics.webhook(Outcome::Accepted);
            (StatusCode::OK, said).into_response()
        }
        Err(refusal) => bridge.refuse(&refusal),
    }
}

async fn wrong_method(State(bridge): State<Arc<Bridge>>) -> Response {
    let allow = [(header::ALLOW, "POST")];
    (allow, bridge.refuse(&Refusal::WrongMethod)).into_response()
}

async fn wrong_path(uri: Uri) -> (StatusCode, String) {
    let path = text::clip(&text::line(uri.path()), 100);
    (StatusCode::NOT_FOUND, format!("nothing is at {path}; Alertmanager's webhooks go to POST /alertmanager\n"))
}

impl Bridge {
    async fn tell(&self, request: Request) -> Result<&'static str, Refusal> {
        if self.stop.is_cancelled() {
            return Err(Undelivered::Stopping.into());
        }
        if is_compressed(request.headers()) {
            return Err(Refusal::Compressed);
        }
        let body = read(request.into_body()).await?;
        let webhook = webhook::parse(&body)?;
        // A storm brings hundreds of these at once, and the rest of their time is spent waiting.
        drop(body);
        let Some(message) = compose(&webhook, self.language) else {
            return Ok("no alerts, so there is nothing to tell\n");
        };
        let group = text::clip(&text::line(&webhook.group_key), KEY_LIMIT);
        drop(webhook);

        let (firing, resolved) = message.counts();
        let receiver = self.receiver.kind();
        let started = Instant::now();
        let delivered = self.receiver.deliver(&message, &Patience::new(self.patience, self.stop.clone())).await;
        self.metrics.delivery(receiver, &delivered, started.elapsed());
        delivered.inspect_err(|error| warn!(bridge.group = %group, "could not tell {firing} firing and {resolved} resolved alerts: {error}"))?;
        self.metrics.told(firing, resolved);
        info!(bridge.group = %group, firing, resolved, "told {firing} firing and {resolved} resolved alerts to {receiver}");
        Ok("told\n")
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let status = refusal.status();
        if status.is_client_error() {
            self.metrics.webhook(Outcome::Rejected);
            warn!("refused a webhook with {}: {refusal}", status.as_u16());
        } else {
            self.metrics.webhook(Outcome::Failed);
        }
        (status, format!("{refusal}\n")).into_response()
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

async fn read(mut body: Body) -> Result<Bytes, Refusal> {
    let read = async {
        let (mut bytes, mut total) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::BrokenOff)?.into_data() else { continue };
            total += data.len();
            if total > DRAIN_LIMIT_BYTES {
                return Err(Refusal::TooLong);
            }
            if total > BODY_LIMIT_BYTES {
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(&data);
            }
        }
        if total > BODY_LIMIT_BYTES { Err(Refusal::TooLong) } else { Ok(bytes.into()) }
    };
    timeout(BODY_TIMEOUT, read).await.unwrap_or(Err(Refusal::BrokenOff))
}

#[cfg(test)]
mod tests;
