//! The `proxy:` section of the configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;

use exposition::Limits;

use crate::allowlist::Allowlist;
use crate::client_certificates::{CertificateUser, ClientCertificates};
use crate::origin::TrustedProxies;
use crate::scope::Scopes;
use crate::self_signed::SelfSigned;
use crate::upstream::{UpstreamKind, UpstreamUrl};

/// Added to the present moment, a longer one could leave the range of the clock.
const LONGEST_TIME: Duration = Duration::from_secs(86400);

/// The `proxy:` section of the configuration file. Flags and environment win over it, since they differ by machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port for hosts (TLS).
    pub listen: SocketAddr,
    /// Address and port of the admin page. Plain HTTP, so loopback or an internal network.
    pub admin_listen: SocketAddr,
    /// The Pushgateway behind this gate, with its path prefix if it has one; or where VictoriaMetrics imports.
    pub upstream: UpstreamUrl,
    /// What is spoken there.
    pub upstream_kind: UpstreamKind,
    /// Certificate (PEM), the server's own first. Goes with `key`.
    pub cert: Option<PathBuf>,
    /// Key to the certificate (PEM).
    pub key: Option<PathBuf>,
    /// Directory for a certificate of our own making; takes the place of `cert` and `key`.
    pub self_signed: Option<PathBuf>,
    /// Further names and addresses by which hosts reach this gate, for the certificate of our own making.
    pub names: Vec<String>,
    /// Certificates that clients show, if they are asked for.
    pub client_certificates: Option<ClientCertificates>,
    /// Users and hashes, as `htpasswd -nB prom` prints them.
    pub htpasswd: Option<PathBuf>,
    /// How long a login that was verified is known without another check; 0 checks each time.
    #[serde(with = "humantime_serde")]
    pub login_cache: Duration,
    /// Wrong passwords of one address before it has to wait between two of them.
    pub login_failures: u32,
    /// Addresses, ranges and host names that may push.
    pub allow: Allowlist,
    /// File with more of them, one a line; read again when it changes.
    pub allow_file: Option<PathBuf>,
    /// How often host names on the allowlist are resolved anew.
    #[serde(with = "humantime_serde")]
    pub resolve_interval: Duration,
    /// Proxies that may say whom they speak for.
    pub trusted_proxies: TrustedProxies,
    /// They say so by the PROXY protocol, and not by `X-Forwarded-For`.
    pub proxy_protocol: bool,
    /// What each user may write; empty, everybody may write everything.
    pub users: Scopes,
    /// Metrics whose type is remembered, so that no user with a scope gives another's a different one; 0 for none.
    pub types_limit: usize,
    /// Longest body of a push, in bytes, as it arrives and unpacked.
    pub body_limit: usize,
    /// Lines with a value in one push.
    pub series_limit: usize,
    /// Labels of one series.
    pub label_limit: usize,
    /// Longest name of a metric or label, in bytes.
    pub name_limit: usize,
    /// Longest value of a label, in bytes.
    pub value_limit: usize,
    /// Time for the TLS handshake, and for the head of a request.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time between two requests of a connection.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Time for a whole request, its body and the Pushgateway's answer included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Time for the Pushgateway to answer.
    #[serde(with = "humantime_serde")]
    pub upstream_timeout: Duration,
    /// Connections at once. One more takes the place of the one that has idled longest, and is closed when all are at work.
    pub max_connections: usize,
    /// Connections at once from one address (for IPv6, one /64).
    pub connections_per_address: usize,
    /// Which requests get a line in the log.
    pub access_log: AccessLog,
    /// Time for requests in hand after a stop was asked for.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ([0, 0, 0, 0], 9443).into(),
            admin_listen: ([127, 0, 0, 1], 9444).into(),
            upstream: UpstreamUrl::default(),
            upstream_kind: UpstreamKind::Auto,
            cert: None,
            key: None,
            self_signed: None,
            names: Vec::new(),
            client_certificates: None,
            htpasswd: None,
            login_cache: Duration::from_secs(15 * 60),
            login_failures: 30,
            allow: Allowlist::default(),
            allow_file: None,
            resolve_interval: Duration::from_secs(60),
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: false,
            users: Scopes::default(),
            types_limit: 20_000,
            body_limit: 16 * 1024 * 1024,
            series_limit: 100_000,
            label_limit: 64,
            name_limit: 1024,
            value_limit: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_secs(30),
            upstream_timeout: Duration::from_secs(15),
            max_connections: 1024,
            connections_per_address: 512,
            access_log: AccessLog::Refused,
            grace: Duration::from_secs(10),
        }
    }
}

/// Which requests get a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that were not stored, by us or by what stands behind us.
    #[default]
    Refused,
    /// Every one.
    All,
}

/// Where certificate and key come from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// Two files that somebody else looks after.
    Files {
        /// The certificate.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// A directory that this gate looks after.
    SelfSigned(SelfSigned),
}

impl Config {
    /// Returns where the certificate comes from.
    ///
    /// # Errors
    /// When none of the ways was chosen, or more than one, or a name is none.
    pub fn certificate(&self) -> anyhow::Result<CertificateSource> {
        match (&self.cert, &self.key, &self.self_signed) {
            (Some(cert), Some(key), None) => {
                ensure!(
                    self.names.is_empty(),
                    "`names` (--name) goes with `self_signed`: a certificate from a file has its names"
                );
                Ok(CertificateSource::Files { cert: cert.clone(), key: key.clone() })
            }
            (None, None, Some(directory)) => {
                Ok(CertificateSource::SelfSigned(SelfSigned::new(directory, &self.names)?))
            }
            (None, None, None) => anyhow::bail!(
                "there is no certificate: give --cert FILE and --key FILE, or --self-signed DIR to have one made"
            ),
            (_, _, Some(_)) => anyhow::bail!("`self_signed` and `cert`/`key` are both set; keep one"),
            (Some(_), None, None) => anyhow::bail!("`cert` is set without `key`; the two go together"),
            (None, Some(_), None) => anyhow::bail!("`key` is set without `cert`; the two go together"),
        }
    }

    /// Returns the file of users. There is no gate without passwords, unless certificates name the users.
    ///
    /// # Errors
    /// When none was named.
    pub fn htpasswd(&self) -> anyhow::Result<Option<&PathBuf>> {
        let by_certificate =
            self.client_certificates.as_ref().is_some_and(|client| client.user != CertificateUser::None);
        if self.htpasswd.is_none() && by_certificate {
            return Ok(None);
        }
        self.htpasswd.as_ref().map(Some).context(
            "there is no password file: `htpasswd -nB prom > proxy.htpasswd` makes one, --htpasswd proxy.htpasswd names it",
        )
    }

    /// Returns what of a body is read at most.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            bytes: self.body_limit,
            series: self.series_limit,
            labels: self.label_limit,
            name_bytes: self.name_limit,
            value_bytes: self.value_limit,
        }
    }

    /// Refuses numbers with which nothing could ever pass, and times that no clock can add up.
    ///
    /// # Errors
    /// When a limit or a time is zero, a time is longer than a day, or nobody is allowed.
    pub fn validate(&self) -> anyhow::Result<()> {
        ensure!(
            !self.allow.is_empty() || self.allow_file.is_some(),
            "`allow` is empty, so nobody could push; leave it out for the default"
        );
        for (name, limit) in [
            ("body_limit", self.body_limit),
            ("series_limit", self.series_limit),
            ("name_limit", self.name_limit),
            ("max_connections", self.max_connections),
            ("connections_per_address", self.connections_per_address),
        ] {
            ensure!(limit > 0, "`{name}` is 0, so no push would pass");
        }
        ensure!(
            !self.proxy_protocol || !self.trusted_proxies.is_empty(),
            "`proxy_protocol` needs `trusted_proxies`: nobody else may say where a connection comes from"
        );
        for (name, timeout) in [
            ("header_timeout", self.header_timeout),
            ("idle_timeout", self.idle_timeout),
            ("resolve_interval", self.resolve_interval),
            ("request_timeout", self.request_timeout),
            ("upstream_timeout", self.upstream_timeout),
        ] {
            ensure!(!timeout.is_zero(), "`{name}` is 0, so no push would pass");
            ensure!(timeout <= LONGEST_TIME, "`{name}` is longer than a day; a push takes seconds");
        }
        ensure!(self.login_cache <= LONGEST_TIME, "`login_cache` is longer than a day");
        ensure!(self.grace <= LONGEST_TIME, "`grace` is longer than a day; a push takes seconds");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
