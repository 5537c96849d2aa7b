//! What each user may write: his own groups, and nobody else's.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::path::Group;

/// The name that stands for every user who has no scope of his own.
const EVERYONE_ELSE: &str = "*";
/// The key of a scope that is no label: which metrics may be in a push.
const METRICS: &str = "metrics";

/// The scopes of all users, by name. Empty, everybody may write every group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeMap<String, Scope>);

/// What one user may write. Every label here must be in the path of a push, with one of these values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Patterns>")]
pub struct Scope {
    labels: BTreeMap<String, Patterns>,
    metrics: Option<Patterns>,
}

/// One text or several, each of which may end in `*` for "and anything behind it".
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Patterns {
    /// As `xserver`.
    One(String),
    /// As `[web-1, web-2]`.
    Several(Vec<String>),
}

/// Why a text is no [`Scope`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Nothing could match it.
    #[error("`{0}` lists no value, so nothing could be pushed")]
    Nothing(String),
    /// A `*` that is not at the end.
    #[error("`{0}`: a `*` can only be the last character")]
    Star(String),
    /// A label that no path can have.
    #[error("`{0}` is no name of a label")]
    Label(String),
}

/// Why a push is none of its user's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfScope {
    /// He has no scope, and others have.
    #[error("user `{0}` has no scope here (proxy.users), so there is nothing that it may push")]
    Nobody(String),
    /// The path lacks a label, or has another value.
    #[error("user `{user}` may only push with {allowed} in the path (proxy.users)")]
    Group {
        /// Who.
        user: String,
        /// As the operator has it.
        allowed: String,
    },
    /// A metric that is not among his.
    #[error("user `{user}` may only push metrics named {allowed} (proxy.users), and `{name}` is none of them")]
    Metric {
        /// Who.
        user: String,
        /// Which metric.
        name: String,
        /// As the operator has it.
        allowed: String,
    },
}

impl TryFrom<BTreeMap<String, Patterns>> for Scope {
    type Error = ScopeError;

    fn try_from(mut labels: BTreeMap<String, Patterns>) -> Result<Self, ScopeError> {
        for (name, patterns) in &labels {
            let is_label = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_label {
                return Err(ScopeError::Label(name.clone()));
            }
            if patterns.as_slice().is_empty() {
                return Err(ScopeError::Nothing(name.clone()));
            }
            if let Some(odd) = patterns.as_slice().iter().find(|text| text.trim_end_matches('*').contains('*')) {
                return Err(ScopeError::Star(odd.clone()));
            }
        }
        let metrics = labels.remove(METRICS);
        Ok(Self { labels, metrics })
    }
}

impl Patterns {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }

    fn match_(&self, value: &str) -> bool {
        self.as_slice().iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => value.starts_with(beginning),
            None => pattern == value,
        })
    }

    fn describe(&self) -> String {
        self.as_slice().join(" or ")
    }
}

impl Scopes {
    /// Returns whether nobody has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the scope of `user`; none means that he may write everything.
    ///
    /// # Errors
    /// When others have a scope and he has none: a new line in the password file opens no more than was meant.
    pub fn of(&self, user: &str) -> Result<Option<&Scope>, OutOfScope> {
        if self.is_empty() {
            return Ok(None);
        }
        let scope = self.0.get(user).or_else(|| self.0.get(EVERYONE_ELSE));
        scope.map(Some).ok_or_else(|| OutOfScope::Nobody(user.to_owned()))
    }
}

impl Scope {
    /// Refuses a group that is not within.
    ///
    /// # Errors
    /// When a label is not in the path, or has another value.
    pub fn check_group(&self, user: &str, group: &Group) -> Result<(), OutOfScope> {
        let is_own =
            |(name, patterns): (&String, &Patterns)| group.find(name).is_some_and(|value| patterns.match_(value));
        if self.labels.iter().all(is_own) {
            return Ok(());
        }
        let labels = self.labels.iter().map(|(name, patterns)| format!("{name}={}", patterns.describe()));
        let allowed = labels.collect::<Vec<_>>().join(", ");
        Err(OutOfScope::Group { user: user.to_owned(), allowed })
    }

    /// Refuses a metric that is not within.
    ///
    /// # Errors
    /// When there is a list of metrics, and `name` is not on it.
    pub fn check_metric(&self, user: &str, name: &str) -> Result<(), OutOfScope> {
        match &self.metrics {
            Some(patterns) if !patterns.match_(name) => {
                Err(OutOfScope::Metric { user: user.to_owned(), name: name.to_owned(), allowed: patterns.describe() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PushPath;

    fn scopes(yaml: &str) -> Result<Scopes, String> {
        #[derive(Default, Deserialize)]
        struct Section {
            users: Scopes,
        }
        let text = format!("proxy:\n  users: {yaml}\n");
        ::config::section::parse::<Section>("proxy", &text, "f")
            .map(|section| section.users)
            .map_err(|error| error.to_string())
    }

    fn may(scopes: &Scopes, user: &str, path: &str) -> Result<(), OutOfScope> {
        let path = PushPath::parse(path).unwrap();
        scopes.of(user)?.map_or(Ok(()), |scope| scope.check_group(user, path.group()))
    }

    #[test]
    fn a_user_writes_its_own_groups_and_no_other() {
        let scopes =
            scopes("{xserver: {job: xserver-bot, instance: xserver}, fleet: {job: host, instance: [web-1, 'game-*']}}")
                .unwrap();
        for (user, path) in [
            ("xserver", "/metrics/job/xserver-bot/instance/xserver"),
            ("xserver", "/metrics/job@base64/eHNlcnZlci1ib3Q/instance/xserver"),
            ("xserver", "/metrics/job/xserver-bot/bot/a/instance/xserver"),
            ("fleet", "/metrics/job/host/instance/web-1"),
            ("fleet", "/metrics/job/host/instance/game-7"),
        ] {
            assert_eq!(may(&scopes, user, path), Ok(()), "{user} {path}");
        }
        for (user, path) in [
            ("xserver", "/metrics/job/xserver-bot"),
            ("xserver", "/metrics/job/xserver-bot/instance/xserver2"),
            ("xserver", "/metrics/job/xserver-bot/instance/xserver/instance/oci"),
            ("xserver", "/metrics/job/host/job/xserver-bot/instance/xserver"),
            ("fleet", "/metrics/job/host/instance/web-10"),
            ("fleet", "/metrics/job/host/instance/"),
            ("other", "/metrics/job/other"),
        ] {
            assert!(may(&scopes, user, path).is_err(), "{user} {path}");
        }
        let refused = may(&scopes, "fleet", "/metrics/job/host").unwrap_err().to_string();
        assert_eq!(
            refused,
            "user `fleet` may only push with instance=web-1 or game-*, job=host in the path (proxy.users)"
        );
    }

    #[test]
    fn without_scopes_everybody_writes_everything_and_a_star_is_for_all_others() {
        assert_eq!(may(&Scopes::default(), "anybody", "/metrics/job/a"), Ok(()));
        let scopes = scopes("{xserver: {job: xserver-bot}, '*': {job: host}}").unwrap();
        assert_eq!(may(&scopes, "web-1", "/metrics/job/host"), Ok(()));
        assert!(may(&scopes, "web-1", "/metrics/job/xserver-bot").is_err());
        assert!(may(&scopes, "xserver", "/metrics/job/host").is_err(), "it has a scope of its own");
    }

    #[test]
    fn metrics_can_be_named_too() {
        let scopes = scopes("{bot: {job: bot, metrics: ['bot_*', up]}}").unwrap();
        let scope = scopes.of("bot").unwrap().unwrap();
        assert!(scope.check_metric("bot", "bot_guilds").is_ok() && scope.check_metric("bot", "up").is_ok());
        assert!(scope.check_metric("bot", "node_load1").unwrap_err().to_string().contains("named bot_* or up"));
    }

    #[test]
    fn what_cannot_have_been_meant_is_refused_with_its_line() {
        for (yaml, reason) in [
            ("{a: {job: []}}", "`job` lists no value"),
            ("{a: {job: 'a*b'}}", "can only be the last character"),
            ("{a: {a-b: x}}", "`a-b` is no name of a label"),
        ] {
            let error = scopes(yaml).unwrap_err();
            assert!(error.contains(reason) && error.contains("line 2"), "{error}");
        }
    }
}
