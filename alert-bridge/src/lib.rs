//! Turns Alertmanager's webhooks into messages for people.
//!
//! ```text
//! Alertmanager ── POST /alertmanager ──▶ server ──▶ webhook ──▶ compose ──▶ receiver ──▶ Discord
//!       ▲                                           read         one message   one at a time,  or the terminal
//!       └───────── 200 told · 503 not yet · 400 never ◀────────────────────────  within 8 s
//! alert-bridge send "text" ─────────────────────────────────────▶ send ───────▶ receiver
//! ```
//!
//! [`AlertBridge::build`] binds the listener, [`AlertBridge::run`] serves until asked to stop and returns when the last
//! delivery is settled. Alertmanager is told 200 only once the message stands in the channel, so what could not be
//! delivered stays with Alertmanager, which asks again. Nothing is kept here across a restart.

mod compose;
mod config;
mod data;
mod delivery;
mod kind;
mod language;
mod message;
mod metrics;
pub mod receiver;
pub mod routing;
pub mod send;
mod server;
mod text;
mod webhook;

use std::net::SocketAddr;
use std::time::Duration;

use daemon::CancellationToken;
use daemon::listen;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tracing::info;

pub use crate::compose::compose;
pub use crate::config::{Config, ConfigError, WEBHOOK_VARIABLE};
pub use crate::kind::{Level, LinkKind, State};
pub use crate::language::Language;
pub use crate::message::{Entry, Label, Link, Message};
pub use crate::metrics::Metrics;
pub use crate::webhook::{Alert, Labels, NotUnderstood, Status, Webhook, parse};

use crate::receiver::Receiver;
use crate::receiver::discord::Discord;
use crate::receiver::terminal::Terminal;
use crate::server::Bridge;

/// How long a delivery may take. Alertmanager gives up on us after 10 s, or after its `group_interval` if that is
/// longer; an answer that comes later than that has nobody to hear it, and the message would be sent again.
const PATIENCE: Duration = Duration::from_secs(8);

/// The bridge, bound and ready to serve.
pub struct AlertBridge {
    listener: TcpListener,
    receiver: Receiver,
    language: Language,
    metrics: Metrics,
}

impl AlertBridge {
    /// Prepares everything that may fail before the first webhook: data directory, receiver, listener.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub async fn build(config: Config, registry: &mut Registry) -> anyhow::Result<Self> {
        if let Some(directory) = &config.data {
            data::prepare(directory)?;
        }
        let style = config.style();
        let (metrics, receiver) = match config.webhook_url {
            Some(url) => {
                let metrics = Metrics::register(registry, "discord");
                info!("messages go to {url}");
                (metrics.clone(), Receiver::Discord(Box::new(Discord::new(url, style, metrics)?)))
            }
            None => {
                info!("{WEBHOOK_VARIABLE} is not set: messages are printed here instead");
                (Metrics::register(registry, "terminal"), Receiver::Terminal(Terminal::stdout()))
            }
        };
        let listener = listen::bind(config.listen, "webhooks").await?;
        Ok(Self { listener, receiver, language: config.language, metrics })
    }

    /// Returns the address bound, which tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`; what is being delivered then is finished, what waits for its turn is given back.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { listener, receiver, language, metrics } = self;
        info!("webhooks are welcome at http://{}/alertmanager", listener.local_addr()?);
        let bridge = Bridge { receiver, language, patience: PATIENCE, metrics, stop: stop.clone() };
        axum::serve(listener, server::router(bridge)).with_graceful_shutdown(stop.cancelled_owned()).await?;
        Ok(())
    }
}
