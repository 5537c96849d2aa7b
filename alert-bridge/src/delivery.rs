//! What can become of a delivery, for the receivers that say it and the metrics that count it.

use std::time::Duration;

/// How a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// As it was meant to look.
    AsComposed,
    /// In bare words, because the receiver did not take it as it was meant to look.
    AsPlainText,
}

/// Why a message did not arrive. All of these may be over at the next try.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// Others were before it, and there was no time left for it.
    #[error("too many messages are waiting for Discord")]
    Crowded,
    /// The receiver will not take it in time.
    #[error("Discord asks to wait {} s", .0.as_secs_f64().ceil())]
    RateLimited(Duration),
    /// The receiver did not answer, or is in trouble itself.
    #[error("Discord could not be reached: {0}")]
    Unreachable(String),
    /// The receiver is gone.
    #[error("Discord does not know this webhook any more: {0}")]
    Dead(String),
    /// The receiver took neither form of it.
    #[error("Discord refused the message: {0}")]
    Refused(String),
    /// Standard output is closed.
    #[error("cannot write to standard output")]
    Closed(#[source] std::io::Error),
    /// This process is about to end.
    #[error("the bridge is shutting down")]
    Stopping,
}

/// Whose limit we ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The webhook's own.
    User,
    /// The channel's, which all its webhooks share.
    Shared,
    /// The one of this machine for all of Discord.
    Global,
    /// None of Discord's: Cloudflare blocks this machine.
    Cloudflare,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::User, Self::Shared, Self::Global, Self::Cloudflare];

    /// Returns the scope as a label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Global => "global",
            Self::Cloudflare => "cloudflare",
        }
    }
}
