//! The embedded Pushgateway.

pub mod api;
mod config;
mod door;
mod metrics;
pub mod request;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use ::config::exit::Failure;
use daemon::CancellationToken;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

pub use crate::config::{Config, PathError, RoutePrefix, Sync, TelemetryPath};
pub use crate::metrics::Metrics;

use crate::api::Api;

/// The gateway, built and bound.
pub struct Pushgateway {
    config: Config,
    listener: TcpListener,
    api: Arc<Api>,
}

impl Pushgateway {
    /// Opens the store and binds the port.
    ///
    /// # Errors
    /// When the configuration does not hold, or the port cannot be had.
    pub async fn build(config: Config, registry: &mut Registry) -> Result<Self, Failure> {
        config.validate().map_err(Failure::configuration)?;
        let _ = Metrics::register(registry);
        let listener = daemon::listen::bind(config.listen, "pushes").await?;
        Ok(Self { config, listener, api: Arc::new(Api {}) })
    }

    /// Checks what [`Pushgateway::build`] checks without binding or writing anything, and says what would be served.
    ///
    /// # Errors
    /// When the configuration does not hold.
    pub fn check(config: &Config) -> anyhow::Result<String> {
        config.validate()?;
        Ok(format!("the configuration holds: pushes on {}", config.listen))
    }

    /// Returns the address bound, which tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`.
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
        server::serve(listener, api, bounds, stop).await
    }
}
