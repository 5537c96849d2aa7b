//! What a bot, a load balancer or a person may ask over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use daemon::CancellationToken;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

use crate::core::event::Event;
use crate::status::Board;

#[derive(Clone)]
struct Shared {
    board: Board,
    registry: Arc<Registry>,
    events: UnboundedSender<Event>,
}

/// The side-car, bound and ready to serve.
pub(crate) struct Sidecar {
    pub listener: TcpListener,
    pub board: Board,
    pub registry: Registry,
    pub events: UnboundedSender<Event>,
}

impl Sidecar {
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let shared = Shared { board: self.board, registry: Arc::new(self.registry), events: self.events };
        let router = Router::new()
            .route("/leader", get(leader))
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/-/healthy", get(alive))
            .route("/-/ready", get(alive))
            .route("/stepdown", post(step_down))
            .with_state(shared);
        axum::serve(self.listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?;
        Ok(())
    }
}

/// 200 only while the lease is valid at the time of the answer.
async fn leader(State(shared): State<Shared>) -> impl IntoResponse {
    let status = shared.board.read();
    if status.leads {
        return (StatusCode::OK, format!("{} leads under epoch {}\n", status.site, status.epoch.unwrap_or(0)));
    }
    let who = status.leader.unwrap_or_else(|| "nobody".to_owned());
    (StatusCode::SERVICE_UNAVAILABLE, format!("{} does not lead; the record is held by {who}\n", status.site))
}

async fn status(State(shared): State<Shared>) -> impl IntoResponse {
    Json(shared.board.read())
}

async fn alive() -> &'static str {
    "OK\n"
}

async fn step_down(State(shared): State<Shared>) -> impl IntoResponse {
    let _ = shared.events.send(Event::StepDown);
    (StatusCode::ACCEPTED, "asked to step down; the log says what came of it\n")
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let mut page = String::new();
    let kind = [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match prometheus_client::encoding::text::encode(&mut page, &shared.registry) {
        Ok(()) => (StatusCode::OK, kind, page),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, kind, String::new()),
    }
}
