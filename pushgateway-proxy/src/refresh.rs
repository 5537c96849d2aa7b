//! What is looked at again while the gate stands: files, names, the calendar, and whether anybody is behind it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use daemon::lifecycle::Condition;
use rustls::ServerConfig;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::{error, info, warn};

use crate::certificate::Certificate;
use crate::client_certificates::ClientCertificates;
use crate::config::{CertificateSource, Config};
use crate::gate::Gate;
use crate::stamp::Stamp;

/// How often changed files are looked for.
const FILES_INTERVAL: Duration = Duration::from_secs(2);
/// How often a certificate of our own is held against the calendar.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3600);
/// How often it is looked for what stands behind the gate; oftener while it is not there.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
const IMPATIENT_INTERVAL: Duration = Duration::from_secs(1);

/// Takes over changed files, and renews a certificate of our own, for as long as the gate stands.
pub struct Refresh {
    gate: Arc<Gate>,
    tls: Arc<RwLock<Arc<ServerConfig>>>,
    source: CertificateSource,
    clients: Option<ClientCertificates>,
    resolve_interval: Duration,
    ready: Condition,
}

impl Refresh {
    /// Looks after `gate` and after what `tls` shows.
    #[must_use]
    pub fn new(
        config: &Config,
        gate: Arc<Gate>,
        tls: Arc<RwLock<Arc<ServerConfig>>>,
        source: CertificateSource,
        ready: Condition,
    ) -> Self {
        let clients = config.client_certificates.clone();
        Self { gate, tls, source, clients, resolve_interval: config.resolve_interval, ready }
    }

    /// Never ends by itself; it can be dropped at any time.
    pub async fn run(&self) -> Infallible {
        tokio::join!(self.watch_files(), self.watch_names(), self.watch_calendar(), self.watch_upstream()).0
    }

    async fn watch_files(&self) -> Infallible {
        let (cert, key) = self.source.files();
        let shown: Vec<PathBuf> = [cert.clone(), key.clone()]
            .into_iter()
            .chain(self.clients.as_ref().map(|clients| clients.ca.clone()))
            .collect();
        let stamps = || (self.gate.logins.stamp(), self.gate.roster.stamp(), Stamp::of(&shown));
        let mut seen = stamps();
        let mut looks = ticks(FILES_INTERVAL);
        loop {
            looks.tick().await;
            let now = stamps();
            if now.0 != seen.0 {
                self.gate.logins.reload();
            }
            if now.1 != seen.1 {
                self.gate.roster.reload();
                self.gate.roster.resolve().await;
            }
            if now.2 != seen.2 {
                self.show(&cert, &key);
            }
            seen = now;
        }
    }

    async fn watch_names(&self) -> Infallible {
        let mut looks = ticks(self.resolve_interval);
        loop {
            looks.tick().await;
            if self.gate.roster.has_names() {
                self.gate.roster.resolve().await;
            }
        }
    }

    async fn watch_calendar(&self) -> Infallible {
        let mut renewals = ticks(RENEWAL_INTERVAL);
        loop {
            renewals.tick().await;
            if let CertificateSource::SelfSigned(set) = &self.source
                && let Err(error) = set.prepare()
            {
                error!("cannot renew the certificate: {error:#}");
            }
        }
    }

    /// Says once when it goes and once when it comes.
    async fn watch_upstream(&self) -> Infallible {
        let name = self.gate.upstream.name();
        let mut was_there = None;
        loop {
            let found = self.gate.upstream.look().await;
            let is_there = found.is_ok();
            self.ready.set(is_there);
            self.gate.metrics.upstream_is(is_there);
            match found {
                Err(reason) if was_there != Some(false) => warn!("{name} is not there: {reason}"),
                Ok(()) if was_there == Some(false) => info!("{name} is there again"),
                _ => {}
            }
            was_there = Some(is_there);
            tokio::time::sleep(if is_there { LOOK_INTERVAL } else { IMPATIENT_INTERVAL }).await;
        }
    }

    fn show(&self, cert: &Path, key: &Path) {
        match Certificate::load(cert, key, self.clients.as_ref()) {
            Ok(certificate) => {
                self.gate.metrics.certificate_expires(certificate.expires_timestamp());
                *self.tls.write().unwrap_or_else(PoisonError::into_inner) = certificate.tls;
                info!("{} or what goes with it changed and is shown from now on", cert.display());
            }
            // Half of a renewal, perhaps: the other half changes the stamp again.
            Err(error) => error!("the certificate stays as it was, because {:#}", anyhow::Error::new(error)),
        }
    }
}

/// The first tick comes after a whole interval: what the files say now has just been read.
fn ticks(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
