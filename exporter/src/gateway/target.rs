//! Which URL a push goes to.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use exposition::LabelName;
use http::Uri;
use serde::Deserialize;

use crate::origin::{Fault, Origin};

/// VictoriaMetrics' door for text with timestamps.
const DEFAULT_PATH: &str = "/api/v1/import/prometheus";

/// Why a URL is none of a gateway. Never repeats it, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL at all.
    #[error("this is no URL; write it like https://host:9443/metrics/job/web")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("the URL must begin with https:// (or http://, on this machine)")]
    Scheme,
    /// `user:password@`.
    #[error(
        "the URL has a user or password in it, where it would show in process lists and logs; \
         set PUSHGATEWAY_USER and PUSHGATEWAY_PASSWORD instead"
    )]
    Userinfo,
    /// `?…` or `#…`.
    #[error("the URL must end with its path: a gateway knows neither `?` nor `#`")]
    Query,
    /// Some other page.
    #[error("the URL's path must be empty or have /metrics/job/NAME in it, which is where a gateway takes pushes")]
    Path,
    /// `/metrics/job/`.
    #[error("the URL has no job behind /metrics/job/")]
    NoJob,
    /// `/metrics/job/a/b`, or two slashes in a row.
    #[error("behind /metrics/job/NAME the URL needs pairs of /LABEL/VALUE, none of them empty")]
    Pairs,
    /// A label of the group has no name for a label.
    #[error("the URL has a label whose name is not made of letters, digits and `_`")]
    Label,
    /// A value of the group that is no text, or no base64 where it says so.
    #[error("the URL has a label whose value does not decode to UTF-8")]
    Value,
    /// `%` without two hexadecimal digits behind it.
    #[error("the URL has a `%` that is not followed by two hexadecimal digits")]
    Percent,
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

/// A URL that leads to a gateway, with or without the group that we push to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct GatewayUrl {
    server: Origin,
    /// What stands before `/metrics/job`: a gateway may have been started with `--web.route-prefix`.
    prefix: String,
    /// `job/web/team/a`, as it was written.
    group: Option<String>,
}

/// A label of the group that the URL may leave open.
pub struct Choice {
    /// What the file says.
    pub configured: Option<String>,
    /// What it is when nobody says anything.
    pub fallback: String,
}

/// Where a push goes, to the last detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where the gateway is.
    pub server: Origin,
    /// The path of our group.
    pub path: String,
}

impl TryFrom<String> for GatewayUrl {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        let (server, uri) = parts(&text)?;
        if uri.query().is_some() {
            return Err(InvalidUrl::Query);
        }
        let (prefix, group) = split(uri.path())?;
        Ok(Self { server, prefix, group })
    }
}

/// A URL that takes the text format with timestamps: VictoriaMetrics' origin, or origin and path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BackfillUrl(Target);

impl TryFrom<String> for BackfillUrl {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        let (server, uri) = parts(&text)?;
        let path = match uri.path_and_query().map(|path| path.as_str()) {
            None | Some("" | "/") => DEFAULT_PATH,
            Some(path) => path,
        };
        Ok(Self(Target { server, path: path.to_owned() }))
    }
}

impl BackfillUrl {
    /// Returns where pages of the past go.
    pub fn target(&self) -> Target {
        self.0.clone()
    }
}

/// Takes a URL apart, and refuses one with a `#`: somebody means more by it than is sent.
fn parts(text: &str) -> Result<(Origin, Uri), InvalidUrl> {
    if text.contains('#') {
        return Err(InvalidUrl::Query);
    }
    Ok(Origin::read(text)?)
}

impl GatewayUrl {
    /// Returns whether the URL itself names this label of the group.
    pub fn names(&self, label: &str) -> bool {
        let mut parts = self.group.iter().flat_map(|group| group.split('/')).step_by(2);
        parts.any(|name| name.strip_suffix("@base64").unwrap_or(name) == label)
    }

    /// Returns the same gateway without a group.
    pub fn without_group(self) -> Self {
        Self { group: None, ..self }
    }

    /// Returns where to push: what the URL leaves open of `job` and `instance` is filled in.
    pub fn target(&self, job: &Choice, instance: &Choice) -> Target {
        let value = |choice: &Choice| choice.configured.clone().unwrap_or_else(|| choice.fallback.clone());
        let mut path = format!("{}/metrics/", self.prefix);
        match &self.group {
            Some(group) => path.push_str(group),
            None => path.push_str(&pair("job", &value(job))),
        }
        if !self.names("instance") {
            path.push('/');
            path.push_str(&pair("instance", &value(instance)));
        }
        Target { server: self.server.clone(), path }
    }
}

impl Target {
    /// Returns the labels of the group, as the gateway reads them; none when the path has no group.
    pub fn group(&self) -> Vec<(String, String)> {
        let Some((_, group)) = self.path.split_once("/metrics/") else { return Vec::new() };
        let parts: Vec<&str> = group.split('/').collect();
        let pairs = parts.chunks_exact(2).filter_map(|pair| {
            let name = pair[0].strip_suffix("@base64").unwrap_or(pair[0]);
            Some((name.to_owned(), value_of(pair[0], pair[1])?))
        });
        pairs.collect()
    }

    /// Returns scheme, host and port, for people.
    pub fn origin(&self) -> String {
        self.server.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.server, self.path)
    }
}

/// Splits a path into what stands before `/metrics/` and the group behind it.
fn split(path: &str) -> Result<(String, Option<String>), InvalidUrl> {
    if path.is_empty() || path == "/" {
        return Ok((String::new(), None));
    }
    let percent_is_fine =
        |rest: &str| rest.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    if !path.split('%').skip(1).all(percent_is_fine) {
        return Err(InvalidUrl::Percent);
    }
    let parts: Vec<&str> = path.split('/').collect();
    let is_start = |pair: &[&str]| pair[0] == "metrics" && (pair[1] == "job" || pair[1] == "job@base64");
    let start = parts.windows(2).position(is_start).ok_or(InvalidUrl::Path)?;
    let mut group = &parts[start + 1..];
    // `/metrics/job/web/` is the same group as without the last slash.
    if group.len() % 2 == 1 && group.last() == Some(&"") {
        group = &group[..group.len() - 1];
    }
    if group.get(1).is_none_or(|job| job.is_empty()) {
        return Err(InvalidUrl::NoJob);
    }
    if group.len() % 2 == 1 || group.contains(&"") {
        return Err(InvalidUrl::Pairs);
    }
    let is_label = |name: &&str| LabelName::new(name.strip_suffix("@base64").unwrap_or(name).to_owned()).is_ok();
    if !group.iter().step_by(2).all(is_label) {
        return Err(InvalidUrl::Label);
    }
    let values = group.chunks_exact(2).map(|pair| value_of(pair[0], pair[1]).ok_or(InvalidUrl::Value));
    if values.collect::<Result<Vec<_>, _>>()?[0].is_empty() {
        return Err(InvalidUrl::NoJob);
    }
    Ok((parts[..start].join("/"), Some(group.join("/"))))
}

/// Reads a value of the group as the gateway will. One that is no text must not get there: a Pushgateway keeps it, and
/// refuses the pushes of all hosts from then on.
fn value_of(name: &str, value: &str) -> Option<String> {
    let mut parts = value.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for (digits, rest) in parts.filter_map(|part| part.split_at_checked(2)) {
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let text = String::from_utf8(bytes).ok()?;
    if !name.ends_with("@base64") {
        return Some(text);
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
}

/// Writes a label of the group so that the gateway reads back exactly this value.
///
/// A slash would split the path even when percent-encoded, an empty part would vanish and a dot part would be taken
/// for a step in the tree; those go as base64.
fn pair(label: &str, value: &str) -> String {
    if value.is_empty() {
        return format!("{label}@base64/=");
    }
    if value.contains('/') || value == "." || value == ".." {
        return format!("{label}@base64/{}", URL_SAFE.encode(value));
    }
    let mut pair = format!("{label}/");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            pair.push(byte.into());
        } else {
            pair.push_str(&format!("%{byte:02X}"));
        }
    }
    pair
}

#[cfg(test)]
mod tests;
