//! One entry of `receivers:`: which place it is, and what is the same for all kinds of places.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::config::{EnvironmentError, read_secret_file};
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Deserialize;

use super::discord::{self, AvatarUrl, BotName, Mentions, NotAWebhook, ThreadName, WebhookUrl};
use super::email::{EmailConfig, MailMismatch};
use super::endpoint::{Endpoint, NotAnEndpoint, PlainHttp};
use super::hook::{NotAKey, SigningKey};
use super::slack::{self, SlackMentions, SlackName};
use crate::language::Language;
use crate::routing::QuietHours;
use crate::template::{Escape, Moment, TemplateFault, TemplateTexts, Templates};

/// One entry of `receivers:`, by its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiverConfig {
    /// A Discord channel.
    pub discord: Option<DiscordConfig>,
    /// A Slack channel.
    pub slack: Option<SlackConfig>,
    /// Mail.
    pub email: Option<EmailConfig>,
    /// A program of the operator's own.
    pub webhook: Option<HookConfig>,
    /// Our standard output.
    pub terminal: Option<TerminalConfig>,
    /// The language of its messages, instead of the bridge's.
    pub language: Option<Language>,
    /// Receivers that are told instead when it is dead, all of them.
    pub fallback: Vec<String>,
    /// How long it may be unreachable before that happens.
    #[serde(with = "humantime_serde")]
    pub fallback_after: Duration,
    /// When it is not to be disturbed by what is not urgent.
    pub quiet_hours: Option<QuietHours>,
    /// Words of the operator's own.
    pub templates: TemplateTexts,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            discord: None,
            slack: None,
            email: None,
            webhook: None,
            terminal: None,
            language: None,
            fallback: Vec::new(),
            fallback_after: Duration::from_secs(600),
            quiet_hours: None,
            templates: TemplateTexts::default(),
        }
    }
}

/// A Discord channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscordConfig {
    /// File that holds the webhook's address. Its content is never logged.
    pub webhook_url_file: PathBuf,
    /// The name under which messages appear, instead of the webhook's own.
    pub username: Option<BotName>,
    /// The picture beside them, instead of the webhook's own.
    pub avatar_url: Option<AvatarUrl>,
    /// The role to ping for each severity.
    #[serde(default)]
    pub mentions: Mentions,
    /// In a forum channel: the post that each incident opens is called so; `{title}` stands for the title.
    pub thread_name: Option<ThreadName>,
}

/// A Slack channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// File that holds the incoming webhook's address. Its content is never logged.
    pub webhook_url_file: PathBuf,
    /// The name under which messages appear, where the webhook allows it.
    pub username: Option<SlackName>,
    /// Whom to call for each severity.
    #[serde(default)]
    pub mentions: SlackMentions,
}

/// A program of the operator's own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// File that holds the address. Its content is never logged.
    pub url_file: PathBuf,
    /// File that holds the key by which messages are signed. Its content is never logged.
    pub secret_file: PathBuf,
}

/// Our standard output.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalConfig {}

/// Where a receiver is, with everything that stood in files.
#[derive(Clone, Debug)]
pub enum Place {
    /// A Discord channel.
    Discord(Box<(DiscordConfig, WebhookUrl)>),
    /// A Slack channel.
    Slack(Box<(SlackConfig, Endpoint)>),
    /// Mail.
    Email(Box<(EmailConfig, Option<SecretString>)>),
    /// A program of the operator's own.
    Webhook(Endpoint, SecretString),
    /// Our standard output.
    Terminal,
}

impl Place {
    /// Returns whether what is told here can be told again after a restart, so that it must be kept.
    #[must_use]
    pub fn outlives_us(&self) -> bool {
        !matches!(self, Self::Terminal)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discord(settings) => write!(f, "Discord, {}", settings.1),
            Self::Slack(settings) => write!(f, "Slack, {}", settings.1),
            Self::Email(settings) => write!(f, "mail through {}", settings.0.smarthost),
            Self::Webhook(url, _) => url.fmt(f),
            Self::Terminal => f.write_str("standard output"),
        }
    }
}

/// Why an entry of `receivers:` does not hold. No message quotes an address or a secret.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverFault {
    /// No kind of place, or several.
    #[error("it must have exactly one of discord, slack, email, webhook and terminal")]
    NotOneKind,
    /// A file with a secret.
    #[error(transparent)]
    File(#[from] EnvironmentError),
    /// The address of a Discord webhook.
    #[error("discord.webhook_url_file ({path}) does not hold the address of a Discord webhook: {reason}")]
    Discord {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: NotAWebhook,
    },
    /// The address of another webhook.
    #[error("{key} ({path}) does not hold an address to post to: {reason}")]
    Endpoint {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: NotAnEndpoint,
    },
    /// The key that signs.
    #[error("webhook.secret_file ({path}) does not hold a key: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: NotAKey,
    },
    /// Settings of a mail.
    #[error("email: {0}")]
    Mail(#[from] MailMismatch),
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplateFault),
    /// A template for a program.
    #[error("templates are for people; a webhook gets all there is to know as JSON")]
    TemplatesForAProgram,
    /// A name that cannot be one.
    #[error("a receiver's name has 1 to 40 letters, digits, `-` and `_`")]
    Name,
}

impl ReceiverConfig {
    /// Reads the files that it names and tries its templates.
    ///
    /// # Errors
    /// When something of it does not hold.
    pub fn place(&self, name: &str) -> Result<Place, ReceiverFault> {
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=40).contains(&name.len()) || !name.bytes().all(fit) {
            return Err(ReceiverFault::Name);
        }
        let Self { discord, slack, email, webhook, terminal, .. } = self;
        let place = match (discord, slack, email, webhook, terminal) {
            (Some(discord), None, None, None, None) => {
                let path = &discord.webhook_url_file;
                let url = WebhookUrl::parse(&read_secret_file(path)?)
                    .map_err(|reason| ReceiverFault::Discord { path: path.clone(), reason })?;
                Place::Discord(Box::new((discord.clone(), url)))
            }
            (None, Some(slack), None, None, None) => {
                let url = endpoint("slack.webhook_url_file", &slack.webhook_url_file, PlainHttp::Loopback)?;
                Place::Slack(Box::new((slack.clone(), url)))
            }
            (None, None, Some(email), None, None) => {
                email.check()?;
                let password = email.password_file.as_deref().map(read_secret_file).transpose()?;
                Place::Email(Box::new((email.clone(), password)))
            }
            (None, None, None, Some(hook), None) => {
                let url = endpoint("webhook.url_file", &hook.url_file, PlainHttp::Private)?;
                let path = &hook.secret_file;
                let secret = read_secret_file(path)?;
                SigningKey::parse(&secret).map_err(|reason| ReceiverFault::Key { path: path.clone(), reason })?;
                if self.templates != TemplateTexts::default() {
                    return Err(ReceiverFault::TemplatesForAProgram);
                }
                Place::Webhook(url, secret)
            }
            (None, None, None, None, Some(TerminalConfig {})) => Place::Terminal,
            _ => return Err(ReceiverFault::NotOneKind),
        };
        place.templates(self.templates.clone())?;
        Ok(place)
    }
}

impl Place {
    /// Tries `texts` as they would be shown here.
    ///
    /// # Errors
    /// When one of them is no template or fails.
    pub(super) fn templates(&self, texts: TemplateTexts) -> Result<Templates, TemplateFault> {
        let local = |zone: TimeZone| -> Moment {
            Arc::new(move |moment| moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string())
        };
        let (escape, moment): (Escape, Moment) = match self {
            Self::Discord(_) => (discord::escaped, Arc::new(discord::relative)),
            Self::Slack(_) => (slack::escaped, Arc::new(slack::date)),
            Self::Email(settings) => {
                let zone = settings.0.zone.as_ref().map_or_else(TimeZone::system, |zone| zone.0.clone());
                (str::to_owned, local(zone))
            }
            Self::Webhook(..) | Self::Terminal => (str::to_owned, local(TimeZone::system())),
        };
        Templates::build(texts, escape, moment)
    }
}

fn endpoint(key: &'static str, path: &Path, plain: PlainHttp) -> Result<Endpoint, ReceiverFault> {
    let address = read_secret_file(path)?;
    Endpoint::parse(&address, plain).map_err(|reason| ReceiverFault::Endpoint { key, path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::compose;
    use crate::webhook;

    #[test]
    fn words_of_the_operators_own_are_escaped_for_the_place_they_go_to() {
        let body = r#"{"receiver":"r","alerts":[{"status":"firing","startsAt":"2026-11-22T07:14:23Z",
            "labels":{"alertname":"*A* <!here>","instance":"db-1"}}]}"#;
        let message = compose(&webhook::parse(body.as_bytes()).unwrap(), Language::En).unwrap();
        let texts = TemplateTexts {
            title: Some("{{ title }}".to_owned()),
            line: Some("{{ alert.name }}, {{ alert.when }}".to_owned()),
            body: None,
        };
        let url = Endpoint::parse(&"https://hooks.slack.com/services/T/B/x".into(), PlainHttp::Loopback).unwrap();
        let config: SlackConfig = serde_json::from_str(r#"{"webhook_url_file":"x"}"#).unwrap();
        let slack = Place::Slack(Box::new((config, url))).templates(texts.clone()).unwrap();
        assert_eq!(slack.title(&message).unwrap(), "*A* &lt;!here&gt; — db-1");
        let line = slack.line(&message, &message.entries[0]).unwrap();
        assert!(line.starts_with("db-1, started <!date^1795331663^"), "{line}");
        let terminal = Place::Terminal.templates(texts).unwrap();
        assert_eq!(terminal.title(&message).unwrap(), "*A* <!here> — db-1");
    }
}
