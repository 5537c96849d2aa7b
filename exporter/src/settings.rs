//! Values of settings that hold once they are read: how often, how long and for whom.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A bound on the time of a push, which is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Timeout(Duration);

/// A duration as people write it.
#[derive(Deserialize)]
pub(crate) struct Written(#[serde(with = "humantime_serde")] pub(crate) Duration);

impl Timeout {
    /// Returns the bound.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

impl TryFrom<Duration> for Timeout {
    type Error = &'static str;

    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        if duration.is_zero() {
            Err("a push needs some time: write a timeout such as `10s`")
        } else {
            Ok(Self(duration))
        }
    }
}

impl TryFrom<Written> for Timeout {
    type Error = &'static str;

    fn try_from(Written(duration): Written) -> Result<Self, Self::Error> {
        duration.try_into()
    }
}

/// How long after the first try of a push another one may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct RetryBudget(#[serde(with = "humantime_serde")] Duration);

impl RetryBudget {
    /// Returns the duration.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for RetryBudget {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

/// The pause between two pushes, a second at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Interval(Duration);

impl Interval {
    /// Returns the pause.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for Interval {
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

impl TryFrom<String> for Interval {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let duration = duration(text)?;
        let is_usable = (Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60)).contains(&duration);
        is_usable.then_some(Self(duration)).ok_or("write an interval from `1s` to `24h`")
    }
}

/// Reads a duration as people write it, such as `15s`.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    humantime_serde::deserialize(text).map_err(|_| "write a duration such as `15s` or `2m`")
}

/// An address that nobody but this machine reaches: the page has neither a password nor TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Loopback(SocketAddr);

impl Loopback {
    /// Returns the address.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl TryFrom<String> for Loopback {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Loopback {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: SocketAddr = text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:9100")?;
        address.ip().is_loopback().then_some(Self(address)).ok_or(
            "the page is given on this machine only, without a password; write an address such as 127.0.0.1:9100",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_no_less_than_a_second() {
        assert_eq!("15s".parse::<Interval>().unwrap().as_duration(), Duration::from_secs(15));
        for text in ["0s", "999ms", "2d", "15", "soon", ""] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_page_is_given_on_this_machine_only() {
        for text in ["127.0.0.1:9100", "[::1]:9100", "127.8.8.8:0"] {
            text.parse::<Loopback>().unwrap();
        }
        for text in ["0.0.0.0:9100", "[::]:9100", "192.0.2.1:80", "9100", "localhost:9100"] {
            assert!(text.parse::<Loopback>().is_err(), "{text}");
        }
    }
}
