//! What the log says of a request: nothing that its client could not have known beforehand, and no secret.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, request};
use tracing::{info, warn};

use crate::config::AccessLog;
use crate::refusal::Refusal;

/// Of a path, this much is logged.
const LOGGED_CHARS: usize = 120;

/// A request, as far as it has come.
pub struct Visit {
    /// Where it comes from.
    pub client: IpAddr,
    /// Who sent it, once that is known.
    pub user: Option<Arc<str>>,
    /// Whose password was wrong, if there is such a user.
    pub suspect: Option<Arc<str>>,
    /// The body's length, once it has been read.
    pub bytes: usize,
}

impl Visit {
    /// Begins with the address.
    #[must_use]
    pub fn new(client: IpAddr) -> Self {
        Self { client, user: None, suspect: None, bytes: 0 }
    }

    /// Notes with whom a user's metrics collide, which the two of them have to settle with the operator.
    pub fn against(&self, holder: &str) {
        let user = self.user.as_deref().unwrap_or("-");
        warn!(user, holder, "`{user}` pushes a metric with another type than `{holder}`; scopes can name metrics");
    }

    /// Writes the line, if this kind of request gets one.
    pub fn log(
        &self,
        wanted: AccessLog,
        head: &request::Parts,
        status: StatusCode,
        refusal: Option<&Refusal>,
        lasted: Duration,
    ) {
        let is_stored = refusal.is_none() && status.is_success();
        if wanted == AccessLog::Off || (is_stored && wanted != AccessLog::All) {
            return;
        }
        let path = shown(head.uri.path());
        let method = shown(head.method.as_str());
        let (client, bytes, code) = (self.client, self.bytes, status.as_u16());
        let user = self.user.as_deref().or(self.suspect.as_deref()).unwrap_or("-");
        let duration_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        match refusal {
            Some(refusal) => {
                let reason = refusal.reason().as_str();
                info!(push.path = path, %client, user, method, status = code, bytes, duration_ms, reason,
                    "refused {method} {path}: {refusal}");
            }
            None if is_stored => {
                info!(push.path = path, %client, user, method, status = code, bytes, duration_ms, "passed on {method} {path}");
            }
            None => {
                info!(push.path = path, %client, user, method, status = code, bytes, duration_ms,
                    "the answer from behind the gate to {method} {path} was {code}");
            }
        }
    }
}

/// Returns `path` for a log line: no line breaks, no terminal codes, not endless.
fn shown(path: &str) -> String {
    let mut shown: String = path.chars().take(LOGGED_CHARS).flat_map(char::escape_default).collect();
    if path.chars().nth(LOGGED_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_of_a_path_is_one_short_line() {
        assert_eq!(shown("/metrics/job/a\u{1b}[31m\nb"), "/metrics/job/a\\u{1b}[31m\\nb");
        assert_eq!(shown(&"a".repeat(500)).chars().count(), LOGGED_CHARS + 1);
    }
}
