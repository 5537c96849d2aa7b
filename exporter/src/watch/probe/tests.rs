use super::*;
use crate::collect::tests::series;
use crate::gateway::tests::server::{HERE, authority, ca, params, self_signed, serve, signed};
use crate::watch::config::tests::watch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn tcp(target: &str) -> Probe {
    let config = watch(&format!("    tcp: [{{name: p, target: '{target}'}}]\n")).unwrap();
    Probe::Tcp(config.tcp.into_vec().remove(0))
}

/// A probe of a page, with more `settings` than its URL.
fn http(url: &str, settings: &str) -> Probe {
    let config = watch(&format!("    http: [{{name: p, url: '{url}', {settings}}}]\n")).unwrap();
    Probe::Http(config.http.into_vec().remove(0))
}

async fn page(probe: Probe) -> String {
    let reply = probe.look(&Trusts::default()).await;
    write(&[probe], &[reply], Some("b")).unwrap().to_string()
}

/// The value of the only series of `name`.
fn value(page: &str, name: &str) -> f64 {
    let lines = series(page, name);
    assert_eq!(lines.len(), 1, "{page}");
    lines[0].rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Why the probe failed; empty if it did not.
fn reason(page: &str) -> String {
    let lines = series(page, "noroshi_exporter_probe_failure");
    assert_eq!(value(page, "probe_success") == 1.0, lines.is_empty(), "{page}");
    let reason = lines.first().and_then(|line| line.split_once("reason=\"")?.1.split_once('"'));
    reason.map(|(reason, _)| reason.to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_port_takes_a_connection_or_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let open = page(tcp(&target)).await;
    assert_eq!(reason(&open), "");
    assert_eq!(series(&open, "probe_success"), [r#"probe_success{bot="b",module="tcp",probe="p"} 1"#]);
    assert!(!open.contains("probe_http"), "{open}");

    drop(listener);
    assert_eq!(reason(&page(tcp(&target)).await), "connect");
    assert_eq!(reason(&page(tcp("no-such-host.invalid:1")).await), "resolve");
}

#[tokio::test]
async fn a_page_is_told_with_its_status_and_phases() {
    let (port, served) = serve(HELLO, None).await;
    let page = page(http(&format!("http://127.0.0.1:{port}/a?b"), "body: ell")).await;
    assert_eq!(reason(&page), "");
    assert_eq!(value(&page, "probe_http_status_code"), 200.0);
    assert_eq!(series(&page, "probe_http_duration_seconds").len(), 5);
    assert!(!page.contains("probe_ssl"), "{page}");
    let request = served.await.unwrap();
    assert!(request.starts_with("GET /a?b HTTP/1.1\r\n") && request.contains(&format!("host: 127.0.0.1:{port}\r\n")));
}

#[tokio::test]
async fn a_status_or_a_text_that_is_not_expected_is_a_failure() {
    for (answer, settings, expected) in [
        (HELLO, "status: [200]", ""),
        (HELLO, "status: [404]", "status"),
        (HELLO, "body: bye", "body"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status: [404]", ""),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "", "status"),
        ("HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "", "status"),
        ("HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "status: [301]", ""),
        ("SSH-2.0-OpenSSH\r\n", "", "protocol"),
        ("", "", "protocol"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "", "protocol"),
    ] {
        let (port, served) = serve(answer, None).await;
        let page = page(http(&format!("http://127.0.0.1:{port}/"), settings)).await;
        assert_eq!(reason(&page), expected, "{answer:?} {settings}");
        served.await.unwrap();
    }
}

#[tokio::test]
async fn a_redirect_is_followed_as_often_as_it_may_be() {
    let (last, served) = serve(HELLO, None).await;
    let moved = |to: String| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let (first, _) = serve(moved(format!("http://127.0.0.1:{last}/there")), None).await;
    let followed = page(http(&format!("http://127.0.0.1:{first}/"), "redirects: 1, body: hello")).await;
    assert_eq!(reason(&followed), "");
    assert!(served.await.unwrap().starts_with("GET /there "));

    for (to, redirects) in [("http://127.0.0.1:1/", 0), ("gopher://h/", 1)] {
        let (port, _) = serve(moved(to.to_owned()), None).await;
        let page = page(http(&format!("http://127.0.0.1:{port}/"), &format!("redirects: {redirects}"))).await;
        assert_eq!(reason(&page), if redirects == 0 { "status" } else { "redirect" });
    }
    let (second, _) = serve(moved("/".to_owned()), None).await;
    let (first, _) = serve(moved(format!("http://127.0.0.1:{second}/")), None).await;
    assert_eq!(reason(&page(http(&format!("http://127.0.0.1:{first}/"), "redirects: 1")).await), "redirect");
}

#[tokio::test]
async fn an_encrypted_page_tells_when_its_certificate_ends() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let ca = ca("noroshi");
    std::fs::write(&file, ca.pem()).unwrap();
    let pinned = format!("ca_file: '{}'", file.display());
    let mut short = params(&HERE);
    short.not_after = rcgen::date_time_ymd(2021, 6, 1);
    let elsewhere = params(&["elsewhere.example.org"]);
    const IN_2100: f64 = 4_102_444_800.0;
    const IN_2021: f64 = 1_622_505_600.0;
    for (tls, settings, expected, expiry) in [
        (signed(&params(&HERE), &ca), pinned.as_str(), "", IN_2100),
        // What has expired is no success, and yet tells when it did.
        (signed(&short, &ca), &pinned, "tls", IN_2021),
        (signed(&short, &ca), "insecure: true", "", IN_2021),
        (signed(&elsewhere, &ca), &pinned, "tls", IN_2100),
        (self_signed(&authority(params(&HERE), "other")).0, &pinned, "tls", IN_2100),
    ] {
        let (port, _) = serve(HELLO, Some(tls)).await;
        let page = page(http(&format!("https://127.0.0.1:{port}/"), settings)).await;
        assert_eq!(reason(&page), expected, "{settings}");
        assert_eq!(value(&page, "probe_ssl_earliest_cert_expiry"), expiry);
    }
}

#[tokio::test]
async fn a_redirect_out_of_encryption_is_not_followed() {
    let (plain, _) = serve(HELLO, None).await;
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{plain}/\r\nContent-Length: 0\r\n\r\n");
    let (port, _) = serve(moved, Some(self_signed(&params(&HERE)).0)).await;
    let page = page(http(&format!("https://127.0.0.1:{port}/"), "insecure: true, redirects: 5")).await;
    assert_eq!(reason(&page), "redirect");
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_our_own_trouble() {
    let (port, _served) = serve(HELLO, Some(self_signed(&params(&HERE)).0)).await;
    let probe = http(&format!("https://127.0.0.1:{port}/"), "ca_file: /nowhere/ca.pem");
    let warning = probe.look(&Trusts::default()).await.warning.unwrap();
    assert!(
        warning.starts_with("cannot read the certificates in /nowhere/ca.pem (ca_file of the watch): "),
        "{warning}"
    );
}

#[tokio::test]
async fn a_page_that_never_begins_or_never_ends_fails_in_time() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nX: "] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // On a busy machine the probe may have given up by now.
            let _ = stream.read_buf(&mut Vec::new()).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            // Holds the connection until the probe hangs up.
            while stream.read_buf(&mut Vec::new()).await.is_ok_and(|count| count > 0) {}
        });
        let page = page(http(&format!("http://127.0.0.1:{port}/"), "timeout: 100ms")).await;
        assert_eq!(reason(&page), "timeout", "{answer:?}");
        assert!(value(&page, "probe_duration_seconds") >= 0.1);
        served.await.unwrap();
    }
}

#[tokio::test]
async fn of_an_endless_page_the_beginning_is_enough() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await.unwrap();
        let mut sent = 0_usize;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {
            sent += 65536;
        }
        sent
    });
    assert_eq!(reason(&page(http(&format!("http://127.0.0.1:{port}/"), "body: hello")).await), "");
    assert!(served.await.unwrap() < 64 * 1024 * 1024);
}
