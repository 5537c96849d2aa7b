//! What an operator may decide about our messages in Discord: who speaks, and who is called.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::payload;
use crate::kind::Level;
use crate::message::Message;
use crate::template::Templates;
use crate::text;

/// What Discord allows to the name of a thread.
const THREAD_NAME_LIMIT: usize = 100;

/// Who speaks in Discord, and who is called.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// Shown instead of the webhook's own name.
    pub username: Option<BotName>,
    /// Shown instead of the webhook's own picture.
    pub avatar_url: Option<AvatarUrl>,
    /// The roles to call.
    pub mentions: Mentions,
    /// What posts of a forum channel are called.
    pub thread_name: Option<ThreadName>,
    /// Words of the operator's own.
    pub templates: Templates,
}

/// What a post of a forum channel is called: a text in which `{title}` stands for the title of its first message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ThreadName(String);

impl ThreadName {
    /// Returns the name of the post that begins with `message`.
    #[must_use]
    pub fn of(&self, message: &Message) -> String {
        let title = if text::is_blank(&message.title) { message.language.level(message.level) } else { &message.title };
        let name = text::clip(&text::line(&self.0.replace("{title}", title)), THREAD_NAME_LIMIT);
        if text::is_blank(&name) { text::clip(title, THREAD_NAME_LIMIT) } else { name }
    }
}

impl Default for ThreadName {
    fn default() -> Self {
        Self("{title}".to_owned())
    }
}

impl TryFrom<String> for ThreadName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let fixed = text::length(&name.replace("{title}", ""));
        if text::is_blank(&name) || fixed > THREAD_NAME_LIMIT {
            return Err("a post's name has 1 to 100 characters; `{title}` stands for the title");
        }
        Ok(Self(name))
    }
}

/// The role to ping for each severity; none unless configured.
///
/// A role is pinged when an alert of that severity fires, not when it is resolved. Discord pings it only if the role
/// is mentionable, or the one who made the webhook may mention all roles.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mentions {
    /// Role for `severity: critical`.
    pub critical: Option<RoleId>,
    /// Role for `severity: error`.
    pub error: Option<RoleId>,
    /// Role for `severity: warning`, and for alerts without a severity.
    pub warning: Option<RoleId>,
    /// Role for `severity: info`.
    pub info: Option<RoleId>,
}

impl Mentions {
    /// Returns the role to ping for `level`.
    #[must_use]
    pub fn of(&self, level: Level) -> Option<RoleId> {
        match level {
            Level::Critical => self.critical,
            Level::Error => self.error,
            Level::Warning => self.warning,
            Level::Info => self.info,
        }
    }
}

/// The id of a role, as "Copy Role ID" gives it in Discord; with or without quotes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleId(u64);

impl fmt::Display for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for RoleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = RoleId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a role id: the number that `Copy Role ID` gives in Discord (with its developer mode on)")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<RoleId, E> {
                if id == 0 { Err(E::invalid_value(de::Unexpected::Unsigned(0), &self)) } else { Ok(RoleId(id)) }
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<RoleId, E> {
                let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
                match id.parse() {
                    Ok(id) if digits => self.visit_u64(id),
                    _ => Err(E::invalid_value(de::Unexpected::Str(id), &self)),
                }
            }
        }

        deserializer.deserialize_any(Digits)
    }
}

/// A name that Discord lets a webhook bear.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct BotName(String);

impl BotName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BotName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let name = text::line(&name);
        let lower = name.to_lowercase();
        if name.is_empty() || text::length(&name) > 80 {
            return Err("a username has 1 to 80 characters");
        }
        if ["discord", "clyde", "```"].iter().any(|word| lower.contains(word)) {
            return Err("Discord refuses usernames that contain `discord`, `clyde` or three backticks");
        }
        if lower == "everyone" || lower == "here" {
            return Err("Discord refuses the usernames `everyone` and `here`");
        }
        Ok(Self(name))
    }
}

/// The address of a picture that Discord can fetch.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Url")]
pub struct AvatarUrl(Url);

impl AvatarUrl {
    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<Url> for AvatarUrl {
    type Error = &'static str;

    fn try_from(url: Url) -> Result<Self, Self::Error> {
        if payload::is_acceptable(&url) {
            return Ok(Self(url));
        }
        Err("Discord takes pictures only from http or https, and only from a host whose name has a dot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_id_is_a_number_with_or_without_quotes() {
        let role = |id: &str| serde_json::from_str::<RoleId>(id).map(|role| role.to_string());
        assert_eq!(role("123456789012345678").unwrap(), "123456789012345678");
        assert_eq!(role(r#""123456789012345678""#).unwrap(), "123456789012345678");
        for wrong in ["0", r#""""#, r#""@ops""#, r#""<@&1>""#, r#""+1""#, "-1", "1.5"] {
            assert!(role(wrong).unwrap_err().to_string().contains("Copy Role ID"), "{wrong}");
        }
    }

    #[test]
    fn names_that_discord_refuses_are_refused_here() {
        for wrong in ["", "  ", "My Discord bot", "CLYDE", "here", "a```b"] {
            assert!(BotName::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
        assert!(BotName::try_from("a".repeat(81)).is_err());
        assert_eq!(BotName::try_from(" 狼煙 ".to_owned()).unwrap().as_str(), "狼煙");
    }

    #[test]
    fn a_picture_must_be_where_discord_can_fetch_it() {
        assert!(AvatarUrl::try_from(Url::parse("https://noroshi.example/logo.png").unwrap()).is_ok());
        assert!(AvatarUrl::try_from(Url::parse("http://intranet/logo.png").unwrap()).is_err());
    }
}
