//! VictoriaMetrics in place of a Pushgateway: the group's labels go along with the query, and the time of the push into
//! the body, since the alert rules look for it.
//!
//! Source: VictoriaMetrics' documentation, "How to import data in Prometheus exposition format".

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Uri;

use super::UpstreamUrl;
use crate::path::Group;

/// Returns where a push of `group` is sent: its labels win over those in the body, as with a Pushgateway.
pub fn import(url: &UpstreamUrl, group: &Group) -> Result<Uri, http::Error> {
    let mut query = String::new();
    // An empty label is none.
    for (name, value) in group.labels().filter(|(_, value)| !value.is_empty()) {
        query.push_str(if query.is_empty() { "extra_label=" } else { "&extra_label=" });
        encode(name, &mut query);
        query.push_str("%3D");
        encode(value, &mut query);
    }
    url.query(&query)
}

/// Returns `body` with the time of the push at its end, as a Pushgateway would show it.
pub fn stamped(body: &Bytes) -> Bytes {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp =
        format!("# TYPE push_time_seconds gauge\npush_time_seconds {}.{:03}\n", now.as_secs(), now.subsec_millis());
    [body, stamp.as_bytes()].concat().into()
}

fn encode(text: &str, query: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            query.push(char::from(byte));
        } else {
            let _ = write!(query, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PushPath;

    #[test]
    fn labels_of_the_path_go_into_the_query() {
        let url: UpstreamUrl = "http://vm:8428/api/v1/import/prometheus".parse().unwrap();
        let path = PushPath::parse("/metrics/job/a&b=c%20d/instance/%E3%81%82/empty/").unwrap();
        assert_eq!(
            import(&url, path.group()).unwrap().to_string(),
            "http://vm:8428/api/v1/import/prometheus?extra_label=job%3Da%26b%3Dc%20d&extra_label=instance%3D%E3%81%82"
        );
    }

    #[test]
    fn the_time_of_the_push_stands_below_the_body() {
        let text = stamped(&Bytes::from_static(b"m 1\n"));
        let text = std::str::from_utf8(&text).unwrap();
        assert!(text.starts_with("m 1\n# TYPE push_time_seconds gauge\npush_time_seconds 1") && text.ends_with('\n'));
        assert!(exposition::parse(text.as_bytes(), &exposition::Limits::NONE).is_ok());
    }
}
