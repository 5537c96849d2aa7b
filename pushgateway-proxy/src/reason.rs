//! Why requests and connections are turned away, as a label says it.

/// The name under which a refusal is counted and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its refusal")]
pub enum Reason {
    Address,
    NoCredentials,
    BadCredentials,
    Path,
    Method,
    Malformed,
    BodyTooLarge,
    BodyBroken,
    Body,
    Scope,
    Type,
    LoginThrottled,
    Timeout,
    Overloaded,
    UpstreamUnreachable,
    UpstreamTimeout,
    UpstreamAnswer,
    UpstreamResting,
    TooManyConnections,
    Handshake,
    ProxyProtocol,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 21] = [
        Self::Address,
        Self::NoCredentials,
        Self::BadCredentials,
        Self::Path,
        Self::Method,
        Self::Malformed,
        Self::BodyTooLarge,
        Self::BodyBroken,
        Self::Body,
        Self::Scope,
        Self::Type,
        Self::LoginThrottled,
        Self::Timeout,
        Self::Overloaded,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamAnswer,
        Self::UpstreamResting,
        Self::TooManyConnections,
        Self::Handshake,
        Self::ProxyProtocol,
    ];

    /// Returns the label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::NoCredentials => "no_credentials",
            Self::BadCredentials => "bad_credentials",
            Self::Path => "path",
            Self::Method => "method",
            Self::Malformed => "malformed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyBroken => "body_broken",
            Self::Body => "body",
            Self::Scope => "scope",
            Self::Type => "type",
            Self::LoginThrottled => "login_throttled",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamAnswer => "upstream_answer",
            Self::UpstreamResting => "upstream_resting",
            Self::TooManyConnections => "too_many_connections",
            Self::Handshake => "tls_handshake",
            Self::ProxyProtocol => "proxy_protocol",
        }
    }
}
