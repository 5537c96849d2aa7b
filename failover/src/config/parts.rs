//! The smaller parts of the section: probe, hooks, messages, budget.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::core::Budget;

/// How to tell that the bot hangs. With neither `http` nor `file`, only its end is noticed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// A page of the bot on this machine that must answer 2xx.
    pub http: Option<Url>,
    /// A file that the bot touches while it is well.
    pub file: Option<PathBuf>,
    /// How old the file may be.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// Pause between probes.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// Time for the page.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// So many failures in a row mean that it hangs.
    pub failures: u32,
    /// Not before the bot has run for this long.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
}

/// What to run when the lease comes and goes: a command with its arguments each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// Under the lease, before the bot starts. If it fails, the bot does not start.
    pub acquire: Vec<String>,
    /// Under the lease, after the bot is gone and before another may have it.
    pub release: Vec<String>,
    /// After the lease was lost: another may lead already, so it must change nothing that is shared.
    pub lost: Vec<String>,
    /// Time for each; the lease's end may shorten it.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

/// Who is told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// The bridge's `/notify`; none: nobody is told.
    pub url: Option<Url>,
    /// File with the bridge's token, if it asks for one.
    pub token_file: Option<PathBuf>,
    /// The language of the messages.
    pub language: crate::language::Language,
}

/// How often the bot may be started.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Within an hour.
    pub hourly: usize,
    /// Within 24 hours.
    pub daily: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let Budget { hourly, daily } = Budget::default();
        Self { hourly, daily }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            http: None,
            file: None,
            max_age: Duration::from_secs(60),
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            failures: 3,
            after: Duration::from_secs(60),
        }
    }
}

impl Default for Hooks {
    fn default() -> Self {
        Self { acquire: Vec::new(), release: Vec::new(), lost: Vec::new(), timeout: Duration::from_secs(2) }
    }
}
