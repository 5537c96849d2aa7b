//! What can be wrong with a gateway, before a push and after it.

use std::fmt;
use std::io;
use std::time::Duration;

use ::config::EnvironmentError;

use super::target::InvalidUrl;
use super::tls::{Distrust, InvalidTrust};

/// Why no push can be tried with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable of the environment, or a file with a secret, cannot be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The URL leads nowhere that takes a push.
    #[error("{source_name}: {reason}")]
    Url {
        /// Who named it.
        source_name: &'static str,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// A label of the group is named in two places.
    #[error("{0}")]
    TwoHomes(String),
    /// Half of what Basic Auth needs.
    #[error("{0}")]
    HalfCredentials(&'static str),
    /// The password would travel in the clear.
    #[error("{0} is not encrypted, and a password must not travel over it; use https, or http only to this machine")]
    PasswordInTheClear(String),
    /// The certificates to trust cannot be had.
    #[error(transparent)]
    Trust(#[from] InvalidTrust),
}

/// Why a push was not taken. Each message says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The gateway's name has no address.
    #[error("cannot find the address of {host}: {error}; check the host name in {setting} and this machine's DNS")]
    UnknownHost {
        /// The setting that the name stands in.
        setting: &'static str,
        /// The name.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// Nobody listens.
    #[error("{origin} refuses the connection: nothing listens on that port, or a firewall turns us away")]
    ConnectionRefused {
        /// Scheme, host and port.
        origin: String,
    },
    /// No connection for another reason.
    #[error("cannot connect to {origin}: {error}")]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// What the system said.
        error: io::Error,
    },
    /// Time was up.
    #[error("{origin} did not answer within {} while {doing}; check that it is up and that nothing on the way drops our packets", humantime(.timeout))]
    TimedOut {
        /// Scheme, host and port.
        origin: String,
        /// The bound on the whole push.
        timeout: Duration,
        /// What took so long.
        doing: &'static str,
    },
    /// The server's certificate is not one to trust.
    #[error("{0}")]
    Distrusted(Distrust),
    /// We are to stop, and did not wait for the answer.
    #[error("{origin} had not answered yet when this program was asked to stop")]
    CutShort {
        /// Scheme, host and port.
        origin: String,
    },
    /// The handshake failed for another reason.
    #[error("no TLS with {origin}: {reason}")]
    Tls {
        /// Scheme, host and port.
        origin: String,
        /// What went wrong.
        reason: String,
    },
    /// What came back is no answer.
    #[error("{origin} gave no answer in HTTP: {reason}")]
    NoAnswer {
        /// Scheme, host and port.
        origin: String,
        /// What came instead.
        reason: String,
    },
    /// The gateway said no.
    #[error("{0}")]
    Rejected(Refusal),
    /// The gateway said no to this very page.
    #[error("{0}")]
    BadPage(Refusal),
    /// The gateway said no, and may say yes to the same page later.
    #[error("{0}")]
    NotNow(Refusal),
}

/// A no, in words that say what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    in_brief: String,
    in_full: String,
}

impl Refusal {
    /// Puts the words together: `words` is given what the server says itself, or nothing.
    pub(crate) fn new(reason: &str, words: impl Fn(&str) -> String) -> Self {
        Self { in_brief: words(""), in_full: words(reason) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_full)
    }
}

impl PushError {
    /// Returns whether the same push may be taken a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(
            self,
            Self::Distrusted(_) | Self::Tls { .. } | Self::Rejected(_) | Self::BadPage(_) | Self::CutShort { .. }
        )
    }

    /// Returns the same without what the server says itself, which may be another text each time: a gateway names
    /// whichever metric it came upon first.
    #[must_use]
    pub fn in_brief(&self) -> String {
        match self {
            Self::Rejected(refusal) | Self::BadPage(refusal) | Self::NotNow(refusal) => refusal.in_brief.clone(),
            other => other.to_string(),
        }
    }

    /// Returns whether there was nobody to say no to the page.
    #[must_use]
    pub fn is_lack_of_a_way(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::BadPage(_))
    }
}

fn humantime(duration: &Duration) -> String {
    format!("{duration:?}")
}
