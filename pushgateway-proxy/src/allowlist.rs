//! Who may knock at all: addresses and ranges.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;

/// A range of addresses, as `172.16.0.0/12`, or one address, as `203.0.113.7`.
///
/// Bits beyond the prefix are refused: `10.1.2.3/8` is either a range or a host, and only its author knows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Range(IpNet);

/// Why a text is no [`Range`].
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// Neither an address nor a range.
    #[error("`{0}` is neither an address (203.0.113.7) nor a range (172.16.0.0/12)")]
    NotARange(String),
    /// The address has bits that the prefix does not cover.
    #[error("`{given}` has bits beyond its prefix; write {range} for the range or {host} for the one address")]
    BitsBeyondPrefix {
        /// As it was written.
        given: String,
        /// What it is when a range was meant.
        range: IpNet,
        /// What it is when one address was meant.
        host: IpAddr,
    },
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let text = text.trim();
        let range = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| RangeError::NotARange(text.to_owned()))?;
        if range.addr() != range.network() {
            let (host, range) = (range.addr(), range.trunc());
            return Err(RangeError::BitsBeyondPrefix { given: text.to_owned(), range, host });
        }
        Ok(Self(unmapped(range)))
    }
}

impl TryFrom<String> for Range {
    type Error = RangeError;

    fn try_from(text: String) -> Result<Self, RangeError> {
        text.parse()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A dual-stack socket shows IPv4 peers as `::ffff:a.b.c.d`; both sides of the comparison are brought to IPv4.
fn unmapped(range: IpNet) -> IpNet {
    if let IpNet::V6(v6) = range
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, prefix)
    {
        return IpNet::V4(v4);
    }
    range
}

/// The addresses that may knock. Everyone else is told so, and nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Allowlist(Vec<Range>);

impl Allowlist {
    /// Returns whether `client` may knock.
    #[must_use]
    pub fn allows(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.0.iter().any(|range| range.0.contains(&client))
    }

    /// Returns whether nobody may knock, which is never what was meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// This machine, and the networks that Docker and its compose files use.
impl Default for Allowlist {
    fn default() -> Self {
        ["127.0.0.1/32", "::1/128", "172.16.0.0/12"]
            .into_iter()
            .map(|range| range.parse().expect("the ranges written here are ranges"))
            .collect()
    }
}

impl FromIterator<Range> for Allowlist {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

impl fmt::Display for Allowlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            write!(f, "{}{range}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ranges: &[&str]) -> Allowlist {
        ranges.iter().map(|range| range.parse().unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_is_this_machine_and_the_networks_of_docker() {
        let allowlist = Allowlist::default();
        for inside in ["127.0.0.1", "::1", "172.16.0.1", "172.31.255.255", "::ffff:127.0.0.1"] {
            assert!(allowlist.allows(ip(inside)), "{inside}");
        }
        for outside in ["127.0.0.2", "172.32.0.1", "172.15.255.255", "10.0.0.1", "192.168.1.1", "::2", "203.0.113.7"] {
            assert!(!allowlist.allows(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_peer() {
        for range in ["203.0.113.0/24", "::ffff:203.0.113.0/120"] {
            assert!(list(&[range]).allows(ip("::ffff:203.0.113.7")), "{range}");
            assert!(list(&[range]).allows(ip("203.0.113.7")), "{range}");
            assert!(!list(&[range]).allows(ip("203.0.114.7")), "{range}");
        }
    }

    #[test]
    fn a_bare_address_is_that_address_alone() {
        assert!(list(&["203.0.113.7"]).allows(ip("203.0.113.7")));
        assert!(!list(&["203.0.113.7"]).allows(ip("203.0.113.8")));
        assert!(list(&["2001:db8::1"]).allows(ip("2001:db8::1")));
        assert!(!list(&["2001:db8::1"]).allows(ip("2001:db8::2")));
        assert!(!list(&[]).allows(ip("127.0.0.1")));
    }

    #[test]
    fn what_is_no_range_is_said_with_the_way_out() {
        let error = |text: &str| text.parse::<Range>().unwrap_err().to_string();
        assert_eq!(
            error("10.1.2.3/8"),
            "`10.1.2.3/8` has bits beyond its prefix; write 10.0.0.0/8 for the range or 10.1.2.3 for the one address"
        );
        for text in ["", "localhost", "1.2.3", "1.2.3.4/33", "::1/129", "1.2.3.4/-1", "1.2.3.4/", "0x7f.0.0.1"] {
            assert!(error(text).contains("is neither an address"), "{text}: {}", error(text));
        }
    }
}
