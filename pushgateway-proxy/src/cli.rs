//! The command line, and how it is laid over the configuration file.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Parser};
use config::SectionError;

use crate::allowlist::Entry;
use crate::config::Config;
use crate::upstream::{UpstreamUrl, UpstreamUrlError};

/// The gate in front of a Pushgateway: TLS, Basic Auth and an allowlist; only whole pushes go through.
#[derive(Debug, Parser)]
#[command(name = "pushgateway-proxy", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Configuration file; the section `proxy:` is read
    #[arg(long, env = "NOROSHI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where hosts push to, with TLS [default: 0.0.0.0:9443]
    #[arg(long, env = "NOROSHI_PROXY_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where /metrics, /-/healthy and /-/ready are, without TLS [default: 127.0.0.1:9444]
    #[arg(long, env = "NOROSHI_PROXY_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// The Pushgateway, with its path prefix if it has one, or VictoriaMetrics' /api/v1/import/prometheus [default: http://127.0.0.1:9091]
    #[arg(long, env = "NOROSHI_PROXY_UPSTREAM", hide_env_values = true, value_name = "URL", value_parser = Unquoted)]
    pub upstream: Option<UpstreamUrl>,
    /// Certificate in PEM, the server's own first
    #[arg(long, env = "NOROSHI_PROXY_CERT", value_name = "FILE", conflicts_with = "self_signed")]
    pub cert: Option<PathBuf>,
    /// Key to the certificate, in PEM
    #[arg(long, env = "NOROSHI_PROXY_KEY", value_name = "FILE", conflicts_with = "self_signed")]
    pub key: Option<PathBuf>,
    /// Make a CA and a certificate in this directory at the first start, and renew it by itself; hosts pin DIR/ca.pem
    #[arg(long, env = "NOROSHI_PROXY_SELF_SIGNED", value_name = "DIR")]
    pub self_signed: Option<PathBuf>,
    /// A further name or address by which hosts reach this gate, for --self-signed (repeatable)
    #[arg(long = "name", env = "NOROSHI_PROXY_NAMES", value_name = "NAME", value_delimiter = ',')]
    pub names: Vec<String>,
    /// Users and hashes, as `htpasswd -nB prom` prints them; read again when it changes
    #[arg(long, env = "NOROSHI_PROXY_HTPASSWD", value_name = "FILE")]
    pub htpasswd: Option<PathBuf>,
    /// An address, range or host name that may push (repeatable) [default: 127.0.0.1/32, ::1/128, 172.16.0.0/12]
    #[arg(long, env = "NOROSHI_PROXY_ALLOW", value_name = "CIDR|NAME", value_delimiter = ',')]
    pub allow: Vec<Entry>,
    /// File with more of them, one a line; read again when it changes
    #[arg(long, env = "NOROSHI_PROXY_ALLOW_FILE", value_name = "FILE")]
    pub allow_file: Option<PathBuf>,
    /// Check configuration, certificate and passwords, say what is wrong, and leave
    #[arg(long)]
    pub check: bool,
}

/// Parses the upstream. Elsewhere clap quotes what does not parse, and a URL may hold a password.
#[derive(Clone)]
struct Unquoted;

impl TypedValueParser for Unquoted {
    type Value = UpstreamUrl;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<UpstreamUrl, clap::Error> {
        let parsed = value.to_str().ok_or(UpstreamUrlError::NotAUrl).and_then(str::parse);
        parsed.map_err(|error| command.clone().error(ErrorKind::ValueValidation, format!("--upstream: {error}")))
    }
}

const EXAMPLES: &str = "\
Examples:
  A first start, with everything made on the spot:
    htpasswd -nB prom > proxy.htpasswd
    pushgateway-proxy --self-signed tls --htpasswd proxy.htpasswd --name push.example.org --allow 203.0.113.7
  then, on the host 203.0.113.7, with a copy of tls/ca.pem:
    echo 'backup_done 1' | curl --cacert ca.pem -u prom --data-binary @- https://push.example.org:9443/metrics/job/backup

  With a certificate from elsewhere, and its renewals taken over without a restart:
    pushgateway-proxy --cert fullchain.pem --key privkey.pem --htpasswd proxy.htpasswd

Limits, times, what each user may write, client certificates and trusted proxies stand in the configuration file,
section `proxy:`.
Exit codes: 0 stopped in good order, 1 failed while running, 2 wrong usage, 78 wrong configuration.";

impl Cli {
    /// Reads the file and lays flags and environment over it.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold.
    pub fn settings(self) -> Result<Config, SectionError> {
        let mut config: Config = config::section::load("proxy", self.config.as_deref())?;
        // One way to a certificate replaces the other as a whole: a flag must be able to win over the file.
        if self.self_signed.is_some() {
            (config.cert, config.key) = (None, None);
        } else if self.cert.is_some() || self.key.is_some() {
            config.self_signed = None;
        }
        config.listen = self.listen.unwrap_or(config.listen);
        config.admin_listen = self.admin_listen.unwrap_or(config.admin_listen);
        config.upstream = self.upstream.unwrap_or(config.upstream);
        config.cert = self.cert.or(config.cert);
        config.key = self.key.or(config.key);
        config.self_signed = self.self_signed.or(config.self_signed);
        config.htpasswd = self.htpasswd.or(config.htpasswd);
        config.allow_file = self.allow_file.or(config.allow_file);
        if !self.names.is_empty() {
            config.names = self.names;
        }
        if !self.allow.is_empty() {
            config.allow = self.allow.into_iter().collect();
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn settings(arguments: &[&str]) -> Config {
        Cli::try_parse_from([&["pushgateway-proxy"], arguments].concat()).unwrap().settings().unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "proxy:\n  listen: 1.2.3.4:5\n  cert: a\n  key: b\n  allow: [10.0.0.0/8]\n").unwrap();
        let path = file.path().to_str().unwrap();

        let config =
            settings(&["--config", path, "--self-signed", "tls", "--allow", "203.0.113.7,::1,dyn.example.org"]);

        assert_eq!(config.listen.to_string(), "1.2.3.4:5");
        assert_eq!((config.cert, config.self_signed), (None, Some(PathBuf::from("tls"))));
        assert_eq!(config.allow.to_string(), "203.0.113.7/32, ::1/128, dyn.example.org");
    }

    #[test]
    fn what_does_not_parse_is_wrong_usage() {
        for arguments in [["--allow", "everyone"], ["--listen", "9443"], ["--upstream", "https://h"]] {
            assert!(Cli::try_parse_from([&["pushgateway-proxy"][..], &arguments].concat()).is_err(), "{arguments:?}");
        }
        let password = ["pushgateway-proxy", "--upstream", "http://me:hunter2@h:1"];
        let error = Cli::try_parse_from(password).unwrap_err().to_string();
        assert!(error.contains("must not hold a user or password") && !error.contains("hunter2"), "{error}");
        let both = ["pushgateway-proxy", "--cert", "a", "--key", "b", "--self-signed", "c"];
        assert!(Cli::try_parse_from(both).is_err());
    }
}
