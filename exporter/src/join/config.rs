//! The settings of joined metrics.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::url::MetricsUrl;
use crate::settings::Timeout;

/// The `join:` part of the section `exporter:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory of `*.prom` files, as node_exporter's textfile collector reads it. Default: none.
    pub textfile: Option<PathBuf>,
    /// Pages of bots to push along. Default: none.
    pub metrics: Vec<Metrics>,
}

/// A bot's page of metrics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Where it is: `http://127.0.0.1:9101/metrics`. Plain http only to this machine or a private network.
    pub url: MetricsUrl,
    /// Value of the label `bot` for each series that has none. Default: BOT_NAME; without that, no label.
    #[serde(default, deserialize_with = "filled")]
    pub bot: Option<String>,
    /// How long it may take, from the connection to the last byte. Default: `2s`.
    #[serde(default = "default_timeout")]
    pub timeout: Timeout,
    /// How many bytes are read of it; a longer page is left out. Default: 1 MiB.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: usize,
    /// How many lines with values it may have; a page with more is left out. Default: 2000.
    #[serde(default = "default_max_series")]
    pub max_series: usize,
}

fn default_timeout() -> Timeout {
    // Not zero, so this is never the other default.
    Timeout::try_from(Duration::from_secs(2)).unwrap_or_default()
}

fn default_max_bytes() -> usize {
    1 << 20
}

fn default_max_series() -> usize {
    2000
}

fn filled<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(value)? {
        Some(text) if text.is_empty() => Err(D::Error::custom("write the bot's name, or leave the key out")),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(text: &str) -> Result<Config, String> {
        let config: Result<crate::Config, _> = ::config::section::parse("exporter", text, "noroshi.yaml");
        config.map(|config| config.join).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_is_all_that_a_bot_needs() {
        let config = join("exporter:\n  join:\n    metrics:\n      - url: http://127.0.0.1:9101/metrics\n").unwrap();
        let metrics = &config.metrics[0];
        assert_eq!(metrics.timeout.as_duration(), Duration::from_secs(2));
        assert_eq!((metrics.max_bytes, metrics.max_series, &metrics.bot), (1_048_576, 2000, &None));
    }

    #[test]
    fn what_does_not_hold_is_refused_with_its_line() {
        let metrics = |line: &str| join(&format!("exporter:\n  join:\n    metrics:\n      - {line}\n")).unwrap_err();
        insta::assert_snapshot!(metrics("url: http://8.8.8.8/metrics"), @"noroshi.yaml: plain http goes to this machine or a private network only, and this address is neither; write https, or let the exporter on that machine push it at line 4, column 14");
        insta::assert_snapshot!(metrics("url: http://a:b@127.0.0.1/metrics"), @"noroshi.yaml: the URL has a user or password in it, which would be sent to nobody; leave it out at line 4, column 14");
        insta::assert_snapshot!(metrics("{url: http://127.0.0.1/metrics, timeout: 0s}"), @"noroshi.yaml: a push needs some time: write a timeout such as `10s` at line 4, column 50");
        insta::assert_snapshot!(metrics("{url: http://127.0.0.1/metrics, bot: ''}"), @"noroshi.yaml: write the bot's name, or leave the key out at line 4, column 46");
        insta::assert_snapshot!(metrics("bot: shop"), @"noroshi.yaml: missing field `url` at line 4, column 9");
    }
}
