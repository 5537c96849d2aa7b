//! The gate in front of a Pushgateway: who may push, and nothing but whole pushes.
//!
//! ```text
//! host ── TLS ──▶ door ──▶ allowlist ──▶ login ──▶ path, method ──▶ body, read whole ──▶ upstream ──▶ Pushgateway
//!                 400        403          401        404  405        408  413  400        502  503
//! ```
//!
//! [`Proxy::build`] checks certificate and passwords and binds the listener, [`Proxy::run`] serves until asked to stop
//! and returns when the last push is settled. Nothing reaches the Pushgateway that was not read to its end here and
//! framed anew, because a Pushgateway may keep half a push as if it were a whole one.

pub mod allowlist;
pub mod certificate;
pub mod cli;
mod config;
mod door;
mod gate;
pub mod htpasswd;
pub mod login;
mod metrics;
pub mod path;
mod refusal;
pub mod self_signed;
mod stamp;
pub mod upstream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::config::exit::Failure;
use anyhow::Context;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use daemon::CancellationToken;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::{debug, error, info};

pub use crate::config::{CertificateSource, Config};
pub use crate::metrics::Metrics;
pub use crate::refusal::{Reason, Refusal};

use crate::certificate::Certificate;
use crate::door::Door;
use crate::gate::Gate;
use crate::login::Logins;
use crate::refusal::HEAD_LIMIT_BYTES;
use crate::stamp::Stamp;
use crate::upstream::Upstream;

/// How often changed files are looked for.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);
/// How often a certificate of our own is held against the calendar.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3600);

/// The gate, built and bound.
pub struct Proxy {
    config: Config,
    listener: TcpListener,
    logins: Arc<Logins>,
    upstream: Arc<Upstream>,
    tls: RustlsConfig,
    source: CertificateSource,
    metrics: Metrics,
}

impl Proxy {
    /// Checks everything that could stop the gate later, then binds its port.
    ///
    /// # Errors
    /// When the configuration does not hold (certificate, key, passwords), or the port cannot be had.
    pub async fn build(config: Config, registry: &mut Registry) -> Result<Self, Failure> {
        let (source, logins) = parts(&config).map_err(Failure::configuration)?;
        if let CertificateSource::SelfSigned(set) = &source {
            set.prepare().map_err(Failure::configuration)?;
        }
        let (cert, key) = source.files();
        let certificate = Certificate::load(&cert, &key).map_err(Failure::configuration)?;
        let listener = daemon::listen::bind(config.listen, "pushes").await?;

        let metrics = Metrics::register(registry);
        metrics.certificate_expires(certificate.expires_timestamp());
        let upstream = Arc::new(Upstream::new(config.upstream.clone(), config.upstream_timeout));
        let tls = RustlsConfig::from_config(certificate.tls);
        Ok(Self { config, listener, logins: Arc::new(logins), upstream, tls, source, metrics })
    }

    /// Checks what [`Proxy::build`] checks, without making, binding or sending anything, and says what would be served.
    ///
    /// # Errors
    /// When the configuration does not hold.
    pub fn check(config: &Config) -> anyhow::Result<String> {
        let (source, logins) = parts(config)?;
        let certificate = match &source {
            CertificateSource::SelfSigned(set) if !set.is_prepared()? => {
                format!("a new one, to be made as {}", set.cert().display())
            }
            source => {
                let (cert, key) = source.files();
                let certificate = Certificate::load(&cert, &key)?;
                let left = certificate.expires.duration_since(std::time::SystemTime::now()).unwrap_or_default();
                format!("{}, valid for {} more day(s)", cert.display(), left.as_secs() / 86400)
            }
        };
        Ok(format!(
            "the configuration holds: pushes on {} for {} user(s) from {}, to {}; certificate: {certificate}",
            config.listen,
            logins.users(),
            config.allow,
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
    /// When the listener breaks.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { config, listener, logins, upstream, tls, source, metrics } = self;
        let address = listener.local_addr().context("the listener is gone")?;
        let gate = Gate {
            allow: config.allow.clone(),
            logins: Arc::clone(&logins),
            upstream: Arc::clone(&upstream),
            metrics: metrics.clone(),
            body_limit: config.body_limit,
            request_timeout: config.request_timeout,
        };
        let service = gate::router(gate).into_make_service_with_connect_info::<SocketAddr>();
        let door = Door::new(
            RustlsAcceptor::new(tls.clone()),
            config.max_connections,
            config.header_timeout,
            config.request_timeout,
            config.allow.clone(),
            metrics.clone(),
        );
        let handle = Handle::new();
        let mut server = Server::<SocketAddr>::from_listener(listener)
            .http1_only()
            .handle(handle.clone())
            .accept_error_handler(|peer, error| match peer {
                Some(peer) => debug!(client = %peer.ip(), "no connection with {peer}: {error}"),
                None => error!("cannot accept a connection: {error}"),
            })
            .acceptor(door);
        // Between two requests the same clock runs, so an idle connection ends as well.
        server.http_builder().http1().header_read_timeout(config.header_timeout).max_buf_size(HEAD_LIMIT_BYTES);

        info!("serving pushes on https://{address} for {} user(s), to {}", logins.users(), config.upstream);
        let mut served = std::pin::pin!(server.serve(service));
        tokio::select! {
            ended = &mut served => return ended.context("the listener broke"),
            () = stop.cancelled() => {}
            never = refresh(&logins, &source, &tls, &metrics) => match never {},
        }
        let end = Instant::now() + config.grace;
        handle.graceful_shutdown(Some(config.grace));
        let drained = served.await;
        upstream.settle(end).await;
        drained.context("the listener broke while stopping")
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

fn parts(config: &Config) -> anyhow::Result<(CertificateSource, Logins)> {
    config.validate()?;
    let source = config.certificate()?;
    let logins = Logins::load(config.htpasswd()?)?;
    Ok((source, logins))
}

/// Takes over changed files, and renews a certificate of our own, for as long as the gate stands.
async fn refresh(logins: &Logins, source: &CertificateSource, tls: &RustlsConfig, metrics: &Metrics) -> Infallible {
    let (cert, key) = source.files();
    let stamps = || (logins.stamp(), Stamp::of([&cert, &key]));
    let mut seen = stamps();
    let mut renewals = ticks(RENEWAL_INTERVAL);
    let mut looks = ticks(REFRESH_INTERVAL);
    loop {
        tokio::select! {
            _ = renewals.tick() => renew(source),
            _ = looks.tick() => {
                let now = stamps();
                if now.0 != seen.0 {
                    logins.reload();
                }
                if now.1 != seen.1 {
                    show(&cert, &key, tls, metrics);
                }
                seen = now;
            }
        }
    }
}

/// The first tick comes after a whole interval: what the files say now has just been read.
fn ticks(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn renew(source: &CertificateSource) {
    if let CertificateSource::SelfSigned(set) = source
        && let Err(error) = set.prepare()
    {
        error!("cannot renew the certificate: {error:#}");
    }
}

fn show(cert: &Path, key: &Path, tls: &RustlsConfig, metrics: &Metrics) {
    match Certificate::load(cert, key) {
        Ok(certificate) => {
            metrics.certificate_expires(certificate.expires_timestamp());
            tls.reload_from_config(certificate.tls);
            info!("{} changed and is shown from now on", cert.display());
        }
        // Half of a renewal, perhaps: the other half changes the stamp again.
        Err(error) => error!("the certificate stays as it was, because {:#}", anyhow::Error::new(error)),
    }
}
