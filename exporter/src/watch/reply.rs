//! What a probe brings home.

use std::time::Duration;

use tokio::time::Instant;

/// Why a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name has no address.
    Resolve,
    /// Nobody takes the connection.
    Connect,
    /// The handshake failed, or the certificate is not one to trust.
    Tls,
    /// What came back is no answer.
    Protocol,
    /// It was another status than the expected one.
    Status,
    /// The page does not say what it should.
    Body,
    /// Redirected once more than it may, or to no place for us.
    Redirect,
    /// Time was up.
    Timeout,
}

impl Failure {
    /// Returns the value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Body => "body",
            Self::Redirect => "redirect",
            Self::Timeout => "timeout",
        }
    }
}

/// How long each phase of a request took, all redirects together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// The look-up of the name.
    pub resolve: Duration,
    /// The connection.
    pub connect: Duration,
    /// The handshake.
    pub tls: Duration,
    /// From the request to the head of the answer.
    pub processing: Duration,
    /// The rest of the answer.
    pub transfer: Duration,
}

impl Phases {
    /// Returns the phases with blackbox_exporter's names for them.
    pub fn named(self) -> [(&'static str, Duration); 5] {
        [
            ("resolve", self.resolve),
            ("connect", self.connect),
            ("tls", self.tls),
            ("processing", self.processing),
            ("transfer", self.transfer),
        ]
    }
}

/// What is known of a conversation so far; if its time runs out, what is known by then.
#[derive(Debug, Default)]
pub struct Trace {
    /// How long what took.
    pub phases: Phases,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// The earliest end of the certificates, in seconds since 1970.
    pub expiry: Option<i64>,
    /// Trouble on our own side, in words.
    pub warning: Option<String>,
}

/// Awaits `work` and adds how long it took to what `phase` points at.
pub async fn timed<T>(phase: &mut Duration, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = work.await;
    *phase += began.elapsed();
    result
}
