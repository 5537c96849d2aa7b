//! The settings of this part.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::buffer;
use crate::delivery::{self, Compress};
use crate::gateway::{self, GatewayUrl};
use crate::host::Host;
use crate::settings::{Interval, Loopback, RetryBudget, Timeout};

/// The `exporter:` section of the configuration file.
///
/// Every key may be left out. The names that cron jobs have always set win over the file: `PUSHGATEWAY_URL`,
/// `PUSHGATEWAY_USER`, `PUSHGATEWAY_PASSWORD` (or `…_FILE`), `PUSHGATEWAY_CACERT`, `PUSHGATEWAY_INSECURE`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Gateway that receives our pushes: `https://host:9443`, or with the group, `https://host:9443/metrics/job/web`.
    /// Default: `https://localhost:9443/metrics/job/xserver-bot`.
    pub url: Option<GatewayUrl>,
    /// Value of the label `job` when the URL leaves it open. Default: `host`.
    #[serde(deserialize_with = "filled")]
    pub job: Option<String>,
    /// Value of the label `instance` when the URL leaves it open. Default: this host's name.
    #[serde(deserialize_with = "filled")]
    pub instance: Option<String>,
    /// Name for Basic Auth.
    pub user: Option<String>,
    /// File that holds the password for Basic Auth. Its content is never logged.
    pub password_file: Option<PathBuf>,
    /// PEM file with the only certificates that we trust; without it, those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether to push to whoever answers, without looking at a certificate.
    pub insecure: bool,
    /// How long a push may take, from the look-up of the name to the last byte of the answer. Default: `10s`.
    pub timeout: Timeout,
    /// How long after the first try of a push another one may begin, when there was no answer, 429 or 5xx. `0s` tries once.
    /// Default: `10s`, and in `run` a third of the interval at most.
    pub retry_budget: RetryBudget,
    /// Whether pages are packed with gzip: `auto`, `always` or `never`. Default: `auto`.
    pub compress: Compress,
    /// Pause between two pushes of `run`. Default: `15s`.
    pub interval: Interval,
    /// Address of this machine on which `run` gives its page to whoever scrapes it, such as `127.0.0.1:9100`.
    /// Default: none.
    pub listen: Option<Loopback>,
    /// Where pages wait while there is no way to the gateway. Default: nowhere.
    pub buffer: Option<buffer::Config>,
    /// File that is kept between two pushes. Default: `/var/lib/noroshi/exporter.json` for root,
    /// `~/.local/state/noroshi/exporter.json` for others.
    pub state: Option<PathBuf>,
    /// Where procfs is mounted. Default: `/proc`.
    pub procfs: Option<PathBuf>,
    /// Where sysfs is mounted. Default: `/sys`.
    pub sysfs: Option<PathBuf>,
    /// The root of the host's files. Default: `/`.
    pub rootfs: Option<PathBuf>,
    /// Processes, units, ports, pages, files and bots to watch.
    pub watch: crate::watch::Config,
    /// Figures of others that travel along. Default: none.
    pub join: crate::join::Config,
}

impl Config {
    /// Returns what is said about the gateway.
    #[must_use]
    pub fn gateway(&self) -> gateway::Settings {
        gateway::Settings {
            url: self.url.clone(),
            job: self.job.clone(),
            instance: self.instance.clone(),
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            ca_file: self.ca_file.clone(),
            insecure: self.insecure,
            timeout: self.timeout,
        }
    }

    /// Returns what is said about the way there.
    #[must_use]
    pub fn delivery(&self) -> delivery::Settings {
        delivery::Settings {
            gateway: self.gateway(),
            retry_budget: self.retry_budget,
            compress: self.compress,
            buffer: self.buffer.clone(),
        }
    }

    /// Returns the trees to read.
    #[must_use]
    pub fn host(&self) -> Host {
        let own = Host::default();
        Host {
            procfs: self.procfs.clone().unwrap_or(own.procfs),
            sysfs: self.sysfs.clone().unwrap_or(own.sysfs),
            rootfs: self.rootfs.clone().unwrap_or(own.rootfs),
        }
    }
}

/// Reads a label's value. A gateway refuses a group without a job, and nobody finds a host without a name.
fn filled<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(value)? {
        Some(text) if text.is_empty() => Err(D::Error::custom("write a value, or leave the key out")),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn exporter(text: &str) -> Result<Config, String> {
        ::config::section::parse("exporter", text, "noroshi.yaml").map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_may_be_left_out() {
        let config = exporter("exporter: {}\n").unwrap();
        assert_eq!(config.timeout.as_duration(), Duration::from_secs(10));
        assert_eq!(config.host(), Host::default());
    }

    #[test]
    fn every_key_is_read() {
        let config = exporter(
            "exporter:\n  retry_budget: 0s\n  compress: always\n  interval: 30s\n  listen: 127.0.0.1:9100\n  \
             buffer:\n    dir: /var/lib/noroshi/buffer\n    backfill_url: https://vm.example.org:8428\n  \
             url: https://gate.example.org:9443\n  job: web\n  instance: web-1\n  user: prom\n  \
             password_file: /run/secret\n  ca_file: /etc/ca.pem\n  insecure: false\n  timeout: 2s\n  \
             state: /tmp/state.json\n  procfs: /host/proc\n  sysfs: /host/sys\n  rootfs: /host\n",
        )
        .unwrap();
        assert_eq!(config.timeout.as_duration(), Duration::from_secs(2));
        assert_eq!(config.host().rootfs, PathBuf::from("/host"));
        assert_eq!(config.job.as_deref(), Some("web"));
    }

    #[test]
    fn a_setting_that_does_not_hold_is_refused_with_its_line() {
        insta::assert_snapshot!(exporter("exporter:\n  timeout: 0s\n").unwrap_err(), @"noroshi.yaml: a push needs some time: write a timeout such as `10s` at line 2, column 12");
        insta::assert_snapshot!(exporter("exporter:\n  url: ftp://x/\n").unwrap_err(), @"noroshi.yaml: the URL must begin with https:// (or http://, on this machine) at line 2, column 8");
        insta::assert_snapshot!(exporter("exporter:\n  job: ''\n").unwrap_err(), @"noroshi.yaml: write a value, or leave the key out at line 2, column 8");
        insta::assert_snapshot!(exporter("exporter:\n  password: x\n").unwrap_err(), @"noroshi.yaml: unknown field `password`, expected one of url, job, instance, user, password_file, ca_file, insecure, timeout, retry_budget, compress, interval, listen, buffer, state, procfs, sysfs, rootfs, watch, join at line 2, column 3");
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let error = exporter("exporter:\n  url: https://prom:hunter2@gate/\n").unwrap_err();
        assert!(error.contains("PUSHGATEWAY_PASSWORD") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_shipped_example_is_read() {
        let example = include_str!("../../noroshi.example.yaml");
        let config: Config = ::config::section::parse("exporter", example, "noroshi.example.yaml").unwrap();
        assert_eq!(config.instance.as_deref(), Some("web-1"));
    }
}
