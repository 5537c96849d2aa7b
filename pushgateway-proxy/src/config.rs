//! The `proxy:` section of the configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::allowlist::Allowlist;
use crate::self_signed::SelfSigned;
use crate::upstream::UpstreamUrl;

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
    /// The Pushgateway behind this gate, with its path prefix if it has one.
    pub upstream: UpstreamUrl,
    /// Certificate (PEM), the server's own first. Goes with `key`.
    pub cert: Option<PathBuf>,
    /// Key to the certificate (PEM).
    pub key: Option<PathBuf>,
    /// Directory for a certificate of our own making; takes the place of `cert` and `key`.
    pub self_signed: Option<PathBuf>,
    /// Further names and addresses by which hosts reach this gate, for the certificate of our own making.
    pub names: Vec<String>,
    /// Users and bcrypt hashes, as `htpasswd -nB prom` prints them.
    pub htpasswd: Option<PathBuf>,
    /// Addresses and ranges that may push.
    pub allow: Allowlist,
    /// Longest body of a push, in bytes.
    pub body_limit: usize,
    /// Time for the TLS handshake, for the head of a request, and between two requests of a connection.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time for a whole request, its body and the Pushgateway's answer included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Time for the Pushgateway to answer.
    #[serde(with = "humantime_serde")]
    pub upstream_timeout: Duration,
    /// Connections at once; one more is closed at once. Addresses that are not allowed share an eighth as many of their own.
    pub max_connections: usize,
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
            cert: None,
            key: None,
            self_signed: None,
            names: Vec::new(),
            htpasswd: None,
            allow: Allowlist::default(),
            body_limit: 16 * 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            upstream_timeout: Duration::from_secs(15),
            max_connections: 1024,
            grace: Duration::from_secs(10),
        }
    }
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

    /// Returns the file of users. There is no gate without passwords.
    ///
    /// # Errors
    /// When none was named.
    pub fn htpasswd(&self) -> anyhow::Result<&PathBuf> {
        self.htpasswd.as_ref().context(
            "there is no password file: `htpasswd -nB prom > proxy.htpasswd` makes one, --htpasswd proxy.htpasswd names it",
        )
    }

    /// Refuses numbers with which nothing could ever pass, and times that no clock can add up.
    ///
    /// # Errors
    /// When a limit or a time is zero, a time is longer than a day, or nobody is allowed.
    pub fn validate(&self) -> anyhow::Result<()> {
        ensure!(!self.allow.is_empty(), "`allow` is empty, so nobody could push; leave it out for the default");
        ensure!(self.body_limit > 0, "`body_limit` is 0, so no push would pass");
        ensure!(self.max_connections > 0, "`max_connections` is 0, so nobody could push");
        for (name, timeout) in [
            ("header_timeout", self.header_timeout),
            ("request_timeout", self.request_timeout),
            ("upstream_timeout", self.upstream_timeout),
        ] {
            ensure!(!timeout.is_zero(), "`{name}` is 0, so no push would pass");
            ensure!(timeout <= LONGEST_TIME, "`{name}` is longer than a day; a push takes seconds");
        }
        ensure!(self.grace <= LONGEST_TIME, "`grace` is longer than a day; a push takes seconds");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        config::section::parse("proxy", text, "noroshi.yaml").map_err(|error| error.to_string())
    }

    #[test]
    fn no_file_gives_the_promised_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.listen.to_string(), "0.0.0.0:9443");
        assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9444");
        assert_eq!(config.upstream.to_string(), "http://127.0.0.1:9091");
        assert_eq!(config.allow, Allowlist::default());
        assert_eq!(config.body_limit, 16 << 20);
        config.validate().unwrap();
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            "proxy:\n  listen: 127.0.0.1:1\n  admin_listen: 127.0.0.1:2\n  upstream: http://pushgateway:9091/pfx/\n  \
             self_signed: tls\n  names: [push.example.org]\n  htpasswd: users\n  allow: [203.0.113.7, 10.0.0.0/8]\n  \
             body_limit: 1048576\n  header_timeout: 5s\n  request_timeout: 1m\n  upstream_timeout: 2s\n  \
             max_connections: 10\n  grace: 3s\n",
        )
        .unwrap();
        assert_eq!(config.upstream.to_string(), "http://pushgateway:9091/pfx");
        assert_eq!(config.allow.to_string(), "203.0.113.7/32, 10.0.0.0/8");
        assert_eq!(config.request_timeout, Duration::from_secs(60));
        assert!(matches!(config.certificate(), Ok(CertificateSource::SelfSigned(_))));
    }

    #[test]
    fn a_setting_that_does_not_hold_is_refused_with_line_and_reason() {
        for (line, reason) in [
            ("lisen: 1.2.3.4:5", "unknown field `lisen`"),
            ("allow: [10.1.2.3/8]", "has bits beyond its prefix"),
            ("upstream: https://pushgateway:9091", "must begin with http://"),
            ("upstream: http://me:hunter2@pushgateway:9091", "must not hold a user or password"),
            ("header_timeout: 5", "line 2"),
        ] {
            let error = parse(&format!("proxy:\n  {line}\n")).unwrap_err();
            assert!(error.contains(reason) && error.contains("line 2") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn one_certificate_and_one_password_file_are_needed() {
        let error = |text: &str| parse(text).unwrap().certificate().map(|_| ()).unwrap_err().to_string();
        assert!(error("").contains("--self-signed DIR"));
        assert!(error("proxy: {cert: a}").contains("`cert` is set without `key`"));
        assert!(error("proxy: {key: a}").contains("`key` is set without `cert`"));
        assert!(error("proxy: {cert: a, key: b, self_signed: c}").contains("are both set; keep one"));
        assert!(error("proxy: {cert: a, key: b, names: [c]}").contains("goes with `self_signed`"));
        assert!(parse("").unwrap().htpasswd().unwrap_err().to_string().contains("htpasswd -nB prom"));
    }

    #[test]
    fn a_gate_through_which_nothing_can_pass_is_refused() {
        for line in [
            "allow: []",
            "body_limit: 0",
            "max_connections: 0",
            "request_timeout: 0s",
            "request_timeout: 500000000000y",
            "grace: 2days",
        ] {
            assert!(parse(&format!("proxy:\n  {line}\n")).unwrap().validate().is_err(), "{line}");
        }
    }

    #[test]
    fn the_shipped_example_is_read() {
        let example = include_str!("../../noroshi.example.yaml");
        let config: Config = ::config::section::parse("proxy", example, "noroshi.example.yaml").unwrap();
        assert_eq!(config.names, ["hub.example.org"]);
    }
}
