//! What an operator may decide about our messages in Slack: who speaks, and who is called.

use std::fmt;

use serde::Deserialize;

use crate::kind::Level;
use crate::text;

/// Who speaks in Slack, and who is called.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// Shown instead of the webhook's own name, where the webhook allows it.
    pub username: Option<SlackName>,
    /// Whom to call.
    pub mentions: SlackMentions,
}

/// A name for a Slack message.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct SlackName(String);

impl SlackName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SlackName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let name = text::line(&name);
        if (1..=80).contains(&text::length(&name)) { Ok(Self(name)) } else { Err("a username has 1 to 80 characters") }
    }
}

/// Whom to call for each severity; nobody unless configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlackMentions {
    /// For `severity: critical`.
    pub critical: Option<SlackMention>,
    /// For `severity: error`.
    pub error: Option<SlackMention>,
    /// For `severity: warning`, and for alerts without a severity.
    pub warning: Option<SlackMention>,
    /// For `severity: info`.
    pub info: Option<SlackMention>,
}

impl SlackMentions {
    /// Returns whom to call for `level`.
    #[must_use]
    pub fn of(&self, level: Level) -> Option<&SlackMention> {
        match level {
            Level::Critical => self.critical.as_ref(),
            Level::Error => self.error.as_ref(),
            Level::Warning => self.warning.as_ref(),
            Level::Info => self.info.as_ref(),
        }
    }
}

/// A user group (`S…`), a user (`U…`, `W…`), `here` or `channel`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SlackMention {
    /// All members of a group.
    Group(String),
    /// One person.
    User(String),
    /// Everybody in the channel who is there.
    Here,
    /// Everybody in the channel.
    Channel,
}

impl TryFrom<String> for SlackMention {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let id = text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        match text.as_bytes().first() {
            Some(b'S') if id => Ok(Self::Group(text)),
            Some(b'U' | b'W') if id => Ok(Self::User(text)),
            _ if text == "here" => Ok(Self::Here),
            _ if text == "channel" => Ok(Self::Channel),
            _ => Err("a mention is the id of a user group (S…), of a user (U…), `here` or `channel`"),
        }
    }
}

impl fmt::Display for SlackMention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(id) => write!(f, "<!subteam^{id}>"),
            Self::User(id) => write!(f, "<@{id}>"),
            Self::Here => f.write_str("<!here>"),
            Self::Channel => f.write_str("<!channel>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_an_id_or_one_of_two_words() {
        let shown = |text: &str| SlackMention::try_from(text.to_owned()).map(|mention| mention.to_string());
        assert_eq!(shown("S012ABC").unwrap(), "<!subteam^S012ABC>");
        assert_eq!(shown("U012ABC").unwrap(), "<@U012ABC>");
        assert_eq!((shown("here").unwrap(), shown("channel").unwrap()), ("<!here>".into(), "<!channel>".into()));
        for wrong in ["", "S", "@ops", "<!here>", "s012abc", "C012ABC", "everyone"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }
}
