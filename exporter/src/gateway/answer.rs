//! What the gateway's answer means, in words that say what to do about it.

use http::{HeaderValue, StatusCode};

use super::{Gateway, PushError, Refusal};

/// How much of an answer is read, and at most quoted.
pub const LIMIT_BYTES: usize = 1024;

/// What came back.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Where the gateway sends us instead, if it does.
    pub location: Option<String>,
    /// Whether the gateway says that it unpacks what is packed with gzip (RFC 9110, 12.5.3).
    pub takes_gzip: bool,
    /// The first [`LIMIT_BYTES`] of a refusal's body at most.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the answer when the push of `sent_bytes` was taken.
    pub fn verdict(self, gateway: &Gateway, sent_bytes: usize) -> Result<Self, PushError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let reason = self.reason(gateway.authorization.as_ref());
        let refusal = Refusal::new(&reason, |reason| self.words(gateway, sent_bytes, reason));
        Err(match self.status.as_u16() {
            429 | 500..=599 => PushError::NotNow(refusal),
            400 | 413 | 415 | 422 => PushError::BadPage(refusal),
            _ => PushError::Rejected(refusal),
        })
    }

    /// Puts a refusal into words; `reason` is `: what the gateway says`, or nothing.
    fn words(&self, gateway: &Gateway, sent_bytes: usize, reason: &str) -> String {
        let (origin, path) = (gateway.target.origin(), &gateway.target.path);
        let names = gateway.names;
        let code = self.status.as_u16();
        match code {
            300..=399 => {
                let location = self.location.as_deref().map(in_one_line).unwrap_or_default();
                let setting = names.url;
                format!("{origin} sends us elsewhere ({code}), to `{location}`; put the final address into {setting}")
            }
            400 => format!("{origin} finds fault with the push (400){reason}"),
            401 if gateway.authorization.is_some() => {
                let settings = names.credentials;
                format!("{origin} does not know this user with this password (401){reason}; check {settings}")
            }
            401 => {
                let settings = names.credentials;
                format!("{origin} asks for a user and a password (401){reason}; set {settings}")
            }
            403 => {
                format!(
                    "{origin} does not let this host push (403){reason}; its address must be in the gateway's allowlist"
                )
            }
            404 | 405 => {
                // A query may be a secret (`?token=…`), and errors go to logs.
                let (path, setting) = (path.split('?').next().unwrap_or_default(), names.url);
                format!("{origin} takes no push at {path} ({code}){reason}; check the path in {setting}")
            }
            413 => format!("the push of {sent_bytes} bytes is more than {origin} takes (413){reason}; raise its limit"),
            502..=504 => format!("{origin} is up, but not {} behind it ({code}){reason}", names.behind),
            _ => format!("{origin} did not take the push ({code}){reason}"),
        }
    }

    /// Returns `: what the gateway says`, or nothing when it says nothing for people.
    fn reason(&self, authorization: Option<&HeaderValue>) -> String {
        let text = in_one_line(&String::from_utf8_lossy(&self.body));
        // A server that shows us our own request would bring the password into a log. The header's beginning gives it
        // away, since the rest may be cut off.
        let beginning = authorization.and_then(|header| header.to_str().ok()?.get(.."Basic ".len() + 4));
        let is_echo = beginning.is_some_and(|beginning| text.contains(beginning));
        // A page for browsers says no more than its status does.
        if text.is_empty() || text.starts_with('<') || is_echo { String::new() } else { format!(": {text}") }
    }
}

/// Makes one line of foreign text: blanks for line ends, and no control characters, which a terminal would obey.
pub fn in_one_line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(in_one_line("  a\r\n\x1b[31mb\t\u{9b}c\0 \u{2028}d\n"), "a [31mb c d");
    }
}
