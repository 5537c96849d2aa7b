//! Scheme, host and port of a URL (RFC 6454), read alike wherever the configuration has one.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

/// What is wrong with the beginning of a URL. Whoever reads it has better words, which say what the URL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a URL at all, or one without a host, or with a port that is none.
    Malformed,
    /// Neither `http` nor `https`.
    Scheme,
    /// `user:password@`.
    Userinfo,
}

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// It is not.
    Http,
    /// It is.
    Https,
}

impl Scheme {
    /// Returns the scheme as a URL has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port that a URL means when it names none.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether the connection is encrypted.
    pub scheme: Scheme,
    /// Name or address, without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Takes the origin from a URL, and returns the rest of it too: its path and query. What follows a `#` is sent nowhere.
    ///
    /// # Errors
    /// For what leads to no server of ours; see [`Fault`].
    pub fn read(text: &str) -> Result<(Self, Uri), Fault> {
        let text = text.trim().split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| Fault::Malformed)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(Fault::Scheme),
        };
        let authority = uri.authority().ok_or(Fault::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(Fault::Userinfo);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        // `Uri` lets `host:`, `host:port` and `host:99999` pass as hosts without a port, and `host:+1` as port 1.
        let port = match authority.as_str().strip_prefix(authority.host()).map(|rest| rest.strip_prefix(':')) {
            Some(None) => Some(scheme.port()),
            Some(Some(digits)) => port(digits),
            None => None,
        };
        match port.filter(|_| !host.is_empty()) {
            Some(port) => Ok((Self { scheme, host, port }, uri)),
            None => Err(Fault::Malformed),
        }
    }

    /// Returns whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Returns whether a connection never leaves this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Returns host and port, as a `Host` header has them: without the port when the scheme says it (RFC 9110, 4.2.3).
    #[must_use]
    pub fn authority(&self) -> String {
        let mut authority = bracketed(&self.host);
        if self.port != self.scheme.port() {
            authority = format!("{authority}:{}", self.port);
        }
        authority
    }
}

/// Scheme, host and port, for people: who looks for what listens there wants to see the port.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), bracketed(&self.host), self.port)
    }
}

/// Reads a port, which is not 0.
#[must_use]
pub fn port(digits: &str) -> Option<u16> {
    // Rust would take `+1`.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port != 0)
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_names_no_port_means_its_schemes() {
        for (text, shown, authority) in [
            ("http://h", "http://h:80", "h"),
            (" https://h/a?b#c\n", "https://h:443", "h"),
            ("https://h:443", "https://h:443", "h"),
            ("http://h:443/", "http://h:443", "h:443"),
            ("http://[::1]:9091/x", "http://[::1]:9091", "[::1]:9091"),
            ("https://[::1]", "https://[::1]:443", "[::1]"),
        ] {
            let (origin, _) = Origin::read(text).unwrap();
            assert_eq!((origin.to_string().as_str(), origin.authority().as_str()), (shown, authority), "{text}");
        }
    }

    #[test]
    fn the_rest_of_the_url_is_handed_on() {
        let (_, rest) = Origin::read("http://h?q#f").unwrap();
        assert_eq!((rest.path(), rest.query()), ("/", Some("q")));
    }

    #[test]
    fn what_leads_to_no_server_is_refused() {
        for (text, fault) in [
            ("", Fault::Malformed),
            ("h", Fault::Scheme),
            ("/h", Fault::Scheme),
            ("ftp://h/", Fault::Scheme),
            ("http://", Fault::Malformed),
            ("http://:80/", Fault::Malformed),
            ("http://h:/", Fault::Malformed),
            ("http://h:port/", Fault::Malformed),
            ("http://h:+1/", Fault::Malformed),
            ("http://h:0/", Fault::Malformed),
            ("http://h:65536/", Fault::Malformed),
            ("http://a b/", Fault::Malformed),
            ("http://u@h/", Fault::Userinfo),
            ("http://u:p@h:1/", Fault::Userinfo),
        ] {
            assert_eq!(Origin::read(text).unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn this_machine_has_more_names_than_one() {
        let is_loopback = |text: &str| Origin::read(text).unwrap().0.is_loopback();
        assert!(["http://LocalHost", "http://127.1.2.3:1", "http://[::1]"].into_iter().all(is_loopback));
        assert!(!["http://localhost.example.org", "http://10.0.0.1", "http://[::2]"].into_iter().any(is_loopback));
    }
}
