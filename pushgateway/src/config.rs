//! The `pushgateway:` section of the configuration file.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use serde::Deserialize;

/// Added to the present moment, a longer one could leave the range of the clock.
const LONGEST_TIME: Duration = Duration::from_secs(86400);

/// The `pushgateway:` section of the configuration file. Flags and environment win over it, since they differ by machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the Pushgateway's API. Plain HTTP without a password, so loopback or an internal network.
    pub listen: SocketAddr,
    /// Address and port of the admin page.
    pub admin_listen: SocketAddr,
    /// Directory for what was pushed. Without one, a restart begins with an empty store.
    pub data: Option<PathBuf>,
    /// When what was written to `data` is forced to the medium.
    pub sync: Sync,
    /// Time between two forced writes with `sync: interval`.
    #[serde(with = "humantime_serde")]
    pub sync_interval: Duration,
    /// Path before every other one, for those who serve the API under a path of theirs.
    pub route_prefix: RoutePrefix,
    /// Path of the page for Prometheus. Pushes stay at `/metrics/job/…`.
    pub telemetry_path: TelemetryPath,
    /// Whether `PUT /-/quit` stops the process.
    pub lifecycle_api: bool,
    /// Whether `PUT /api/v1/admin/wipe` and `/api/v1/admin/import` are there.
    pub admin_api: bool,
    /// Whether a push that contradicts itself or another group is refused. Without, it is answered 202, and the series that
    /// contradict are left out.
    pub consistency_check: bool,
    /// Whether families that a Go program tells of itself (`go_…`, `process_…`) keep the type that they have there.
    pub reserve_go_names: bool,
    /// Age of the last successful push at which a group is dropped. Without, groups stay until somebody deletes them.
    #[serde(with = "humantime_serde")]
    pub expire_after: Option<Duration>,
    /// Longest body of a push in bytes, before and after decompression.
    pub body_limit: usize,
    /// Time for the head of a request, and between two requests of a connection.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time for the body of a push to arrive.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Connections at once; more wait.
    pub max_connections: usize,
    /// Time for requests in hand after a stop was asked for.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 9091).into(),
            admin_listen: ([127, 0, 0, 1], 9092).into(),
            data: None,
            sync: Sync::Always,
            sync_interval: Duration::from_secs(1),
            route_prefix: RoutePrefix::default(),
            telemetry_path: TelemetryPath::default(),
            lifecycle_api: false,
            admin_api: false,
            consistency_check: true,
            reserve_go_names: true,
            expire_after: None,
            body_limit: 16 * 1024 * 1024,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            max_connections: 1024,
            grace: Duration::from_secs(10),
        }
    }
}

/// When what was written is forced to the medium. A push that was answered 200 survives a kill with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// Before a push is answered; pushes that wait at the same time share one. What was answered survives a power cut.
    Always,
    /// Every `sync_interval`: a power cut costs what was pushed since the last one.
    Interval,
    /// When the system sees fit, which is half a minute on most.
    Never,
}

impl Config {
    /// Returns the settings under the names that a Pushgateway's flags have, for those who read them from its API.
    #[must_use]
    pub fn flags(&self, listen: SocketAddr) -> Vec<(&'static str, String)> {
        let data = self.data.as_ref().map(|data| data.display().to_string());
        vec![
            ("persistence.file", data.unwrap_or_default()),
            ("persistence.interval", "0s".to_owned()),
            ("push.disable-consistency-check", (!self.consistency_check).to_string()),
            ("web.enable-admin-api", self.admin_api.to_string()),
            ("web.enable-lifecycle", self.lifecycle_api.to_string()),
            ("web.external-url", String::new()),
            ("web.listen-address", listen.to_string()),
            ("web.route-prefix", self.route_prefix.as_str().to_owned()),
            ("web.telemetry-path", self.telemetry_path.as_str().to_owned()),
        ]
    }

    /// Refuses numbers with which nothing could ever pass, and times that no clock can add up.
    ///
    /// # Errors
    /// When a limit or a time is zero, or a time is longer than a day (`expire_after` may be).
    pub fn validate(&self) -> anyhow::Result<()> {
        ensure!(self.body_limit > 0, "`body_limit` is 0, so no push would pass");
        ensure!(self.max_connections > 0, "`max_connections` is 0, so nobody could push");
        for (name, time) in [
            ("sync_interval", self.sync_interval),
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
        ] {
            ensure!(!time.is_zero(), "`{name}` is 0, so no push would pass");
            ensure!(time <= LONGEST_TIME, "`{name}` is longer than a day; a push takes seconds");
        }
        ensure!(self.grace <= LONGEST_TIME, "`grace` is longer than a day; a push takes seconds");
        ensure!(self.expire_after.is_none_or(|age| !age.is_zero()), "`expire_after` is 0, so no group would stay");
        Ok(())
    }
}

/// A path that stands before every other one: empty, or `/…` without a slash at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RoutePrefix(String);

/// The path of the page for Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TelemetryPath(String);

/// Why a path is none that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It begins with something else than a slash.
    #[error("a path begins with `/`")]
    NoSlash,
    /// Clients would be sent to another one.
    #[error("a path has no empty, `.` or `..` part, and no character that URLs write as %XX")]
    Unsteady,
}

impl RoutePrefix {
    /// Returns the prefix without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TelemetryPath {
    /// Returns the path, from its slash on.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TelemetryPath {
    fn default() -> Self {
        Self("/metrics".to_owned())
    }
}

impl TryFrom<String> for RoutePrefix {
    type Error = PathError;

    fn try_from(path: String) -> Result<Self, PathError> {
        let path = path.trim_end_matches('/');
        if !path.is_empty() {
            check_path(path)?;
        }
        Ok(Self(path.to_owned()))
    }
}

impl TryFrom<String> for TelemetryPath {
    type Error = PathError;

    fn try_from(path: String) -> Result<Self, PathError> {
        check_path(&path)?;
        Ok(Self(path))
    }
}

impl fmt::Display for RoutePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_path(path: &str) -> Result<(), PathError> {
    let parts = path.strip_prefix('/').ok_or(PathError::NoSlash)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let steady = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
    if parts.split('/').all(steady) { Ok(()) } else { Err(PathError::Unsteady) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config =
            config::section::parse("pushgateway", text, "noroshi.yaml").map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_need_be_said() {
        let config = parse("").unwrap();
        assert_eq!((config.sync, config.route_prefix.as_str()), (Sync::Always, ""));
    }

    #[test]
    fn the_shipped_example_holds_and_says_the_defaults() {
        let example = include_str!("../../noroshi.example.yaml");
        let config = parse(example).unwrap();
        let kept_long = Config { expire_after: None, data: None, ..config.clone() };
        assert_eq!(format!("{kept_long:?}"), format!("{:?}", Config::default()));
        assert!(config.expire_after.is_some() && config.data.is_some());
    }

    #[test]
    fn a_prefix_loses_its_last_slash() {
        assert_eq!(parse("pushgateway: {route_prefix: /pfx/}").unwrap().route_prefix.as_str(), "/pfx");
        assert_eq!(parse("pushgateway: {route_prefix: /}").unwrap().route_prefix.as_str(), "");
    }

    #[test]
    fn what_could_not_be_served_is_refused_with_its_line() {
        for (section, reason) in [
            ("route_prefix: pfx", "a path begins with `/`"),
            ("telemetry_path: /a/../b", "no empty, `.` or `..` part"),
            ("sync: often", "unknown variant"),
            ("body_limit: 0", "no push would pass"),
            ("expire_after: 0s", "no group would stay"),
            ("grace: 2d", "longer than a day"),
        ] {
            let error = parse(&format!("pushgateway:\n  {section}\n")).unwrap_err();
            assert!(error.contains(reason), "{section}: {error}");
        }
    }
}
