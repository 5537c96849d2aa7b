//! What an operator may set: the `bridge:` section of `noroshi.yaml`, and the webhook's address from outside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{Environment, EnvironmentError, SectionError, read_secret_file, section};
use serde::Deserialize;
use url::Url;

use crate::incident::Following;
use crate::language::Language;
use crate::receiver::discord::{AvatarUrl, BotName, Mentions, NotAWebhook, Rate, Style, WebhookUrl};
use crate::{report, watchdog};

/// The environment name that users already have.
pub const WEBHOOK_VARIABLE: &str = "DISCORD_ALERT_WEBHOOK_URL";

/// The `bridge:` section of the configuration file, and what stands beside it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where Alertmanager's webhooks arrive.
    pub listen: SocketAddr,
    /// Where `/metrics`, `/-/healthy` and `/-/ready` are.
    pub admin_listen: SocketAddr,
    /// The language of the messages: `en` or `ja`.
    pub language: Language,
    /// File that holds the address of the Discord webhook. Its content is never logged.
    pub webhook_url_file: Option<PathBuf>,
    /// The name under which messages appear, instead of the webhook's own.
    pub username: Option<BotName>,
    /// The picture beside them, instead of the webhook's own.
    pub avatar_url: Option<AvatarUrl>,
    /// The role to ping for each severity: `{critical: "123456789012345678"}`. Nobody is pinged unless named here.
    pub mentions: Mentions,
    /// How incidents are followed.
    pub incidents: Following,
    /// How many new messages a Discord channel takes in how many seconds, from all its webhooks together.
    pub channel_rate: Rate,
    /// The Alertmanager that posts here, to be asked about alerts that it tells nothing of any more; nobody is asked
    /// unless it is set.
    pub alertmanager_url: Option<Url>,
    /// Where reports get their figures: Prometheus, or what speaks its API.
    pub prometheus_url: Url,
    /// When a report is made, and of what.
    pub report: report::Config,
    /// What becomes of the alert that always fires, and of its silence.
    pub watchdog: watchdog::Config,
    /// How long deliveries under way may take after a stop was asked for.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,

    /// Directory for what the bridge keeps. Differs by machine, so it is a flag and no key; none: only memory.
    #[serde(skip)]
    pub data: Option<PathBuf>,
    /// The webhook; without one, messages go to standard output. [`Config::load`] finds it.
    #[serde(skip)]
    pub webhook_url: Option<WebhookUrl>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 9096).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, 9097).into(),
            language: Language::default(),
            webhook_url_file: None,
            username: None,
            avatar_url: None,
            mentions: Mentions::default(),
            incidents: Following::default(),
            channel_rate: Rate::default(),
            alertmanager_url: None,
            prometheus_url: "http://127.0.0.1:9090".parse().expect("the default is an address"),
            report: report::Config::default(),
            watchdog: watchdog::Config::default(),
            // An answer under way may take 15 s.
            grace: Duration::from_secs(20),
            data: None,
            webhook_url: None,
        }
    }
}

/// Why the configuration does not hold. No message quotes a webhook's address.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// The environment, or a file with the secret.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The webhook's address.
    #[error("{origin} does not hold the address of a Discord webhook: {reason}")]
    Webhook {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        reason: NotAWebhook,
    },
}

impl Config {
    /// Reads the section from `file` and the webhook's address from `environment` or, when it has none, from
    /// `webhook_url_file`.
    ///
    /// # Errors
    /// When either does not hold.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut config: Self = section::load("bridge", file)?;
        let (address, origin) = match (environment.secret(WEBHOOK_VARIABLE)?, &config.webhook_url_file) {
            (Some(address), _) => (address, WEBHOOK_VARIABLE.to_owned()),
            (None, Some(path)) => (read_secret_file(path)?, format!("bridge.webhook_url_file ({})", path.display())),
            (None, None) => return Ok(config),
        };
        let url = WebhookUrl::parse(&address).map_err(|reason| ConfigError::Webhook { origin, reason })?;
        config.webhook_url = Some(url);
        Ok(config)
    }

    pub(crate) fn style(&self) -> Style {
        Style { username: self.username.clone(), avatar_url: self.avatar_url.clone(), mentions: self.mentions.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &Environment) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let path = file.path().display().to_string();
        Config::load(Some(file.path()), environment).map_err(|error| error.to_string().replace(&path, "noroshi.yaml"))
    }

    #[test]
    fn no_file_and_no_environment_are_fine() {
        let config = Config::load(None, &Environment::default()).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:9096");
        assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9097");
        assert!(config.webhook_url.is_none());
    }

    #[test]
    fn every_key_is_read() {
        let text = "bridge:\n  listen: 0.0.0.0:1\n  admin_listen: 127.0.0.1:2\n  language: ja\n  username: 狼煙\n  \
                    avatar_url: https://noroshi.example/a.png\n  mentions:\n    critical: 123456789012345678\n    warning: \"2\"\n  grace: 20s\n";
        let config = load(text, &Environment::default()).unwrap();
        assert_eq!((config.listen.port(), config.admin_listen.port(), config.language), (1, 2, Language::Ja));
        assert_eq!(config.mentions.critical.unwrap().to_string(), "123456789012345678");
        assert_eq!(config.mentions.warning.unwrap().to_string(), "2");
        assert_eq!(config.grace, Duration::from_secs(20));
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let held = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&held, "https://discord.com/api/webhooks/1/file\n").unwrap();
        let text = format!("bridge:\n  webhook_url_file: {}\n", held.path().display());

        let config = load(&text, &Environment::default()).unwrap();
        assert_eq!(config.webhook_url.unwrap().to_string(), "the webhook at discord.com");
        let there = Environment::from([(WEBHOOK_VARIABLE, "http://127.0.0.1:1/api/webhooks/1/env")]);
        assert_eq!(load(&text, &there).unwrap().webhook_url.unwrap().to_string(), "the webhook at 127.0.0.1");
    }

    #[test]
    fn what_does_not_hold_is_said_without_the_secret() {
        let refusal = |text: &str| load(text, &Environment::default()).unwrap_err();
        insta::assert_snapshot!(refusal("bridge:\n  mention: {}\n"), @"noroshi.yaml: unknown field `mention`, expected one of listen, admin_listen, language, webhook_url_file, username, avatar_url, mentions, incidents, channel_rate, alertmanager_url, prometheus_url, report, watchdog, grace at line 2, column 3");
        insta::assert_snapshot!(refusal("bridge:\n  username: Discord bot\n"), @"noroshi.yaml: Discord refuses usernames that contain `discord`, `clyde` or three backticks at line 2, column 13");
        insta::assert_snapshot!(refusal("bridge:\n  language: de\n"), @"noroshi.yaml: unknown variant `de`, expected one of en, ja at line 2, column 13");

        let wrong = Environment::from([(WEBHOOK_VARIABLE, "http://discord.com/api/webhooks/1/hunter2")]);
        insta::assert_snapshot!(load("", &wrong).unwrap_err(), @"DISCORD_ALERT_WEBHOOK_URL does not hold the address of a Discord webhook: it must use https (http is for this machine only): whoever reads the address may post");
    }

    #[test]
    fn the_shipped_example_is_read() {
        let example = include_str!("../../noroshi.example.yaml");
        let config: Config = ::config::section::parse("bridge", example, "noroshi.example.yaml").unwrap();
        assert!(config.username.is_some() && config.mentions.critical.is_some());
    }
}
