//! What an operator may set: the `bridge:` section of `noroshi.yaml`, and the webhook's address from outside it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{Environment, EnvironmentError, SectionError, read_secret_file, section};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::incident::Following;
use crate::language::Language;
use crate::receiver::discord::{AvatarUrl, BotName, Mentions, NotAWebhook, Rate, WebhookUrl};
use crate::receiver::settings::{DiscordConfig, Place, ReceiverConfig, ReceiverFault};
use crate::routing::{self, Maintenance, Misrouted, Route, Routing};
use crate::{report, watchdog};

/// The environment name that users already have.
pub const WEBHOOK_VARIABLE: &str = "DISCORD_ALERT_WEBHOOK_URL";
/// Holds what `POST /notify` and `alert-bridge send` show as proof.
pub const TOKEN_VARIABLE: &str = "NOROSHI_BRIDGE_TOKEN";
/// The receiver that the environment and the keys directly below `bridge:` make.
const PLAIN_RECEIVER: &str = "discord";
/// The receiver of a bridge that nobody has told where to.
const NO_RECEIVER: &str = "terminal";
/// A token that can be guessed is none.
const TOKEN_LIMIT: std::ops::RangeInclusive<usize> = 16..=512;

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
    /// Where messages go, by name.
    pub receivers: BTreeMap<String, ReceiverConfig>,
    /// Who hears of what; tried from the top.
    pub routes: Vec<Route>,
    /// Planned work.
    pub maintenance: Vec<Maintenance>,
    /// The door for scripts.
    pub notify: NotifyConfig,
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
    /// The webhook of the receiver `discord`, if there is one. [`Config::load`] finds it.
    #[serde(skip)]
    pub webhook_url: Option<WebhookUrl>,
    /// All receivers, ready to be built. [`Config::load`] makes them.
    #[serde(skip)]
    pub places: Vec<Named>,
    /// Who hears of what. [`Config::load`] makes it.
    #[serde(skip)]
    pub routing: Routing,
    /// What scripts show as proof; none: nobody is asked. [`Config::load`] reads it.
    #[serde(skip)]
    pub token: Option<SecretString>,
}

/// A receiver and its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// What else is known of it.
    pub config: ReceiverConfig,
}

impl Named {
    /// Returns the receiver of a bridge that nobody has told where to.
    fn terminal() -> Self {
        Self { name: NO_RECEIVER.to_owned(), place: Place::Terminal, config: ReceiverConfig::default() }
    }
}

/// The `notify:` section: the door for scripts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// File that holds what scripts show as proof (`Authorization: Bearer …`). Without one, nobody is asked.
    pub token_file: Option<PathBuf>,
    /// Directory of notes that `alert-bridge send` could not hand over; the bridge takes them from there.
    pub spool: Option<PathBuf>,
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
            receivers: BTreeMap::new(),
            routes: Vec::new(),
            maintenance: Vec::new(),
            notify: NotifyConfig::default(),
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
            places: vec![Named::terminal()],
            routing: Routing::to_all([NO_RECEIVER]),
            token: None,
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
    /// One of the receivers.
    #[error("bridge.receivers.{name}: {fault}")]
    Receiver {
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: ReceiverFault,
    },
    /// A name that is taken.
    #[error(
        "bridge.receivers.{PLAIN_RECEIVER}: this name is taken by {WEBHOOK_VARIABLE} (or bridge.webhook_url_file); give it another"
    )]
    NameTaken,
    /// The routes.
    #[error(transparent)]
    Misrouted(#[from] Misrouted),
    /// The token.
    #[error(
        "{0} holds no token: 16 to 512 characters without spaces make one (`openssl rand -hex 32` prints a good one)"
    )]
    Token(String),
}

impl Config {
    /// Reads the section from `file`, and everything that stands in files which it names. The webhook's address comes from
    /// `environment` or, when it has none, from `webhook_url_file`.
    ///
    /// # Errors
    /// When something of it does not hold.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut config: Self = section::load("bridge", file)?;
        let address = match (environment.secret(WEBHOOK_VARIABLE)?, &config.webhook_url_file) {
            (Some(address), _) => Some((address, WEBHOOK_VARIABLE.to_owned())),
            (None, Some(path)) => {
                Some((read_secret_file(path)?, format!("bridge.webhook_url_file ({})", path.display())))
            }
            (None, None) => None,
        };
        if let Some((address, origin)) = address {
            let url = WebhookUrl::parse(&address).map_err(|reason| ConfigError::Webhook { origin, reason })?;
            config.webhook_url = Some(url);
        }
        config.token = config.read_token(environment)?;
        config.places = config.read_places()?;
        let of_routing = |named: &Named| {
            let place = routing::Place {
                fallback: named.config.fallback.clone(),
                quiet_hours: named.config.quiet_hours.clone(),
            };
            (named.name.clone(), place)
        };
        let places = config.places.iter().map(of_routing).collect();
        config.routing = Routing::build(places, config.routes.clone(), config.maintenance.clone())?;
        Ok(config)
    }

    fn read_places(&self) -> Result<Vec<Named>, ConfigError> {
        let mut places = Vec::new();
        for (name, config) in &self.receivers {
            let place = config.place(name).map_err(|fault| ConfigError::Receiver { name: name.clone(), fault })?;
            places.push(Named { name: name.clone(), place, config: config.clone() });
        }
        if let Some(url) = &self.webhook_url {
            if self.receivers.contains_key(PLAIN_RECEIVER) {
                return Err(ConfigError::NameTaken);
            }
            let discord = DiscordConfig {
                webhook_url_file: self.webhook_url_file.clone().unwrap_or_default(),
                username: self.username.clone(),
                avatar_url: self.avatar_url.clone(),
                mentions: self.mentions.clone(),
                thread_name: None,
            };
            let place = Place::Discord(Box::new((discord, url.clone())));
            places.push(Named { name: PLAIN_RECEIVER.to_owned(), place, config: ReceiverConfig::default() });
        }
        if places.is_empty() {
            places.push(Named::terminal());
        }
        Ok(places)
    }

    fn read_token(&self, environment: &Environment) -> Result<Option<SecretString>, ConfigError> {
        let (token, origin) = match (environment.secret(TOKEN_VARIABLE)?, &self.notify.token_file) {
            (Some(token), _) => (token, TOKEN_VARIABLE.to_owned()),
            (None, Some(path)) => (read_secret_file(path)?, format!("bridge.notify.token_file ({})", path.display())),
            (None, None) => return Ok(None),
        };
        let text = token.expose_secret();
        let good = TOKEN_LIMIT.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Some(token)) } else { Err(ConfigError::Token(origin)) }
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
        insta::assert_snapshot!(refusal("bridge:\n  mention: {}\n"), @"noroshi.yaml: unknown field `mention`, expected one of listen, admin_listen, language, webhook_url_file, username, avatar_url, mentions, receivers, routes, maintenance, notify, incidents, channel_rate, alertmanager_url, prometheus_url, report, watchdog, grace at line 2, column 3");
        insta::assert_snapshot!(refusal("bridge:\n  username: Discord bot\n"), @"noroshi.yaml: Discord refuses usernames that contain `discord`, `clyde` or three backticks at line 2, column 13");
        insta::assert_snapshot!(refusal("bridge:\n  language: de\n"), @"noroshi.yaml: unknown variant `de`, expected one of en, ja at line 2, column 13");

        let wrong = Environment::from([(WEBHOOK_VARIABLE, "http://discord.com/api/webhooks/1/hunter2")]);
        insta::assert_snapshot!(load("", &wrong).unwrap_err(), @"DISCORD_ALERT_WEBHOOK_URL does not hold the address of a Discord webhook: it must use https (http is for this machine only): whoever reads the address may post");
    }

    /// Every file below `testdata/config` is broken as its name says, and is refused in one line that says so.
    #[test]
    fn what_is_broken_is_refused_with_what_where_and_why() {
        let folder = tempfile::tempdir().unwrap();
        for (name, secret) in [
            ("slack-url", "https://hooks.slack.com/services/T/B/hunter2"),
            ("plain-url", "http://hooks.slack.com/services/T/B/hunter2"),
            ("discord-url", "https://discord.com/api/webhooks/1/hunter2"),
            ("good-key", "hunter2hunter2hunter2"),
            ("short-key", "hunter2"),
        ] {
            std::fs::write(folder.path().join(name), secret).unwrap();
        }
        let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config");
        let mut files: Vec<_> = std::fs::read_dir(broken).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut refusals = Vec::new();
        for file in files {
            let mut text = std::fs::read_to_string(&file).unwrap();
            for key in ["webhook_url_file", "url_file", "secret_file", "token_file"] {
                text = text.replace(&format!("{{{key}: "), &format!("{{{key}: {}/", folder.path().display()));
                text = text.replace(&format!(", {key}: "), &format!(", {key}: {}/", folder.path().display()));
            }
            let refusal = load(&text, &Environment::default()).expect_err(&file.display().to_string());
            let refusal = refusal.replace(&folder.path().display().to_string(), "/etc/noroshi");
            assert!(!refusal.contains("hunter2") && refusal.lines().count() == 1, "{refusal}");
            refusals.push(format!("{}: {refusal}", file.file_stem().unwrap().display()));
        }
        insta::assert_snapshot!(refusals.join("\n"));
    }

    #[test]
    fn the_shipped_example_is_read() {
        let example = include_str!("../../noroshi.example.yaml");
        let config: Config = ::config::section::parse("bridge", example, "noroshi.example.yaml").unwrap();
        assert!(config.username.is_some() && config.mentions.critical.is_some());
        // One of each kind, and every key of each.
        assert_eq!(config.receivers.len(), 5);
        assert!(config.routes.len() > 2 && !config.maintenance.is_empty());
    }
}
