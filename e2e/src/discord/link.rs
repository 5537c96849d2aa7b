//! Which URLs Discord takes in an embed.

use std::net::IpAddr;

use serde_json::Value;

use super::form::{At, Form, length, not_a_string};

/// Schemes of a link.
pub(super) const WEB: &[&str] = &["http", "https"];
/// Schemes of a picture.
pub(super) const MEDIA: &[&str] = &["http", "https", "attachment"];
/// Schemes of a button.
pub(super) const BUTTON: &[&str] = &["http", "https", "discord"];

const LIMIT: usize = 2048;

/// Reads a URL; nothing and an empty text both mean none.
pub(super) fn url(form: &mut Form, at: &At, value: &Value, schemes: &[&str]) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => text,
        other => {
            form.refuse(at, "STRING_TYPE_CONVERT", not_a_string(other));
            return None;
        }
    };
    match check(text, schemes) {
        Ok(()) => return Some(text.clone()),
        Err(Bad::Length) => form.refuse(at, "BASE_TYPE_MAX_LENGTH", "Must be 2048 or fewer in length."),
        Err(Bad::Form) => form.refuse(at, "URL_TYPE_INVALID_URL", "Not a well formed URL."),
        Err(Bad::Scheme(scheme)) => {
            let known: Vec<_> = schemes.iter().map(|scheme| format!("'{scheme}'")).collect();
            let known = known.join(", ");
            let message = format!("Scheme \"{scheme}\" is not supported. Scheme must be one of ({known}).");
            form.refuse(at, "URL_TYPE_INVALID_SCHEME", message);
        }
    }
    None
}

#[derive(Debug, PartialEq)]
enum Bad {
    Length,
    Form,
    Scheme(String),
}

fn check(url: &str, schemes: &[&str]) -> Result<(), Bad> {
    if length(url) > LIMIT {
        return Err(Bad::Length);
    }
    let (scheme, rest) = split_scheme(url.trim_start());
    let scheme = scheme.to_lowercase();
    if !schemes.contains(&scheme.as_str()) {
        return Err(Bad::Scheme(scheme));
    }
    if scheme == "attachment" {
        return if rest.trim_start_matches('/').is_empty() { Err(Bad::Form) } else { Ok(()) };
    }
    let authority = rest.strip_prefix("//").ok_or(Bad::Form)?.split(['/', '?', '#']).next().unwrap_or_default();
    if url.contains(char::is_whitespace) || !is_host(host(authority).ok_or(Bad::Form)?) {
        return Err(Bad::Form);
    }
    Ok(())
}

/// Splits `https://…` at the colon; a text that has no scheme has an empty one.
fn split_scheme(url: &str) -> (&str, &str) {
    match url.split_once(':') {
        Some((scheme, rest))
            if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
        {
            (scheme, rest)
        }
        _ => ("", url),
    }
}

/// Returns the host of `user@host:port`; none when brackets or port are wrong.
fn host(authority: &str) -> Option<&str> {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, after)| after);
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']')?;
            (host, if after.is_empty() { "" } else { after.strip_prefix(':')? })
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    (port.is_empty() || port.parse::<u16>().is_ok()).then_some(host)
}

/// An IP address, or a name with a dot in it: `http://alertmanager:9093`, Alertmanager's default, is neither.
fn is_host(host: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let Some((front, last)) = host.rsplit_once('.') else { return false };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&c);
    let is_label = |label: &str| {
        (1..=63).contains(&length(label))
            && label.chars().all(|c| is_letter(c) || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    length(host) <= 253
        && front.split('.').all(is_label)
        && (2..=63).contains(&length(last))
        && last.chars().all(|c| is_letter(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_dot_or_is_an_address() {
        for good in [
            "https://example.com/a?b=c#d",
            "http://10.0.0.1:9090/graph",
            "http://prom.lan:9090/x",
            "http://[::1]:9090/",
            "https://user:secret@example.com",
            "https://監視.example.jp/",
        ] {
            assert_eq!(check(good, WEB), Ok(()), "{good}");
        }
        for bad in [
            "http://alertmanager:9093/#/alerts",
            "http://localhost",
            "http://a_b.example.com/",
            "http://example.com/a b",
            "http://example.com:99999/",
            "http:example.com",
            "http://",
            "http://.com/",
        ] {
            assert_eq!(check(bad, WEB), Err(Bad::Form), "{bad}");
        }
        assert_eq!(check("ftp://example.com", WEB), Err(Bad::Scheme("ftp".into())));
        assert_eq!(check("example.com", WEB), Err(Bad::Scheme(String::new())));
        assert_eq!(check(&format!("https://example.com/{}", "x".repeat(LIMIT)), WEB), Err(Bad::Length));
    }
}
