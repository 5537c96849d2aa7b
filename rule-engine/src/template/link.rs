//! Links to the expression browser, and what addresses are made of.

/// Escapes a text for the query part of an address, as Go's `url.QueryEscape`.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Returns where the expression browser shows `expression`, as a graph (`0`) or a table (`1`).
pub(super) fn to_expression(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", escaped(expression))
}

/// Returns the path of an address, which Prometheus calls its path prefix.
pub(super) fn path(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let path = after.find('/').and_then(|place| after.get(place..)).unwrap_or_default();
    path.split(['?', '#']).next().unwrap_or_default()
}

/// `db-1:9100` → `db-1`
pub(super) fn without_port(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        // An IPv6 address in brackets, and what follows is a port or nothing.
        return match rest.split_once(']') {
            Some((host, port)) if port.starts_with(':') => host,
            _ => address,
        };
    }
    match address.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => address,
    }
}

/// `db-1.example.org:9100` → `db-1:9100`; an address in numbers stays.
pub(super) fn without_domain(address: &str) -> String {
    let host = without_port(address);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return address.to_owned();
    }
    let port = address.strip_prefix(host).unwrap_or_default();
    format!("{}{port}", host.split('.').next().unwrap_or_default())
}
