//! Whose address a request bears when it came through a proxy of our own.

use std::net::IpAddr;

use http::HeaderMap;
use serde::Deserialize;

use crate::allowlist::Range;

/// Proxies that may say whom they speak for. Everybody else's word on that is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct TrustedProxies(Vec<Range>);

/// An `X-Forwarded-For` that no proxy of ours can have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the X-Forwarded-For header holds something else than addresses")]
pub struct NotAddresses;

impl TrustedProxies {
    /// Returns whether `address` is one of them.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the address that the request of `headers` comes from, which reached us from the proxy `peer`.
    ///
    /// Each proxy adds at the end whom it was called by, so the last address that is none of ours is the client's.
    /// What stands before that, the client may have written himself.
    ///
    /// # Errors
    /// When what stands there is no address.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, NotAddresses> {
        let mut client = peer;
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        for line in lines.into_iter().rev() {
            for address in line.to_str().map_err(|_| NotAddresses)?.rsplit(',') {
                client = address.trim().parse::<IpAddr>().map_err(|_| NotAddresses)?.to_canonical();
                if !self.trusts(client) {
                    return Ok(client);
                }
            }
        }
        Ok(client)
    }
}

impl FromIterator<Range> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(lines: &[&str]) -> Result<String, NotAddresses> {
        let proxies: TrustedProxies = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
        let headers = lines.iter().map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap())).collect();
        proxies.client("10.0.0.1".parse().unwrap(), &headers).map(|client| client.to_string())
    }

    #[test]
    fn the_last_address_that_no_proxy_of_ours_has_is_the_clients() {
        assert_eq!(client(&[]).unwrap(), "10.0.0.1");
        assert_eq!(client(&["203.0.113.7"]).unwrap(), "203.0.113.7");
        assert_eq!(client(&["127.0.0.1, 203.0.113.7, 10.0.0.2"]).unwrap(), "203.0.113.7");
        assert_eq!(client(&["127.0.0.1", "203.0.113.7,10.0.0.2"]).unwrap(), "203.0.113.7");
        assert_eq!(client(&["10.0.0.3, 10.0.0.2"]).unwrap(), "10.0.0.3");
        assert_eq!(client(&["::ffff:203.0.113.7"]).unwrap(), "203.0.113.7");
    }

    #[test]
    fn what_is_no_address_is_nobodys() {
        for line in ["", "unknown", "203.0.113.7, _hidden", "203.0.113.7:5", "203.0.113.7,"] {
            assert_eq!(client(&[line]), Err(NotAddresses), "{line}");
        }
        assert_eq!(client(&["nonsense, 203.0.113.7"]).unwrap(), "203.0.113.7");
    }
}
