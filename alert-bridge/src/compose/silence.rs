//! The form for a new silence on Alertmanager's own page, filled in.

use std::fmt::Write as _;

use url::Url;

use super::web_url;
use crate::kind::LinkKind;
use crate::message::Link;
use crate::webhook::Alert;

/// A link beyond this is not shown by every receiver; the labels that matter most come first.
const FILTER_LIMIT_BYTES: usize = 700;
/// Labels that say what and where.
const FIRST: [&str; 4] = ["alertname", "job", "instance", "host"];

/// Returns the link to the form for what `alerts` have in common; nothing when that is nothing, or when Alertmanager does not
/// say where it is.
pub(super) fn link(external_url: &str, alerts: &[&Alert]) -> Option<Link> {
    let base = web_url(external_url)?;
    let (first, rest) = alerts.split_first()?;
    let shared =
        |(name, value): &(&str, &str)| is_name(name) && rest.iter().all(|alert| alert.labels.get(name) == Some(*value));
    let mut labels: Vec<(&str, &str)> = first.labels.iter().filter(shared).collect();
    labels.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    let mut filter = String::new();
    for (name, value) in labels {
        let matcher = format!("{name}={}", quoted(value));
        let comma = if filter.is_empty() { "" } else { "," };
        let length = |text: &str| encoded(text).len();
        if length(&filter) + length(comma) + length(&matcher) <= FILTER_LIMIT_BYTES {
            let _ = write!(filter, "{comma}{matcher}");
        }
    }
    if filter.is_empty() {
        return None;
    }
    let page = base.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{page}/#/silences/new?filter={}", encoded(&format!("{{{filter}}}")))).ok()?;
    Some(Link { kind: LinkKind::Silence, url })
}

/// Names that Alertmanager takes without quotes, in every version.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Percent-encoded down to letters and digits: the page itself decodes it, and no chat takes a bracket for its end.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook;

    fn link_for(external_url: &str, labels: &[&str]) -> Option<String> {
        let alerts = labels
            .iter()
            .map(|labels| format!(r#"{{"status":"firing","startsAt":"2026-11-22T07:14:23Z","labels":{labels}}}"#))
            .collect::<Vec<_>>()
            .join(",");
        let webhook = webhook::parse(format!(r#"{{"receiver":"r","alerts":[{alerts}]}}"#).as_bytes()).unwrap();
        link(external_url, &webhook.alerts.iter().collect::<Vec<_>>()).map(|link| link.url.to_string())
    }

    #[test]
    fn the_form_is_filled_in_with_what_the_alerts_have_in_common() {
        let one = link_for(
            "http://am.example:9093/",
            &[r#"{"severity":"warning","instance":"db-1:9100","alertname":"HostDown"}"#],
        );
        let filter = "%7Balertname%3D%22HostDown%22%2Cinstance%3D%22db-1%3A9100%22%2Cseverity%3D%22warning%22%7D";
        assert_eq!(one.unwrap(), format!("http://am.example:9093/#/silences/new?filter={filter}"));
        let two = link_for(
            "http://am.example/am",
            &[r#"{"alertname":"A","instance":"a"}"#, r#"{"alertname":"A","instance":"b"}"#],
        );
        assert_eq!(two.unwrap(), "http://am.example/am/#/silences/new?filter=%7Balertname%3D%22A%22%7D");
    }

    #[test]
    fn a_value_cannot_break_out_of_its_quotes_or_of_the_link() {
        let link = link_for("http://am.example", &[r#"{"alertname":"a\"b\\c\nd)]> *"}"#]).unwrap();
        assert!(link.ends_with("%7Balertname%3D%22a%5C%22b%5C%5Cc%5Cnd%29%5D%3E%20%2A%22%7D"), "{link}");
    }

    #[test]
    fn without_an_address_or_anything_in_common_there_is_no_link() {
        assert_eq!(link_for("", &[r#"{"alertname":"A"}"#]), None);
        assert_eq!(link_for("not a url", &[r#"{"alertname":"A"}"#]), None);
        assert_eq!(link_for("http://am.example", &[r#"{"alertname":"A"}"#, r#"{"alertname":"B"}"#]), None);
        let long = format!(r#"{{"alertname":"A","x":"{}"}}"#, "x".repeat(5000));
        assert!(link_for("http://am.example", &[&long]).unwrap().len() < 200);
    }
}
