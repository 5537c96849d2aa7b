//! One bot's page.

use std::fmt;
use std::time::Duration;

use anyhow::anyhow;
use exposition::{Families, Limits};
use tokio::time::timeout;

use super::config::Metrics;
use super::http;
use super::url::MetricsUrl;

/// What a bot says of itself, and how much of that we listen to.
#[derive(Debug)]
pub struct Source {
    /// By which our own metrics know it.
    pub name: String,
    /// Value of the label `bot`.
    pub bot: Option<String>,
    url: MetricsUrl,
    timeout: Duration,
    limits: Limits,
}

impl Source {
    /// Takes from `metrics` where the page is; the bot is called `fallback` unless that says otherwise.
    pub fn build(metrics: &Metrics, fallback: Option<&str>, taken: impl Fn(&str) -> bool) -> Self {
        let bot = metrics.bot.clone().or_else(|| fallback.map(str::to_owned));
        let wanted = bot.clone().unwrap_or_else(|| metrics.url.server.authority());
        // Two pages of one bot are two sources.
        let mut name = wanted.clone();
        let mut number = 2;
        while taken(&name) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        // A page within the limit on bytes could still be one series with a hundred thousand labels.
        let limits = Limits {
            bytes: metrics.max_bytes,
            series: metrics.max_series,
            labels: 32,
            name_bytes: 256,
            value_bytes: 1024,
        };
        Self { name, bot, url: metrics.url.clone(), timeout: metrics.timeout.as_duration(), limits }
    }

    /// Returns what the page says.
    pub async fn fetch(&self) -> anyhow::Result<Families> {
        let fetched = timeout(self.timeout, http::get(&self.url, self.limits.bytes, self.timeout)).await;
        let page = fetched.map_err(|_| anyhow!("it was not there within {:?}", self.timeout))??;
        Ok(exposition::parse(&page, &self.limits)?)
    }
}

/// The source, for people.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.url)
    }
}
