//! Where a probe goes.

use serde::Deserialize;

use crate::origin::{self, Fault, Origin};

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TcpTarget {
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl TryFrom<String> for TcpTarget {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FORM: &str = "this is no target; write it like `host:port` or `[::1]:25565`";
        let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
        let port = origin::port(port).ok_or(FORM)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address,
            None if host.contains(':') => return Err(FORM),
            None => host,
        };
        if host.is_empty() { Err(FORM) } else { Ok(Self { host: host.to_owned(), port }) }
    }
}

/// An `http://` or `https://` URL without credentials.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HttpUrl {
    /// Where to connect.
    pub server: Origin,
    /// Path and query.
    pub path: String,
}

impl TryFrom<String> for HttpUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (server, uri) = Origin::read(&text).map_err(|fault| match fault {
            Fault::Malformed => "this is no URL; write it like http://127.0.0.1:3000/health",
            Fault::Scheme => "the URL must begin with http:// or https://",
            Fault::Userinfo => {
                "the URL has a user or password in it, where it would show in files that get passed around"
            }
        })?;
        // `http://h?q` has a query and no path.
        let path = uri.query().map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path()));
        Ok(Self { server, path })
    }
}

impl HttpUrl {
    /// Returns where a redirect from here to `location` leads; `None` when that is no place for us.
    #[must_use]
    pub fn join(&self, location: &str) -> Option<Self> {
        let scheme = self.server.scheme.as_str();
        let directory = || {
            let path = self.path.split('?').next().unwrap_or_default();
            path.rsplit_once('/').map_or("", |(directory, _)| directory)
        };
        let absolute = if location.contains("://") {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{}{location}", self.server.authority())
        } else {
            format!("{scheme}://{}{}/{location}", self.server.authority(), directory())
        };
        Self::try_from(absolute).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> HttpUrl {
        HttpUrl::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (text, host, port) in [("h:1", "h", 1), ("[::1]:65535", "::1", 65535), ("127.0.0.1:80", "127.0.0.1", 80)] {
            assert_eq!(TcpTarget::try_from(text.to_owned()), Ok(TcpTarget { host: host.into(), port }));
        }
        for text in ["", "h", ":1", "h:", "h:0", "h:65536", "::1:80", "[]:1", "h:+1"] {
            assert!(TcpTarget::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_knows_its_port_and_its_path() {
        assert_eq!(url("http://h").server.port, 80);
        assert_eq!(url("https://[::1]/a?b#c").server.to_string(), "https://[::1]:443");
        assert_eq!(url("https://h:8443/a?b#c").path, "/a?b");
        assert_eq!(url("http://h?q").path, "/?q");
        for text in ["", "h/x", "http://", "/x", "http://u@h/", "http://h:99999/", "http://h:+1/", "http://h:/"] {
            assert!(HttpUrl::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_redirect_is_read_from_where_it_was_found() {
        let here = url("https://h:1/a/b?c");
        for (location, there) in
            [("http://x/y", "http://x/y"), ("//x/y", "https://x/y"), ("/y", "https://h:1/y"), ("y", "https://h:1/a/y")]
        {
            assert_eq!(here.join(location), Some(url(there)), "{location}");
        }
        assert_eq!(here.join("gopher://x/"), None);
    }
}
