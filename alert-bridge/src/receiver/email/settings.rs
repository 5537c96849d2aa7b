//! What an operator says about mail: which relay, how it is reached, who writes to whom.

use std::fmt;
use std::path::PathBuf;

use lettre::Address;
use lettre::message::Mailbox;
use serde::Deserialize;

/// The port for submission by STARTTLS.
const SUBMISSION: u16 = 587;

/// The `email:` section of a receiver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// The relay: `smtp.example.org:587`; 587 when there is no port.
    pub smarthost: Smarthost,
    /// How it is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// PEM file with the only certificates to trust; the system's when there is none.
    pub ca_file: Option<PathBuf>,
    /// Who we are to the relay.
    pub user: Option<String>,
    /// File that holds the password. Its content is never logged.
    pub password_file: Option<PathBuf>,
    /// The sender: `Noroshi <noroshi@example.org>`.
    pub from: MailAddress,
    /// The recipients.
    pub to: Vec<MailAddress>,
    /// The zone in which times are told, as `Asia/Tokyo`; that of this machine when there is none.
    pub zone: Option<crate::routing::Zone>,
}

/// How a relay is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// By STARTTLS; a relay that does not offer it gets nothing.
    #[default]
    Starttls,
    /// From the first byte (port 465).
    Tls,
    /// Not at all, which is for a relay on this machine only.
    None,
}

/// A relay's name and port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Smarthost {
    /// Its name, which its certificate must bear.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Smarthost {
    /// Returns whether it is this machine.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }
}

impl fmt::Display for Smarthost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl TryFrom<String> for Smarthost {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "a relay is HOST or HOST:PORT, as smtp.example.org:587 (an IPv6 address goes in brackets)";
        let text = text.trim();
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(SUBMISSION), |port| port.parse().map_err(|_| WRONG))?;
        let good = !host.is_empty()
            && port > 0
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte));
        if good { Ok(Self { host: host.to_owned(), port }) } else { Err(WRONG) }
    }
}

/// An address, with a name before it or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailAddress(Mailbox);

impl MailAddress {
    /// Returns it with its name.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    /// Returns it without a name.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.email
    }
}

impl TryFrom<String> for MailAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "an address is ops@example.org, or Name <ops@example.org>")
    }
}

/// Why these settings do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailMismatch {
    /// Nobody to write to.
    #[error("`to` has no address")]
    NobodyToWriteTo,
    /// In clear text to somewhere else.
    #[error("`tls: none` is for a relay on this machine only (localhost): anybody on the way could read the mail")]
    ClearText,
    /// A user without a password, or the other way round.
    #[error("`user` and `password_file` go together")]
    HalfALogin,
}

impl EmailConfig {
    /// Returns what does not go together.
    ///
    /// # Errors
    /// The first such thing.
    pub fn check(&self) -> Result<(), MailMismatch> {
        if self.to.is_empty() {
            return Err(MailMismatch::NobodyToWriteTo);
        }
        if self.tls == Tls::None && !self.smarthost.is_this_machine() {
            return Err(MailMismatch::ClearText);
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err(MailMismatch::HalfALogin);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_a_name_with_or_without_a_port() {
        let read = |text: &str| Smarthost::try_from(text.to_owned()).map(|relay| (relay.host.clone(), relay.port));
        assert_eq!(read("smtp.example.org").unwrap(), ("smtp.example.org".into(), 587));
        assert_eq!(read("localhost:25").unwrap(), ("localhost".into(), 25));
        assert_eq!(read("[::1]:25").unwrap(), ("::1".into(), 25));
        for wrong in ["", ":25", "smtp://relay", "relay:0", "relay:x", "re lay", "relay:99999"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_may_have_a_name() {
        let read = |text: &str| MailAddress::try_from(text.to_owned()).map(|address| address.address().to_string());
        assert_eq!(read("Noroshi 狼煙 <noroshi@example.org>").unwrap(), "noroshi@example.org");
        assert_eq!(read("ops@example.org").unwrap(), "ops@example.org");
        for wrong in ["", "ops", "ops@", "a@b.example, c@d.example", "a@b.example\nBcc: x@y.example"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
