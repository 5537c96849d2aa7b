//! The doors: `POST /alertmanager` for Alertmanager, `POST /notify` for scripts.
//!
//! Alertmanager acts on our status alone. 2xx: told, silent until something changes. 5xx: it asks again soon. 4xx, 429
//! included: given up for this time. So a 2xx leaves here only once the webhook is on disk, whatever may be over soon is a
//! 503, and a 4xx is for what will never be understood. Answers are one line, because it logs them.

mod notify;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use daemon::CancellationToken;
use http_body_util::BodyExt;
use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::intake::Intake;
use crate::metrics::{Metrics, Outcome};
use crate::outbox::Trouble;
use crate::outbox::event::Accepted;
use crate::text;
use crate::watchdog::Watchdog;
use crate::webhook::{self, NotUnderstood, Status};

/// Alertmanager has no upper limit: 10,000 alerts with their annotations are a dozen megabytes.
pub const BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// How much more than that is read only to be thrown away: a sender that is cut off in the middle of its body may
/// never see why.
const DRAIN_LIMIT_BYTES: usize = 64 * 1024 * 1024;
/// All bodies that are being read, together. A storm of small ones fits many times; who has to wait is told to come again.
const BODIES_LIMIT_BYTES: usize = 4 * BODY_LIMIT_BYTES;
/// A sender next door needs no longer for its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a group's key goes to the log; with `group_by: ['...']` it is as long as its labels.
const KEY_LIMIT: usize = 200;

/// What the door leads to.
pub struct Bridge {
    intake: Intake,
    watchdog: Watchdog,
    metrics: Metrics,
    token: Option<SecretString>,
    stop: CancellationToken,
    room: Semaphore,
}

impl Bridge {
    /// Leads into `intake`, but for what is `watchdog`'s; `stop` says when this process is about to end.
    #[must_use]
    pub fn new(intake: Intake, watchdog: Watchdog, metrics: Metrics, stop: CancellationToken) -> Self {
        Self { intake, watchdog, metrics, token: None, stop, room: Semaphore::new(BODIES_LIMIT_BYTES) }
    }

    /// Asks whoever brings a note for `token`, if there is one.
    #[must_use]
    pub fn asking_for(self, token: Option<SecretString>) -> Self {
        Self { token, ..self }
    }
}

/// Returns the door. Without a socket, so that tests may knock.
pub fn router(bridge: Bridge) -> Router {
    Router::new()
        .route("/alertmanager", post(alertmanager).fallback(wrong_method))
        .route("/notify", post(notify).fallback(wrong_method))
        .fallback(wrong_path)
        .with_state(Arc::new(bridge))
}

/// Why a webhook was not accepted.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood), // 400
    #[error(transparent)]
    NotANote(#[from] notify::NotUnderstood), // 400, 415
    #[error("only who shows the token may speak here (Authorization: Bearer …)")]
    Token, // 401
    #[error("only POST is answered here: Alertmanager's webhook_configs post to /alertmanager, scripts to /notify")]
    WrongMethod, // 405
    #[error("the body is longer than {} MiB", BODY_LIMIT_BYTES / 1024 / 1024)]
    TooLong, // 413
    #[error("a compressed body is not understood; Alertmanager sends plain JSON")]
    Compressed, // 415
    #[error("the body broke off or did not arrive in time")]
    BrokenOff, // 503
    #[error("too many webhooks are being read at once")]
    Crowded, // 503
    #[error(transparent)]
    NotKept(#[from] Trouble), // 503
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotANote(notify::NotUnderstood::Kind(_)) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotUnderstood(_) | Self::NotANote(_) => StatusCode::BAD_REQUEST,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BrokenOff | Self::Crowded | Self::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Refusal {
    fn outcome(&self) -> Outcome {
        if self.status().is_client_error() { Outcome::Rejected } else { Outcome::Failed }
    }
}

async fn alertmanager(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    match bridge.accept(request).await {
        Ok((outcome, said)) => {
            bridge.metrics.webhook(outcome);
            (StatusCode::OK, said).into_response()
        }
        Err(refusal) => {
            bridge.metrics.webhook(refusal.outcome());
            refuse("a webhook", &refusal)
        }
    }
}

async fn notify(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    match bridge.hear(request).await {
        Ok((outcome, said)) => {
            bridge.metrics.note(outcome);
            (StatusCode::OK, said).into_response()
        }
        Err(refusal) => {
            bridge.metrics.note(refusal.outcome());
            refuse("a note", &refusal)
        }
    }
}

async fn wrong_method(State(bridge): State<Arc<Bridge>>) -> Response {
    let allow = [(header::ALLOW, "POST")];
    bridge.metrics.webhook(Outcome::Rejected);
    (allow, refuse("a request", &Refusal::WrongMethod)).into_response()
}

fn refuse(what: &str, refusal: &Refusal) -> Response {
    let status = refusal.status();
    if status.is_client_error() {
        warn!("refused {what} with {}: {refusal}", status.as_u16());
    }
    (status, format!("{refusal}\n")).into_response()
}

async fn wrong_path(uri: Uri) -> (StatusCode, String) {
    let path = text::clip(&text::line(uri.path()), 100);
    (
        StatusCode::NOT_FOUND,
        format!("nothing is at {path}; Alertmanager's webhooks go to POST /alertmanager, notes to POST /notify\n"),
    )
}

impl Bridge {
    async fn accept(&self, request: Request) -> Result<(Outcome, &'static str), Refusal> {
        if self.stop.is_cancelled() {
            return Err(Trouble::Stopping.into());
        }
        if is_compressed(request.headers()) {
            return Err(Refusal::Compressed);
        }
        let (body, _room) = self.read(request.into_body()).await?;
        let mut webhook = webhook::parse(&body)?;
        let is_alive = self.watchdog.hear(&mut webhook).await?;
        if is_alive && webhook.alerts.is_empty() {
            return Ok((Outcome::Alive, "a sign of life\n"));
        }
        if webhook.alerts.is_empty() {
            return Ok((Outcome::Accepted, "no alerts, so there is nothing to tell\n"));
        }
        drop(body);
        let firing = webhook.alerts.iter().filter(|alert| alert.status == Status::Firing).count();
        let resolved = webhook.alerts.len() - firing;
        let group = text::clip(&text::line(&webhook.group_key), KEY_LIMIT);
        let accepted = self.intake.webhook(&webhook).await.inspect_err(
            |trouble| warn!(bridge.group = %group, "could not keep {firing} firing and {resolved} resolved alerts: {trouble}"),
        )?;
        Ok(match accepted {
            Accepted::Kept(event) => {
                self.metrics.alerts(firing, resolved);
                info!(bridge.group = %group, bridge.event = event, firing, resolved, "accepted {firing} firing and {resolved} resolved alerts");
                (Outcome::Accepted, "accepted\n")
            }
            Accepted::Duplicate => {
                info!(bridge.group = %group, "the same was accepted a moment before");
                (Outcome::Duplicate, "the same was accepted a moment before\n")
            }
        })
    }

    /// Hears a note.
    async fn hear(&self, request: Request) -> Result<(Outcome, &'static str), Refusal> {
        if self.stop.is_cancelled() {
            return Err(Trouble::Stopping.into());
        }
        let headers = request.headers().clone();
        if !self.is_known(&headers) {
            return Err(Refusal::Token);
        }
        if is_compressed(&headers) {
            return Err(Refusal::Compressed);
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (body, _room) = self.read(request.into_body()).await?;
        let kind = header("content-type").unwrap_or_default();
        let said = notify::parse(kind, header("idempotency-key"), &body, Timestamp::now())?;
        let level = said.note.level;
        let accepted = self.intake.note_with(&said.note, said.key.as_deref()).await;
        let accepted = accepted.inspect_err(|trouble| warn!("could not keep a note ({level}): {trouble}"))?;
        Ok(match accepted {
            Accepted::Kept(event) => {
                info!(bridge.event = event, "accepted a note ({level})");
                (Outcome::Accepted, "accepted\n")
            }
            Accepted::Duplicate => {
                info!("a note with the same key was accepted before");
                (Outcome::Duplicate, "one with the same key was accepted before\n")
            }
        })
    }

    /// Whether the token is shown that we ask for. In a time that says nothing about how much of it was right.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, token.expose_secret().as_bytes());
        // Of two MACs under the same key, what differs says nothing about the texts.
        let tag = hmac::sign(&key, shown.trim().as_bytes());
        hmac::verify(&key, token.expose_secret().as_bytes(), tag.as_ref()).is_ok()
    }

    /// Reads a body, within the room that all of them share; it is given back with the permit.
    async fn read(&self, mut body: Body) -> Result<(Vec<u8>, SemaphorePermit<'_>), Refusal> {
        let read = async {
            let (mut bytes, mut total) = (Vec::new(), 0);
            let mut room = self.room.acquire_many(0).await.map_err(|_| Refusal::Crowded)?;
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|_| Refusal::BrokenOff)?.into_data() else { continue };
                total += data.len();
                if total > DRAIN_LIMIT_BYTES {
                    return Err(Refusal::TooLong);
                }
                if total > BODY_LIMIT_BYTES {
                    bytes = Vec::new();
                } else {
                    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
                    room.merge(self.room.try_acquire_many(length).map_err(|_| Refusal::Crowded)?);
                    bytes.extend_from_slice(&data);
                }
            }
            if total > BODY_LIMIT_BYTES { Err(Refusal::TooLong) } else { Ok((bytes, room)) }
        };
        timeout(BODY_TIMEOUT, read).await.unwrap_or(Err(Refusal::BrokenOff))
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests;
