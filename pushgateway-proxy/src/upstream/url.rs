//! The address of the Pushgateway, as the configuration names it.

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};
use serde::Deserialize;

use crate::path::PushPath;

/// Where VictoriaMetrics takes what a Pushgateway takes.
const VICTORIAS_IMPORT: &str = "/api/v1/import/prometheus";

/// Where the Pushgateway is: plain HTTP, without credentials, with a path prefix if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UpstreamUrl {
    authority: Authority,
    prefix: String,
}

/// Why a text is no [`UpstreamUrl`]. Does not quote it, since a URL may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamUrlError {
    /// It does not parse.
    #[error("the upstream is not a URL like http://127.0.0.1:9091")]
    NotAUrl,
    /// Another scheme.
    #[error("the upstream must begin with http://; the way to it is loopback or an internal network")]
    NotHttp,
    /// User or password within.
    #[error("the upstream must not hold a user or password: this gate checks them, the Pushgateway has none")]
    Credentials,
    /// A query string or fragment.
    #[error("the upstream must end with its path prefix, without `?` or `#`")]
    Query,
    /// The prefix has segments that cleaning would remove.
    #[error("the upstream's path prefix must not hold empty, `.` or `..` segments")]
    UnsteadyPrefix,
}

impl TryFrom<String> for UpstreamUrl {
    type Error = UpstreamUrlError;

    fn try_from(text: String) -> Result<Self, UpstreamUrlError> {
        if text.contains(['?', '#']) {
            return Err(UpstreamUrlError::Query);
        }
        let uri: Uri = text.trim().parse().map_err(|_| UpstreamUrlError::NotAUrl)?;
        let authority = uri.authority().cloned().ok_or(UpstreamUrlError::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(UpstreamUrlError::Credentials);
        }
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(UpstreamUrlError::NotHttp);
        }
        let prefix = uri.path().trim_end_matches('/');
        if prefix.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(UpstreamUrlError::UnsteadyPrefix);
        }
        Ok(Self { authority, prefix: prefix.to_owned() })
    }
}

impl std::str::FromStr for UpstreamUrl {
    type Err = UpstreamUrlError;

    fn from_str(text: &str) -> Result<Self, UpstreamUrlError> {
        text.to_owned().try_into()
    }
}

impl Default for UpstreamUrl {
    fn default() -> Self {
        Self { authority: Authority::from_static("127.0.0.1:9091"), prefix: String::new() }
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

impl UpstreamUrl {
    /// Puts a path behind the prefix as it stands. No URL type is asked, because those clean paths up.
    pub(super) fn join(&self, path: &PushPath) -> Result<Uri, http::Error> {
        self.page(path.as_str())
    }

    /// Puts the path of a page of its own behind the prefix.
    pub(super) fn page(&self, path: &str) -> Result<Uri, http::Error> {
        let prefix = if self.is_victorias_import() { "" } else { &self.prefix };
        self.uri(format!("{prefix}{path}"))
    }

    /// Puts a query behind the prefix.
    pub(super) fn query(&self, query: &str) -> Result<Uri, http::Error> {
        self.uri(format!("{}?{query}", self.prefix))
    }

    /// Returns the host and its port.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns whether this is where VictoriaMetrics takes text in the Prometheus format.
    pub(super) fn is_victorias_import(&self) -> bool {
        self.prefix.ends_with(VICTORIAS_IMPORT)
    }

    fn uri(&self, path_and_query: String) -> Result<Uri, http::Error> {
        Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone()).path_and_query(path_and_query).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, UpstreamUrlError> {
        text.parse::<UpstreamUrl>().map(|url| url.to_string())
    }

    #[test]
    fn a_path_goes_behind_the_prefix_byte_for_byte() {
        let upstream: UpstreamUrl = "http://pushgateway:9091/pfx/".parse().unwrap();
        let path = PushPath::parse("/metrics/job/a+b%2fc/d/x@base64/L3Zhcg=/y/é").unwrap();
        assert_eq!(upstream.join(&path).unwrap().path(), "/pfx/metrics/job/a+b%2fc/d/x@base64/L3Zhcg=/y/é");
    }

    #[test]
    fn a_url_that_does_not_fit_is_refused_without_quoting_it() {
        assert_eq!(url("http://127.0.0.1:9091"), Ok("http://127.0.0.1:9091".into()));
        assert_eq!(url("http://[::1]:9091/"), Ok("http://[::1]:9091".into()));
        assert_eq!(url("http://u:p@h:1"), Err(UpstreamUrlError::Credentials));
        assert_eq!(url("https://h:1"), Err(UpstreamUrlError::NotHttp));
        assert_eq!(url("127.0.0.1:9091"), Err(UpstreamUrlError::NotHttp));
        assert_eq!(url("http://h:1/?a=b"), Err(UpstreamUrlError::Query));
        assert_eq!(url("http://h:1/a#b"), Err(UpstreamUrlError::Query));
        assert_eq!(url("http://h:1/a/../b"), Err(UpstreamUrlError::UnsteadyPrefix));
        for text in ["", "/metrics", "http://", "http:///x", "h t"] {
            assert_eq!(url(text), Err(UpstreamUrlError::NotAUrl), "{text}");
        }
    }
}
