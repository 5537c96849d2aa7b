use super::*;

fn parse(text: &str) -> Result<Config, String> {
    config::section::parse("proxy", text, "noroshi.yaml").map_err(|error| error.to_string())
}

#[test]
fn no_file_gives_the_promised_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:9443");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9444");
    assert_eq!(config.upstream.to_string(), "http://127.0.0.1:9091");
    assert_eq!(config.allow, Allowlist::default());
    assert_eq!(config.body_limit, 16 << 20);
    config.validate().unwrap();
}

#[test]
fn every_key_is_read() {
    let config = parse(
        "proxy:\n  listen: 127.0.0.1:1\n  admin_listen: 127.0.0.1:2\n  upstream: http://pushgateway:9091/pfx/\n  \
         self_signed: tls\n  names: [push.example.org]\n  htpasswd: users\n  allow: [203.0.113.7, 10.0.0.0/8]\n  \
         body_limit: 1048576\n  header_timeout: 5s\n  request_timeout: 1m\n  upstream_timeout: 2s\n  \
         max_connections: 10\n  grace: 3s\n  upstream_kind: victoriametrics\n  login_cache: 1m\n  login_failures: 3\n  \
         allow_file: allow\n  resolve_interval: 5m\n  trusted_proxies: [10.0.0.1]\n  proxy_protocol: true\n  \
         users: {web: {job: host}}\n  types_limit: 5\n  series_limit: 6\n  label_limit: 7\n  name_limit: 8\n  \
         value_limit: 9\n  idle_timeout: 1s\n  connections_per_address: 11\n  access_log: all\n  \
         client_certificates: {ca: ca.pem, mode: optional, user: common_name}\n",
    )
    .unwrap();
    assert_eq!(config.upstream.to_string(), "http://pushgateway:9091/pfx");
    assert_eq!(config.allow.to_string(), "203.0.113.7/32, 10.0.0.0/8");
    assert_eq!(config.request_timeout, Duration::from_secs(60));
    assert_eq!(config.upstream_kind, UpstreamKind::VictoriaMetrics);
    let limits = Limits { bytes: 1 << 20, series: 6, labels: 7, name_bytes: 8, value_bytes: 9 };
    assert_eq!(config.limits(), limits);
    config.validate().unwrap();
    assert!(matches!(config.certificate(), Ok(CertificateSource::SelfSigned(_))));
}

#[test]
fn a_setting_that_does_not_hold_is_refused_with_line_and_reason() {
    for (line, reason) in [
        ("lisen: 1.2.3.4:5", "unknown field `lisen`"),
        ("allow: [10.1.2.3/8]", "has bits beyond its prefix"),
        ("upstream: https://pushgateway:9091", "must begin with http://"),
        ("upstream: http://me:hunter2@pushgateway:9091", "must not hold a user or password"),
        ("header_timeout: 5", "line 2"),
        ("trusted_proxies: [proxy.example.org]", "is neither an address"),
        ("access_log: some", "unknown variant `some`"),
        ("client_certificates: {ca: a}", "missing field `mode`"),
    ] {
        let error = parse(&format!("proxy:\n  {line}\n")).unwrap_err();
        assert!(error.contains(reason) && error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn one_certificate_and_one_password_file_are_needed() {
    let error = |text: &str| parse(text).unwrap().certificate().map(|_| ()).unwrap_err().to_string();
    assert!(error("").contains("--self-signed DIR"));
    assert!(error("proxy: {cert: a}").contains("`cert` is set without `key`"));
    assert!(error("proxy: {key: a}").contains("`key` is set without `cert`"));
    assert!(error("proxy: {cert: a, key: b, self_signed: c}").contains("are both set; keep one"));
    assert!(error("proxy: {cert: a, key: b, names: [c]}").contains("goes with `self_signed`"));
    let htpasswd = |text: &str| parse(text).unwrap().htpasswd().map(|file| file.cloned());
    assert!(htpasswd("").unwrap_err().to_string().contains("htpasswd -nB prom"));
    assert!(htpasswd("proxy: {client_certificates: {ca: a, mode: required}}").is_err());
    assert_eq!(htpasswd("proxy: {client_certificates: {ca: a, mode: required, user: dns_name}}").unwrap(), None);
}

#[test]
fn a_gate_through_which_nothing_can_pass_is_refused() {
    for line in [
        "allow: []",
        "body_limit: 0",
        "max_connections: 0",
        "request_timeout: 0s",
        "request_timeout: 500000000000y",
        "grace: 2days",
        "connections_per_address: 0",
        "proxy_protocol: true",
    ] {
        assert!(parse(&format!("proxy:\n  {line}\n")).unwrap().validate().is_err(), "{line}");
    }
}

#[test]
fn the_shipped_example_is_read() {
    let example = include_str!("../../../noroshi.example.yaml");
    let config: Config = ::config::section::parse("proxy", example, "noroshi.example.yaml").unwrap();
    assert_eq!(config.names, ["hub.example.org"]);
}
