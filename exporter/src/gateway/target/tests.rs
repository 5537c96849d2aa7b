use super::*;

fn url(text: &str) -> Result<GatewayUrl, InvalidUrl> {
    GatewayUrl::try_from(text.to_owned())
}

fn target(text: &str, job: Option<&str>, instance: &str) -> String {
    let job = Choice { configured: job.map(str::to_owned), fallback: "host".into() };
    let instance = Choice { configured: None, fallback: instance.to_owned() };
    url(text).unwrap().target(&job, &instance).to_string()
}

#[test]
fn a_url_without_a_path_gets_the_group_of_this_host() {
    for text in ["https://gate:9443", "https://gate:9443/", " https://gate:9443\n"] {
        assert_eq!(target(text, None, "web-1"), "https://gate:9443/metrics/job/host/instance/web-1");
    }
    assert_eq!(target("https://gate", Some("web"), "web-1"), "https://gate:443/metrics/job/web/instance/web-1");
    assert_eq!(target("http://[::1]:9091", None, "a"), "http://[::1]:9091/metrics/job/host/instance/a");
}

#[test]
fn a_group_in_the_url_is_used_as_it_is_written() {
    for (text, path) in [
        ("https://gate/metrics/job/bot", "/metrics/job/bot/instance/web-1"),
        ("https://gate/metrics/job/bot/", "/metrics/job/bot/instance/web-1"),
        ("https://gate/metrics/job/bot/team/a%20b", "/metrics/job/bot/team/a%20b/instance/web-1"),
        ("https://gate/metrics/job/bot/instance/x/team/a", "/metrics/job/bot/instance/x/team/a"),
        ("https://gate/metrics/job/bot/instance@base64/eC95", "/metrics/job/bot/instance@base64/eC95"),
        ("https://gate/metrics/job@base64/eC95", "/metrics/job@base64/eC95/instance/web-1"),
        ("https://gate/push/er/metrics/job/bot", "/push/er/metrics/job/bot/instance/web-1"),
        ("https://gate/metrics/job@base64/eA==/a@base64/=", "/metrics/job@base64/eA==/a@base64/=/instance/web-1"),
        ("https://gate/metrics/job/%E6%9D%B1%E4%BA%AC", "/metrics/job/%E6%9D%B1%E4%BA%AC/instance/web-1"),
        ("https://gate/metrics/job/instance", "/metrics/job/instance/instance/web-1"),
    ] {
        assert_eq!(target(text, Some("never"), "web-1"), format!("https://gate:443{path}"), "{text}");
    }
}

#[test]
fn odd_host_names_reach_the_gateway_unharmed() {
    for (name, written) in [
        ("web-1.example.org", "instance/web-1.example.org"),
        ("a b", "instance/a%20b"),
        ("東京", "instance/%E6%9D%B1%E4%BA%AC"),
        ("100%?#", "instance/100%25%3F%23"),
        ("a/b", "instance@base64/YS9i"),
        ("", "instance@base64/="),
        ("..", "instance@base64/Li4="),
    ] {
        assert_eq!(target("https://gate", None, name), format!("https://gate:443/metrics/job/host/{written}"));
    }
}

#[test]
fn what_is_no_gateways_url_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", InvalidUrl::Malformed),
        ("gate:9443", InvalidUrl::Scheme),
        ("gate", InvalidUrl::Scheme),
        ("/metrics/job/x", InvalidUrl::Scheme),
        ("ftp://gate/", InvalidUrl::Scheme),
        ("https://", InvalidUrl::Malformed),
        ("https://gate:/", InvalidUrl::Malformed),
        ("https://gate:99999/", InvalidUrl::Malformed),
        ("https://gate:gate/", InvalidUrl::Malformed),
        ("https://gate:+1/", InvalidUrl::Malformed),
        ("https://gate:0/", InvalidUrl::Malformed),
        ("https://ga te/", InvalidUrl::Malformed),
        ("https://prom:x@gate/", InvalidUrl::Userinfo),
        ("https://prom@gate/", InvalidUrl::Userinfo),
        ("https://gate/?a=b", InvalidUrl::Query),
        ("https://gate/#a", InvalidUrl::Query),
        ("https://gate/metrics", InvalidUrl::Path),
        ("https://gate/api/v1/push", InvalidUrl::Path),
        ("https://gate/metrics/jobs/x", InvalidUrl::Path),
        ("https://gate/metrics/job", InvalidUrl::NoJob),
        ("https://gate/metrics/job/", InvalidUrl::NoJob),
        ("https://gate/metrics/job//", InvalidUrl::NoJob),
        ("https://gate/metrics/job@base64/=", InvalidUrl::NoJob),
        ("https://gate/metrics/job/a%FF", InvalidUrl::Value),
        ("https://gate/metrics/job@base64/!!!", InvalidUrl::Value),
        ("https://gate/metrics/job/a/b@base64/_w==", InvalidUrl::Value),
        ("https://gate/metrics/job/a/b", InvalidUrl::Pairs),
        ("https://gate/metrics/job/a/b/", InvalidUrl::Pairs),
        ("https://gate/metrics/job/a//b", InvalidUrl::Pairs),
        ("https://gate/metrics/job/a/b-c/d", InvalidUrl::Label),
        ("https://gate/metrics/job/a/__x/d", InvalidUrl::Label),
        ("https://gate/metrics/job/a%2", InvalidUrl::Percent),
        ("https://gate/metrics/job/a%zz", InvalidUrl::Percent),
    ] {
        assert_eq!(url(text), Err(reason), "{text}");
    }
}

#[test]
fn only_this_machine_is_this_machine() {
    let is_loopback = |text: &str| {
        let open = || Choice { configured: None, fallback: "x".into() };
        url(text).unwrap().target(&open(), &open()).server.is_loopback()
    };
    assert!(
        ["http://localhost", "http://127.0.0.1:1", "http://[::1]", "http://127.8.9.1"].into_iter().all(is_loopback)
    );
    assert!(
        !["http://gate", "http://localhost.example.org", "http://10.0.0.1", "http://0.0.0.0"]
            .into_iter()
            .any(is_loopback)
    );
}
