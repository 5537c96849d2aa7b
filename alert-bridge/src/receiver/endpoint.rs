//! The address of a webhook that is not Discord's: whoever has it may post, so it is a secret as a whole.

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// An address to post to. Shown anywhere, it names the host and keeps the rest to itself.
#[derive(Clone)]
pub struct Endpoint {
    host: String,
    url: SecretString,
}

/// Where plain http may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// To this machine.
    Loopback,
    /// To private networks too, and to names without a dot, which no public server has (`http://n8n:5678`).
    Private,
}

/// Why an address cannot be posted to. Never quotes it: a part of it may be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEndpoint {
    /// Not an address at all.
    #[error("it is not a URL")]
    NotAUrl,
    /// Neither https nor plain http where that is allowed.
    #[error("it must use https (plain http is for this machine only): whoever reads the address may post")]
    NotSecure,
    /// The same, where private networks are allowed as well.
    #[error("it must use https (plain http is for this machine and private networks only)")]
    NotSecureOrPrivate,
    /// A password in it.
    #[error("a user and a password in the address are not understood")]
    HasLogin,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// When it cannot be posted to.
    pub fn parse(address: &SecretString, plain: PlainHttp) -> Result<Self, NotAnEndpoint> {
        let mut url = Url::parse(address.expose_secret().trim()).map_err(|_| NotAnEndpoint::NotAUrl)?;
        let near = match (url.host().ok_or(NotAnEndpoint::NotAUrl)?, plain) {
            (Host::Domain(name), PlainHttp::Loopback) => name == "localhost",
            (Host::Domain(name), PlainHttp::Private) => !name.contains('.'),
            (Host::Ipv4(ip), plain) => is_near(ip.into(), plain),
            (Host::Ipv6(ip), plain) => is_near(ip.into(), plain),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && near) {
            return Err(match plain {
                PlainHttp::Loopback => NotAnEndpoint::NotSecure,
                PlainHttp::Private => NotAnEndpoint::NotSecureOrPrivate,
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAnEndpoint::HasLogin);
        }
        url.set_fragment(None);
        Ok(Self { host: url.host_str().unwrap_or_default().to_owned(), url: SecretString::from(url.to_string()) })
    }

    /// Returns the address itself.
    #[must_use]
    pub(super) fn expose(&self) -> &str {
        self.url.expose_secret()
    }
}

fn is_near(ip: IpAddr, plain: PlainHttp) -> bool {
    let private = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    ip.is_loopback() || (plain == PlainHttp::Private && private)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the webhook at {}", self.host)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str, plain: PlainHttp) -> Result<Endpoint, NotAnEndpoint> {
        Endpoint::parse(&SecretString::from(address), plain)
    }

    #[test]
    fn plain_http_stays_where_it_may() {
        for (address, loopback, private) in [
            ("https://hooks.slack.com/services/T/B/hunter2", true, true),
            ("http://127.0.0.1:1/x", true, true),
            ("http://localhost/x", true, true),
            ("http://[::1]/x", true, true),
            ("http://n8n:5678/x", false, true),
            ("http://192.168.0.2/x", false, true),
            ("http://hooks.slack.com/services/T/B/hunter2", false, false),
            ("http://8.8.8.8/x", false, false),
            ("ftp://127.0.0.1/x", false, false),
            ("https://u:hunter2@a.example/x", false, false),
            ("hooks.slack.com/services/T/B/hunter2", false, false),
        ] {
            assert_eq!(parse(address, PlainHttp::Loopback).is_ok(), loopback, "{address}");
            assert_eq!(parse(address, PlainHttp::Private).is_ok(), private, "{address}");
        }
    }

    #[test]
    fn no_way_to_print_it_shows_the_token() {
        let url = parse("https://hooks.slack.com/services/T/B/hunter2", PlainHttp::Loopback).unwrap();
        assert_eq!(format!("{url} {url:?}"), "the webhook at hooks.slack.com Endpoint(hooks.slack.com)");
    }
}
