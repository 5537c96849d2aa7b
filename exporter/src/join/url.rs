//! Where a bot's page is.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

use crate::origin::{Fault, Origin};

/// Why a URL is none of a page that we read. Never repeats it, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL at all.
    #[error("this is no URL; write it like http://127.0.0.1:9101/metrics")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    /// `user:password@`.
    #[error("the URL has a user or password in it, which would be sent to nobody; leave it out")]
    Userinfo,
    /// Plain http to somewhere else.
    #[error(
        "plain http goes to this machine or a private network only, and this address is neither; write https, or let \
         the exporter on that machine push it"
    )]
    Far,
}

/// The URL of a page, and known to be near when it is plain http and an address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MetricsUrl {
    /// Where the bot listens.
    pub(super) server: Origin,
    /// Path and query.
    pub(super) path: String,
}

impl TryFrom<String> for MetricsUrl {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        let (server, uri) = Origin::read(&text)?;
        if !server.is_tls() && server.host.parse().is_ok_and(|address| !is_near(address)) {
            return Err(InvalidUrl::Far);
        }
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        Ok(Self { server, path })
    }
}

impl From<Fault> for InvalidUrl {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Malformed,
            Fault::Scheme => Self::Scheme,
            Fault::Userinfo => Self::Userinfo,
        }
    }
}

/// Where the page is, for people. A query may hold a key, so it is not shown.
impl fmt::Display for MetricsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.server.scheme.as_str(), self.server.authority())
    }
}

/// Returns whether an address is this machine's or one of a private network.
///
/// Not the link's own addresses: those are where clouds keep the machine's credentials.
pub fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<MetricsUrl, InvalidUrl> {
        MetricsUrl::try_from(text.to_owned())
    }

    #[test]
    fn plain_http_stays_near() {
        for near in
            ["127.0.0.1", "127.9.9.9:1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "[::1]:80", "[fd00::1]", "bot"]
        {
            assert!(url(&format!("http://{near}/metrics")).is_ok(), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "169.254.169.254", "[2001:db8::1]", "[::ffff:8.8.8.8]", "0.0.0.0"] {
            assert_eq!(url(&format!("http://{far}/metrics")), Err(InvalidUrl::Far), "{far}");
            assert!(url(&format!("https://{far}/metrics")).is_ok(), "{far}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in ["", "metrics", "http://", "http://:80/", "http://a:b/", "http://a:0/", "http://a:99999/"] {
            assert!(matches!(url(text), Err(InvalidUrl::Malformed | InvalidUrl::Scheme)), "{text}");
        }
        assert_eq!(url("ftp://127.0.0.1/"), Err(InvalidUrl::Scheme));
        assert_eq!(url("http://a:b@127.0.0.1/"), Err(InvalidUrl::Userinfo));
    }

    #[test]
    fn a_query_is_sent_and_not_shown() {
        let url = url("http://localhost:9101/metrics?key=1").unwrap();
        assert_eq!((url.path.as_str(), url.server.port), ("/metrics?key=1", 9101));
        assert_eq!(url.to_string(), "http://localhost:9101/metrics");
    }
}
