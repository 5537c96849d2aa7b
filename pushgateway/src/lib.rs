//! The embedded Pushgateway: keeps the last push of each group, on disk and for Prometheus.
//!
//! ```text
//! push ──▶ door ──▶ api ──▶ Candidate: labels of the path, checked in itself ──▶ store: index, log ──▶ 200
//! GET /metrics ◀── page, series by series ◀── view: all groups at one moment
//! ```
//!
//! [`Pushgateway::build`] opens the store and binds the listener, [`Pushgateway::run`] serves until asked to stop. The HTTP
//! API is that of the Prometheus project's Pushgateway, word for word in its errors. A push that was answered 200 is on disk,
//! and costs the same beside ten groups and ten thousand.

pub mod answer;
pub mod api;
mod aside;
mod config;
mod door;
pub mod grouping;
pub mod import;
mod metrics;
mod own;
pub mod request;
pub mod selector;
mod server;
pub mod store;
mod wording;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::config::exit::Failure;
use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use daemon::CancellationToken;
use http::{Request, Response};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tracing::{error, warn};

pub use crate::config::{Config, PathError, RoutePrefix, Sync, TelemetryPath};
pub use crate::metrics::{Metrics, PushOutcome};

use crate::api::{Api, Gate, Routes};
use crate::request::Target;
use crate::store::change::Check;
use crate::store::reserved::Reserved;
use crate::store::{Settings, Store};

/// How often old groups are looked for: often enough for the shortest age that makes sense.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(10);

/// The gateway, built and bound.
pub struct Pushgateway {
    config: Config,
    listener: TcpListener,
    api: Arc<Api>,
}

impl Pushgateway {
    /// Opens the store with all that is on disk, and binds the port.
    ///
    /// # Errors
    /// When the configuration does not hold, the data directory cannot be used, or the port cannot be had.
    pub async fn build(config: Config, registry: &mut Registry) -> Result<Self, Failure> {
        config.validate().map_err(Failure::configuration)?;
        let metrics = Metrics::register(registry);
        let listener = daemon::listen::bind(config.listen, "pushes").await?;
        let address = listener.local_addr().context("the listener is gone")?;
        if config.data.is_none() {
            warn!("there is no data directory (--data DIR), so a restart begins with an empty store");
        }
        let store = Store::open(settings(&config), metrics.clone())?;
        let api = Api {
            store,
            routes: Routes {
                prefix: config.route_prefix.as_str().to_owned(),
                telemetry: config.telemetry_path.as_str().to_owned(),
                admin: config.admin_api,
            },
            gate: Gate::new(config.body_limit, config.body_timeout),
            check: if config.consistency_check { Check::Refuse } else { Check::LeaveOut },
            lifecycle: config.lifecycle_api,
            metrics,
            own: own::Own::default(),
            flags: config.flags(address),
            started: store::now(),
        };
        Ok(Self { config, listener, api: Arc::new(api) })
    }

    /// Checks what [`Pushgateway::build`] checks without binding or writing anything, and says what would be served.
    ///
    /// # Errors
    /// When the configuration does not hold.
    pub fn check(config: &Config) -> anyhow::Result<String> {
        config.validate()?;
        let data = config.data.as_ref().map_or_else(|| "memory alone".to_owned(), |data| data.display().to_string());
        Ok(format!(
            "the configuration holds: pushes and scrapes on http://{}{}, kept in {data}",
            config.listen, config.route_prefix
        ))
    }

    /// Returns the address bound, which tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns the API for others to mount: it takes every path. Paths that the HTTP library refuses only come to the
    /// gateway's own listener.
    pub fn router(&self) -> Router {
        async fn answer(State(api): State<Arc<Api>>, request: Request<Body>) -> Response<Body> {
            let target = Target::of_uri(request.uri());
            api.answer(target, request).await
        }
        Router::new().fallback(answer).with_state(Arc::clone(&self.api))
    }

    /// Serves until `stop`, then finishes the requests in hand within `grace` and closes the store.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { config, listener, api } = self;
        let bounds = server::Bounds {
            header_timeout: config.header_timeout,
            max_connections: config.max_connections,
            grace: config.grace,
        };
        let serving = server::serve(listener, Arc::clone(&api), bounds, stop.clone());
        let served = tokio::select! {
            served = serving => served,
            never = expire(&api, config.expire_after) => match never {},
        };
        // The store waits for its disk when the last one lets go of it, which is no work for this thread.
        tokio::task::spawn_blocking(move || drop(api)).await.context("the store did not close")?;
        served
    }
}

/// Returns how the configuration wants the store.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    Settings {
        data: config.data.clone(),
        sync: config.sync,
        sync_interval: config.sync_interval,
        reserved: Reserved { go_names: config.reserve_go_names },
    }
}

/// Drops old groups, if that is asked for, for as long as the gateway stands.
async fn expire(api: &Api, age: Option<Duration>) -> Infallible {
    let Some(age) = age else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(EXPIRY_INTERVAL.min(age));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = api.expire(age).await {
            error!("cannot drop old groups: {error}");
        }
    }
}
