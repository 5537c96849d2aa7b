//! Who may knock at all, as an operator writes it: addresses, ranges and names.

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
    /// None of the three.
    #[error(
        "`{0}` is neither an address (203.0.113.7), nor a range (172.16.0.0/12), nor a full host name (dyn.example.org)"
    )]
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

impl Range {
    /// Returns whether `address` lies within.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A line of the allowlist.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Entry {
    /// Addresses.
    Range(Range),
    /// The name of a host whose address changes; it is asked for again and again.
    Name(String),
}

impl FromStr for Entry {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let text = text.trim();
        if is_host_name(text) { Ok(Self::Name(text.to_ascii_lowercase())) } else { text.parse().map(Self::Range) }
    }
}

impl TryFrom<String> for Entry {
    type Error = RangeError;

    fn try_from(text: String) -> Result<Self, RangeError> {
        text.parse()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A full name, as `dyn.example.org`: what has no dot or ends in a number is more likely a mistyped address.
fn is_host_name(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..64).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() < 254
        && labels.len() > 1
        && labels.iter().all(is_label)
        && labels
            .last()
            .is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()) && !last.starts_with("0x"))
}

/// Who may knock. Everyone else is told so, and nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Allowlist(Vec<Entry>);

impl Allowlist {
    /// Reads the lines of a file: one address, range or name each, with blank lines and `#` comments between them.
    ///
    /// # Errors
    /// With the number of the first line that is none of these.
    pub fn parse(text: &str) -> Result<Self, (usize, RangeError)> {
        let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
        let lines = lines.map(|(line, number)| (line.split('#').next().unwrap_or_default().trim(), number));
        lines
            .filter(|(line, _)| !line.is_empty())
            .map(|(line, number)| line.parse().map_err(|error| (number, error)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns the lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
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
            .map(|range| Entry::Range(range.parse().expect("the ranges written here are ranges")))
            .collect()
    }
}

impl FromIterator<Entry> for Allowlist {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl fmt::Display for Allowlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.0.iter().enumerate() {
            write!(f, "{}{entry}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn range(text: &str) -> Range {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_peer() {
        for text in ["203.0.113.0/24", "::ffff:203.0.113.0/120"] {
            assert!(range(text).contains(ip("::ffff:203.0.113.7")), "{text}");
            assert!(range(text).contains(ip("203.0.113.7")), "{text}");
            assert!(!range(text).contains(ip("203.0.114.7")), "{text}");
        }
    }

    #[test]
    fn a_bare_address_is_that_address_alone() {
        assert!(range("203.0.113.7").contains(ip("203.0.113.7")));
        assert!(!range("203.0.113.7").contains(ip("203.0.113.8")));
        assert!(range("2001:db8::1").contains(ip("2001:db8::1")));
        assert!(!range("2001:db8::1").contains(ip("2001:db8::2")));
    }

    #[test]
    fn what_is_no_range_is_said_with_the_way_out() {
        let error = |text: &str| text.parse::<Entry>().unwrap_err().to_string();
        assert_eq!(
            error("10.1.2.3/8"),
            "`10.1.2.3/8` has bits beyond its prefix; write 10.0.0.0/8 for the range or 10.1.2.3 for the one address"
        );
        for text in [
            "",
            "localhost",
            "1.2.3",
            "1.2.3.4/33",
            "::1/129",
            "1.2.3.4/-1",
            "1.2.3.4/",
            "0x7f.0.0.1",
            "a..b",
            "-a.b",
            "a b.c",
        ] {
            assert!(error(text).contains("is neither an address"), "{text}: {}", error(text));
        }
    }

    #[test]
    fn a_file_has_one_entry_a_line() {
        let list = Allowlist::parse("# homes\r\n\n203.0.113.7 # web-1\nDyn.Example.org\n10.0.0.0/8\n").unwrap();
        assert_eq!(list.to_string(), "203.0.113.7/32, dyn.example.org, 10.0.0.0/8");
        let (line, error) = Allowlist::parse("10.0.0.0/8\n10.0.0.1 10.0.0.2\n").unwrap_err();
        assert_eq!((line, error), (2, RangeError::NotARange("10.0.0.1 10.0.0.2".into())));
        assert!(Allowlist::parse("# nobody\n").unwrap().is_empty());
    }
}
