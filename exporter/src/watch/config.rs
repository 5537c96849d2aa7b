//! What is watched: the `exporter.watch:` section.
//!
//! It stands in the host's own file and nowhere else. Nothing that a hub sends can make this program run or ask anything.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::address::{HttpUrl, TcpTarget};
use super::pattern::Pattern;
use crate::settings::Written;

/// The `exporter.watch:` section of the configuration file. Nothing is watched unless it stands here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Processes that should be there.
    pub processes: Named<Process>,
    /// systemd units, such as `my-bot.service`.
    pub units: Named<UnitName>,
    /// Ports that should take a connection.
    pub tcp: Named<Tcp>,
    /// Pages that should be answered.
    pub http: Named<Http>,
    /// Files that something writes again and again while it is alive.
    pub heartbeats: Named<Heartbeat>,
    /// Bots that tell of themselves at a URL.
    pub bots: Named<Bot>,
}

/// Processes that are counted together. Each condition that is given must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawProcess")]
pub struct Process {
    /// Value of the label `groupname`.
    pub name: String,
    /// Value of the label `bot`; without it, that of `BOT_NAME`.
    pub bot: Option<String>,
    /// A regular expression, found somewhere in the command line with blanks between its words.
    pub pattern: Option<Pattern>,
    /// The first word of the command line: as a whole when this has a slash in it, otherwise what follows its last slash.
    pub exe: Option<String>,
    /// The kernel's name of the process, of which it keeps 15 bytes.
    pub comm: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProcess {
    name: String,
    bot: Option<String>,
    pattern: Option<Pattern>,
    exe: Option<String>,
    comm: Option<String>,
}

impl TryFrom<RawProcess> for Process {
    type Error = String;

    fn try_from(raw: RawProcess) -> Result<Self, String> {
        let RawProcess { name, bot, pattern, exe, comm } = raw;
        if pattern.is_none() && exe.is_none() && comm.is_none() {
            return Err(format!("nothing says which processes `{name}` means; give it a pattern, an exe or a comm"));
        }
        if [&exe, &comm].iter().any(|text| text.as_deref() == Some("")) {
            return Err(format!("the exe or comm of `{name}` is empty; write a value, or leave the key out"));
        }
        Ok(Self { name, bot, pattern, exe, comm })
    }
}

/// The name of one systemd unit, with its suffix. A wildcard is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UnitName(String);

impl UnitName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UnitName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        const SUFFIXES: [&str; 11] =
            ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];
        let may_stand = |letter: char| letter.is_ascii_alphanumeric() || ":-_.\\@".contains(letter);
        if name.starts_with('-') || !name.chars().all(may_stand) {
            return Err("a unit's name has letters, digits and `:-_.\\@` only, and begins with no dash");
        }
        match name.rsplit_once('.') {
            Some((stem, suffix)) if !stem.is_empty() && SUFFIXES.contains(&suffix) => Ok(Self(name)),
            _ => Err("a unit's name ends with its kind, as in `my-bot.service`"),
        }
    }
}

/// A port that should take a connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// Value of the label `probe`.
    pub name: String,
    /// Value of the label `bot`; without it, that of `BOT_NAME`.
    pub bot: Option<String>,
    /// `host:port`.
    pub target: TcpTarget,
    /// How long it may take. Default: `5s`.
    #[serde(default)]
    pub timeout: Timeout,
}

/// A page that should be answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Value of the label `probe`.
    pub name: String,
    /// Value of the label `bot`; without it, that of `BOT_NAME`.
    pub bot: Option<String>,
    /// The page.
    pub url: HttpUrl,
    /// Statuses that mean success. Default: 200 to 299.
    #[serde(default)]
    pub status: Vec<u16>,
    /// A text that must stand in the first MiB of the page.
    pub body: Option<String>,
    /// How many redirects are followed. Default: none.
    #[serde(default)]
    pub redirects: u8,
    /// PEM file with the only certificates to trust; without it, those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether any certificate will do.
    #[serde(default)]
    pub insecure: bool,
    /// How long all of it may take, redirects and page included. Default: `5s`.
    #[serde(default)]
    pub timeout: Timeout,
}

/// A file that something writes again and again while it is alive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Value of the label `heartbeat`.
    pub name: String,
    /// Value of the label `bot`; without it, that of `BOT_NAME`.
    pub bot: Option<String>,
    /// The file.
    pub file: PathBuf,
    /// How long ago it may have been written.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

/// A bot that tells of itself in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// Value of the label `name`.
    pub name: String,
    /// Value of the label `bot`; without it, that of `BOT_NAME`, and without that, the name.
    pub bot: Option<String>,
    /// The URL that answers with JSON.
    pub health: HttpUrl,
    /// How long it may take. Default: `5s`.
    #[serde(default)]
    pub timeout: Timeout,
}

/// How long a watch may take. Not zero, and short enough that cron's next run does not meet this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Timeout(Duration);

impl Timeout {
    /// Returns the bound.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(5))
    }
}

impl TryFrom<Written> for Timeout {
    type Error = &'static str;

    fn try_from(Written(duration): Written) -> Result<Self, Self::Error> {
        if duration.is_zero() || duration > Duration::from_secs(30) {
            return Err("a watch holds up the push for as long as it takes: write a timeout up to `30s`");
        }
        Ok(Self(duration))
    }
}

/// What can be told from others of its kind by a name.
pub trait Watched {
    /// Returns that name.
    fn name(&self) -> &str;
}

/// Watches of one kind, no two of which bear the same name: they would be the same series.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<T>", bound(deserialize = "T: Deserialize<'de> + Watched"))]
pub struct Named<T>(Vec<T>);

impl<T> Named<T> {
    /// Returns the watches in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Returns the watches in the order of the file.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Watched> TryFrom<Vec<T>> for Named<T> {
    type Error = String;

    fn try_from(watches: Vec<T>) -> Result<Self, String> {
        let mut names = BTreeSet::new();
        for watch in &watches {
            if watch.name().is_empty() {
                return Err("a watch needs a name, by which its alerts will call it".to_owned());
            }
            if !names.insert(watch.name()) {
                return Err(format!("two watches of one kind are called `{}`", watch.name().escape_debug()));
            }
        }
        Ok(Self(watches))
    }
}

macro_rules! watched {
    ($($kind:ty),*) => {$(
        impl Watched for $kind {
            fn name(&self) -> &str {
                &self.name
            }
        }
    )*};
}
watched!(Process, Tcp, Http, Heartbeat, Bot);

impl Watched for UnitName {
    fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::Config as Exporter;

    /// Reads what stands below `watch:`, indented by four.
    pub(crate) fn watch(text: &str) -> Result<Config, String> {
        let file = format!("exporter:\n  watch:\n{text}");
        ::config::section::parse::<Exporter>("exporter", &file, "noroshi.yaml")
            .map(|config| config.watch)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let config = watch(
            "    processes:\n      - {name: bot, bot: b, pattern: 'node .*index\\.js$', exe: node, comm: node}\n    \
             units: [my-bot.service, 'getty@tty1.service']\n    \
             tcp:\n      - {name: mc, bot: b, target: '[::1]:25565', timeout: 2s}\n    \
             http:\n      - {name: web, bot: b, url: 'https://example.org/x', status: [200, 301], body: hello, redirects: 2, \
             ca_file: /ca.pem, insecure: false, timeout: 1s}\n    \
             heartbeats:\n      - {name: beat, bot: b, file: /run/beat, max_age: 90s}\n    \
             bots:\n      - {name: bot, bot: b, health: 'http://127.0.0.1:3000/health', timeout: 3s}\n",
        )
        .unwrap();
        assert_eq!(
            config.units.iter().map(UnitName::as_str).collect::<Vec<_>>(),
            ["my-bot.service", "getty@tty1.service"]
        );
        assert_eq!(config.http.iter().next().unwrap().redirects, 2);
        assert_eq!(config.bots.iter().next().unwrap().timeout.as_duration(), Duration::from_secs(3));
    }

    #[test]
    fn what_does_not_hold_is_refused_with_its_reason() {
        for (text, reason) in [
            ("    processes: [{name: a}]\n", "nothing says which processes `a` means"),
            ("    processes: [{name: a, pattern: '('}]\n", "is no regular expression"),
            ("    processes: [{name: a, pattern: ''}]\n", "would match every process"),
            ("    processes: [{name: a, comm: ''}]\n", "the exe or comm of `a` is empty"),
            ("    processes: [{name: a, comm: x}, {name: a, comm: y}]\n", "two watches of one kind are called `a`"),
            ("    processes: [{name: '', comm: x}]\n", "a watch needs a name"),
            ("    units: ['*.service']\n", "a unit's name has letters"),
            ("    units: ['--version.service']\n", "begins with no dash"),
            ("    units: [bot]\n", "ends with its kind"),
            ("    tcp: [{name: a, target: host}]\n", "write it like `host:port`"),
            ("    tcp: [{name: a, target: 'h:1', timeout: 0s}]\n", "write a timeout up to `30s`"),
            ("    http: [{name: a, url: 'ftp://h/'}]\n", "http:// or https://"),
            ("    http: [{name: a, url: 'http://h/', follow: true}]\n", "unknown field `follow`"),
            ("    heartbeats: [{name: a, file: /x}]\n", "missing field `max_age`"),
        ] {
            let error = watch(text).unwrap_err();
            assert!(error.contains(reason) && error.contains("at line 3"), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let error = watch("    http: [{name: a, url: 'http://u:hunter2@h/'}]\n").unwrap_err();
        assert!(error.contains("a user or password") && !error.contains("hunter2"), "{error}");
    }
}
