//! Whose limit we ran into, for the receivers that say it and the metrics that count it.

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
