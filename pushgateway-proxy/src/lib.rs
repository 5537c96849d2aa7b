//! The gate in front of a Pushgateway: who may push, and nothing but whole, well-formed pushes of one's own.
//!
//! ```text
//! host ──▶ door ──────────────▶ gate ─────────────────────────────────────────────▶ upstream ──▶ Pushgateway
//!          allowlist, places,   login, path, method, scope, body read whole,        pool, breaker,   VictoriaMetrics
//!          PROXY header, TLS    unpacked and understood, types                      502  503         a store in this process
//!          alert, close, 400    401 429  404  405  403  408  413  400  400
//! ```
//!
//! [`Proxy::build`] checks certificate and passwords and binds the listener, [`Proxy::run`] serves until asked to stop
//! and returns when the last push is settled. Nothing reaches the Pushgateway that was not read to its end here,
//! understood and framed anew, because a Pushgateway may keep half a push as if it were a whole one.

mod access;
pub mod allowlist;
mod body;
pub mod certificate;
pub mod cli;
mod client_certificates;
mod config;
mod door;
mod gate;
pub mod htpasswd;
pub mod login;
mod metrics;
mod neighbourhood;
pub mod origin;
pub mod path;
mod reason;
mod refresh;
mod refusal;
pub mod roster;
pub mod scope;
pub mod self_signed;
mod stamp;
mod types;
pub mod upstream;
mod whole;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use ::config::exit::Failure;
use anyhow::Context;
use daemon::CancellationToken;
use daemon::lifecycle::Condition;
use prometheus_client::registry::Registry;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tracing::info;

pub use crate::client_certificates::{CertificateMode, CertificateUser, ClientCertificates};
pub use crate::config::{AccessLog, CertificateSource, Config};
pub use crate::metrics::Metrics;
pub use crate::reason::Reason;
pub use crate::refusal::Refusal;
pub use crate::types::OtherType;

use crate::certificate::Certificate;
use crate::door::Door;
use crate::gate::Gate;
use crate::login::Logins;
use crate::refresh::Refresh;
use crate::roster::Roster;
use crate::upstream::Upstream;

/// The gate, built and bound.
pub struct Proxy {
    config: Config,
    listener: TcpListener,
    gate: Arc<Gate>,
    tls: Arc<RwLock<Arc<ServerConfig>>>,
    source: CertificateSource,
    ready: Condition,
}

impl Proxy {
    /// Checks everything that could stop the gate later, then binds its port. Pushes go where the configuration says.
    ///
    /// `ready` is true while what stands behind the gate is there.
    ///
    /// # Errors
    /// When the configuration does not hold (certificate, key, passwords), or the port cannot be had.
    pub async fn build(config: Config, registry: &mut Registry, ready: Condition) -> Result<Self, Failure> {
        let upstream = Upstream::http(config.upstream.clone(), config.upstream_kind, config.upstream_timeout);
        Self::build_before(upstream, config, registry, ready).await
    }

    /// As [`Proxy::build`], with pushes going to `upstream`: a store in this very process, say.
    ///
    /// # Errors
    /// As [`Proxy::build`].
    pub async fn build_before(
        upstream: Upstream,
        config: Config,
        registry: &mut Registry,
        ready: Condition,
    ) -> Result<Self, Failure> {
        let metrics = Metrics::register(registry);
        let Parts { source, logins, roster } = Parts::read(&config, &metrics).map_err(Failure::configuration)?;
        if let CertificateSource::SelfSigned(set) = &source {
            set.prepare().map_err(Failure::configuration)?;
        }
        let (cert, key) = source.files();
        let certificate = Certificate::load(&cert, &key, config.client_certificates.as_ref());
        let certificate = certificate.map_err(Failure::configuration)?;
        let listener = daemon::listen::bind(config.listen, "pushes").await?;
        roster.resolve().await;

        metrics.certificate_expires(certificate.expires_timestamp());
        let gate = Gate::new(&config, Arc::new(roster), Arc::new(logins), Arc::new(upstream), metrics);
        let tls = Arc::new(RwLock::new(certificate.tls));
        Ok(Self { config, listener, gate: Arc::new(gate), tls, source, ready })
    }

    /// Checks what [`Proxy::build`] checks, without making, binding or sending anything, and says what would be served.
    ///
    /// # Errors
    /// When the configuration does not hold.
    pub fn check(config: &Config) -> anyhow::Result<String> {
        let metrics = Metrics::register(&mut Registry::default());
        let Parts { source, logins, roster } = Parts::read(config, &metrics)?;
        let certificate = match &source {
            CertificateSource::SelfSigned(set) if !set.is_prepared()? => {
                format!("a new one, to be made as {}", set.cert().display())
            }
            source => {
                let (cert, key) = source.files();
                let certificate = Certificate::load(&cert, &key, config.client_certificates.as_ref())?;
                let left = certificate.expires.duration_since(std::time::SystemTime::now()).unwrap_or_default();
                format!("{}, valid for {} more day(s)", cert.display(), left.as_secs() / 86400)
            }
        };
        Ok(format!(
            "the configuration holds: pushes on {} for {} user(s) from {}, to {}; certificate: {certificate}",
            config.listen,
            logins.users(),
            roster.describe(),
            config.upstream,
        ))
    }

    /// Returns the address bound, which tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then finishes the requests in hand within `grace`.
    ///
    /// # Errors
    /// When the listener is gone.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { config, listener, gate, tls, source, ready } = self;
        let address = listener.local_addr().context("the listener is gone")?;
        let (users, behind) = (gate.logins.users(), gate.upstream.name());
        info!("serving pushes on https://{address} for {users} user(s), to {behind}");

        let door = Arc::new(Door::new(&config, Arc::clone(&gate), Arc::clone(&tls), Arc::clone(&gate.roster)));
        let refresh = Refresh::new(&config, Arc::clone(&gate), tls, source, ready);
        let mut serving = std::pin::pin!(door.serve(listener, stop.clone()));
        tokio::select! {
            () = stop.cancelled() => {}
            () = &mut serving => {}
            never = refresh.run() => match never {},
        }
        let end = Instant::now() + config.grace;
        serving.await;
        gate.upstream.settle(end).await;
        Ok(())
    }
}

impl CertificateSource {
    /// Returns the files of certificate and key.
    #[must_use]
    pub fn files(&self) -> (PathBuf, PathBuf) {
        match self {
            Self::Files { cert, key } => (cert.clone(), key.clone()),
            Self::SelfSigned(set) => (set.cert(), set.key()),
        }
    }
}

/// What is read before anything is made or bound.
struct Parts {
    source: CertificateSource,
    logins: Logins,
    roster: Roster,
}

impl Parts {
    fn read(config: &Config, metrics: &Metrics) -> anyhow::Result<Self> {
        config.validate()?;
        let source = config.certificate()?;
        let users = config.htpasswd()?.map(PathBuf::as_path);
        let logins = Logins::load(users, config.login_cache, config.login_failures, metrics.clone())?;
        let roster = Roster::load(config.allow.clone(), config.allow_file.clone())?;
        Ok(Self { source, logins, roster })
    }
}
