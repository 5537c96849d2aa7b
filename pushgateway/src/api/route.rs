//! From a path to what it means, as a Pushgateway reads paths.

use http::Method;

use crate::grouping::JobForm;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `/metrics`: all groups, for Prometheus.
    Telemetry,
    /// `/` and `/status`: the page for people.
    Page,
    /// `/-/healthy`
    Healthy,
    /// `/-/ready`
    Ready,
    /// `/-/quit`
    Quit,
    /// `/api/v1/status`
    Status,
    /// `/api/v1/metrics`
    Metrics,
    /// `/api/v1/groups`
    Groups,
    /// `/api/v1/admin/wipe`
    Wipe,
    /// `/api/v1/admin/import`
    Import,
    /// Anything else below `/api/v1/`: scripts of other origins may ask for the options of all of it.
    Api,
    /// `/metrics/job/…`: a group.
    Group {
        /// How the job is written.
        form: JobForm,
        /// The job as it is written.
        job: Vec<u8>,
        /// What follows on it, from its slash on.
        labels: Vec<u8>,
    },
}

/// Where a request leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a place.
    Place(Place),
    /// To another path, with this status.
    Elsewhere(u16, Vec<u8>),
    /// To a place that this method cannot do anything with; it can these.
    NotAllowed(&'static str),
    /// Nowhere.
    Nowhere,
}

/// What is served where.
#[derive(Clone, Debug)]
pub struct Routes {
    /// Path before all others, without a slash at its end.
    pub prefix: String,
    /// Path of the page for Prometheus.
    pub telemetry: String,
    /// Whether the admin API is there.
    pub admin: bool,
}

/// The methods that each place takes, as they are listed to those who come with another.
const GET: &str = "GET, OPTIONS";
const GROUP: &str = "DELETE, OPTIONS, POST, PUT";

impl Routes {
    /// Finds the way for a decoded path.
    #[must_use]
    pub fn find(&self, method: &Method, path: &[u8]) -> Route {
        let clean = cleaned(path);
        if clean != path {
            return Route::Elsewhere(301, clean);
        }
        let below = match path.strip_prefix(self.prefix.as_bytes()) {
            Some(b"") if !self.prefix.is_empty() && *method == Method::GET => {
                return Route::Elsewhere(301, [self.prefix.as_bytes(), b"/"].concat());
            }
            Some(below) if below.starts_with(b"/") => below,
            _ => return Route::Nowhere,
        };
        if below == b"/api/v1" {
            return Route::Elsewhere(301, [path, b"/"].concat());
        }
        if let Some(place) = self.fixed(below) {
            return self.judge(method, place);
        }
        if let Some((form, job, labels)) = group(below) {
            return self.judge(method, Place::Group { form, job, labels });
        }
        self.near(method, below)
    }

    /// Returns the place at a path without variable parts.
    fn fixed(&self, path: &[u8]) -> Option<Place> {
        if path == self.telemetry.as_bytes() {
            return Some(Place::Telemetry);
        }
        Some(match path {
            b"/" | b"/status" => Place::Page,
            b"/-/healthy" => Place::Healthy,
            b"/-/ready" => Place::Ready,
            b"/-/quit" => Place::Quit,
            b"/api/v1/status" => Place::Status,
            b"/api/v1/metrics" => Place::Metrics,
            b"/api/v1/groups" => Place::Groups,
            b"/api/v1/admin/wipe" if self.admin => Place::Wipe,
            b"/api/v1/admin/import" if self.admin => Place::Import,
            _ => return None,
        })
    }

    /// Says whether the place can do something with the method.
    fn judge(&self, method: &Method, place: Place) -> Route {
        let allowed = match place {
            Place::Telemetry | Place::Page | Place::Healthy | Place::Ready | Place::Status | Place::Metrics => GET,
            Place::Quit => "GET, OPTIONS, POST, PUT",
            Place::Groups => "DELETE, GET, OPTIONS",
            Place::Wipe | Place::Import => "OPTIONS, PUT",
            Place::Api => return Route::Place(place),
            Place::Group { .. } => GROUP,
        };
        if allowed.split(", ").any(|allowed| allowed == method.as_str()) {
            Route::Place(place)
        } else {
            Route::NotAllowed(allowed)
        }
    }

    /// Looks whether the path is nearly one that the method leads to: in other letters, or with a slash at its end.
    fn near(&self, method: &Method, below: &[u8]) -> Route {
        let is_api = below.starts_with(b"/api/v1/") && *method == Method::OPTIONS;
        if is_api {
            return Route::Place(Place::Api);
        }
        if *method == Method::OPTIONS {
            return Route::Nowhere;
        }
        let code = if *method == Method::GET { 301 } else { 307 };
        let elsewhere = |path: Vec<u8>| Route::Elsewhere(code, [self.prefix.as_bytes(), &path].concat());
        let bare = below.strip_suffix(b"/").unwrap_or(below).to_ascii_lowercase();
        let pushes = [Method::POST, Method::PUT, Method::DELETE].contains(method);
        if pushes && bare == b"/metrics/job" {
            // This is what a Pushgateway says, though there is nothing.
            let is_there = below.ends_with(b"/");
            return if is_there { elsewhere(bare) } else { Route::Nowhere };
        }
        if let Some(place) = self.fixed(&bare)
            && place != Place::Page
            && matches!(self.judge(method, place), Route::Place(_))
        {
            return elsewhere(bare);
        }
        if bare == b"/status" && *method == Method::GET {
            return elsewhere(bare);
        }
        if pushes {
            let depth = below.iter().take(13).map(u8::to_ascii_lowercase).collect::<Vec<u8>>();
            if depth.starts_with(b"/metrics/job/") && below.len() > 13 {
                return elsewhere([b"/metrics/job/", &below[13..]].concat());
            }
        }
        Route::Nowhere
    }
}

/// Takes `/metrics/job/<job>…` apart.
fn group(path: &[u8]) -> Option<(JobForm, Vec<u8>, Vec<u8>)> {
    let (form, rest) = if let Some(rest) = path.strip_prefix(b"/metrics/job/") {
        (JobForm::Plain, rest)
    } else {
        (JobForm::Base64, path.strip_prefix(b"/metrics/job@base64/")?)
    };
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    (end > 0).then(|| (form, rest[..end].to_vec(), rest[end..].to_vec()))
}

/// Returns the path without empty, `.` and `..` parts, as Go's `path.Clean` does it; a slash at the end stays.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut clean = Vec::with_capacity(path.len() + 1);
    for part in parts {
        clean.push(b'/');
        clean.extend_from_slice(part);
    }
    if clean.is_empty() || path.ends_with(b"/") {
        clean.push(b'/');
    }
    clean
}

/// Writes a path as it stands in a `Location`.
#[must_use]
pub fn escaped(path: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(path.len());
    for byte in path {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(prefix: &str) -> Routes {
        Routes { prefix: prefix.to_owned(), telemetry: "/metrics".to_owned(), admin: false }
    }

    fn find(method: &str, path: &str) -> Route {
        routes("").find(&method.parse().unwrap(), path.as_bytes())
    }

    fn group_of(job: &str, labels: &str) -> Route {
        let (job, labels) = (job.as_bytes().to_vec(), labels.as_bytes().to_vec());
        Route::Place(Place::Group { form: JobForm::Plain, job, labels })
    }

    #[test]
    fn a_group_is_found_with_and_without_labels() {
        assert_eq!(find("POST", "/metrics/job/j"), group_of("j", ""));
        assert_eq!(find("PUT", "/metrics/job/j/"), group_of("j", "/"));
        assert_eq!(find("DELETE", "/metrics/job/j/a/1"), group_of("j", "/a/1"));
        assert_eq!(find("GET", "/metrics/job/j"), Route::NotAllowed(GROUP));
        assert_eq!(find("POST", "/metrics/job"), Route::Nowhere);
    }

    #[test]
    fn an_unclean_path_leads_to_the_clean_one() {
        for (path, clean) in [
            ("/metrics/job/a//b", "/metrics/job/a/b"),
            ("//metrics", "/metrics"),
            ("/metrics/job/a/../b", "/metrics/job/b"),
            ("/metrics/job/a/.", "/metrics/job/a"),
            ("/..", "/"),
        ] {
            assert_eq!(find("POST", path), Route::Elsewhere(301, clean.as_bytes().to_vec()), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_nearly_one_leads_to_it_where_the_method_can_go() {
        let to = |code, path: &str| Route::Elsewhere(code, path.as_bytes().to_vec());
        assert_eq!(find("POST", "/METRICS/job/A"), to(307, "/metrics/job/A"));
        assert_eq!(find("POST", "/metrics/job/"), to(307, "/metrics/job"));
        assert_eq!(find("GET", "/metrics/job/"), Route::Nowhere);
        assert_eq!(find("GET", "/metrics/"), to(301, "/metrics"));
        assert_eq!(find("POST", "/metrics/"), Route::Nowhere);
        assert_eq!(find("GET", "/Status"), to(301, "/status"));
        assert_eq!(find("POST", "/-/healthy/"), Route::Nowhere);
        assert_eq!(find("OPTIONS", "/api/v1/nope"), Route::Place(Place::Api));
    }

    #[test]
    fn everything_stands_below_the_prefix() {
        let routes = routes("/pfx");
        let find = |method: Method, path: &str| routes.find(&method, path.as_bytes());
        assert_eq!(find(Method::GET, "/pfx"), Route::Elsewhere(301, b"/pfx/".to_vec()));
        assert_eq!(find(Method::POST, "/pfx"), Route::Nowhere);
        assert_eq!(find(Method::GET, "/pfx/metrics"), Route::Place(Place::Telemetry));
        assert_eq!(find(Method::GET, "/pfx/metrics/"), Route::Elsewhere(301, b"/pfx/metrics".to_vec()));
        assert_eq!(find(Method::GET, "/metrics"), Route::Nowhere);
        assert_eq!(find(Method::GET, "/pfxx"), Route::Nowhere);
    }

    #[test]
    fn a_location_is_escaped_as_go_escapes_it() {
        assert_eq!(escaped("/a/!*()'b \"Π".as_bytes()), "/a/%21%2A%28%29%27b%20%22%CE%A0");
    }
}
