use super::server::serve;
use super::*;
use crate::{Config, Delivery, Exporter};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Pushes once to a server that answers `answer`; returns its URL, what came of it and what was sent.
async fn push(answer: impl Into<Vec<u8>>, credentials: &[(&str, &str)]) -> (String, Result<(), PushError>, String) {
    let (port, served) = serve(answer, None).await;
    let url = format!("http://127.0.0.1:{port}");
    let path = format!("{url}/metrics/job/web/instance/web-1");
    let (user, password) = match credentials {
        [(user, password)] => (*user, *password),
        _ => ("", ""),
    };
    let gateway =
        gateway([("PUSHGATEWAY_URL", path.as_str()), ("PUSHGATEWAY_USER", user), ("PUSHGATEWAY_PASSWORD", password)])
            .unwrap();
    let result = gateway.put("# TYPE up gauge\nup 1\n".to_owned()).await;
    (url, result, served.await.unwrap())
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_push_is_what_a_gateway_expects() {
    let (url, result, request) = push(answer("200 OK", ""), &[("prom", "hunter2")]).await;
    result.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("PUT /metrics/job/web/instance/web-1 HTTP/1.1"));
    let headers: Vec<_> = lines.collect();
    let host = format!("host: {}", url.strip_prefix("http://").unwrap());
    for header in [
        host.as_str(),
        "content-type: text/plain; version=0.0.4",
        "content-length: 21",
        "authorization: Basic cHJvbTpodW50ZXIy",
    ] {
        assert!(headers.contains(&header), "{header} is not in {headers:?}");
    }
    assert_eq!(body, "# TYPE up gauge\nup 1\n");
}

#[tokio::test]
async fn every_yes_is_a_success() {
    // 200 and 202 are Pushgateway's, old and new; VictoriaMetrics says 204.
    for yes in ["200 OK", "202 Accepted", "204 No Content"] {
        push(answer(yes, ""), &[]).await.1.unwrap();
    }
}

#[tokio::test]
async fn an_explanation_that_never_ends_changes_nothing() {
    for (status, said) in [("200 OK", ""), ("401 Unauthorized", "(401): beca; set PUSHGATEWAY_USER")] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gateway = gateway([("PUSHGATEWAY_URL", url.as_str())]).unwrap();
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"up 1\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\nbeca");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream
        };
        let (result, _stream) = tokio::join!(gateway.put("up 1\n".to_owned()), served);
        let text = result.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains(said) && text.is_empty() == said.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_shows_us_our_request_does_not_get_the_password_into_a_log() {
    let echo = "PUT / HTTP/1.1 authorization: Basic cHJvbTpodW50ZXIy";
    for echo in [echo, &echo[..echo.len() - 5]] {
        let (_, result, _) = push(answer("404 Not Found", echo), &[("prom", "hunter2")]).await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains("(404);") && !text.contains("cHJv"), "{text}");
    }
}

#[tokio::test]
async fn each_refusal_says_what_to_look_at() {
    let with = [("prom", "hunter2")];
    for (status, body, credentials, said) in [
        (
            "400 Bad Request",
            "text format parsing error in line 3: x\n",
            &[][..],
            "URL finds fault with the push (400): text format parsing error in line 3: x",
        ),
        (
            "401 Unauthorized",
            "no\n",
            &with[..],
            "URL does not know this user with this password (401): no; check PUSHGATEWAY_USER and PUSHGATEWAY_PASSWORD",
        ),
        (
            "401 Unauthorized",
            "",
            &[],
            "URL asks for a user and a password (401); set PUSHGATEWAY_USER and PUSHGATEWAY_PASSWORD",
        ),
        (
            "403 Forbidden",
            "",
            &[],
            "URL does not let this host push (403); its address must be in the gateway's allowlist",
        ),
        (
            "404 Not Found",
            "<html>x</html>",
            &[],
            "URL takes no push at /metrics/job/web/instance/web-1 (404); check the path in PUSHGATEWAY_URL",
        ),
        (
            "413 Content Too Large",
            "at most 10",
            &[],
            "the push of 21 bytes is more than URL takes (413): at most 10; raise its limit",
        ),
        ("429 Too Many Requests", "", &[], "URL did not take the push (429)"),
        ("500 Internal Server Error", "oh", &[], "URL did not take the push (500): oh"),
        (
            "502 Bad Gateway",
            "connection refused",
            &[],
            "URL is up, but not the Pushgateway behind it (502): connection refused",
        ),
        ("503 Service Unavailable", "", &[], "URL is up, but not the Pushgateway behind it (503)"),
    ] {
        let (url, result, _) = push(answer(status, body), credentials).await;
        assert_eq!(result.unwrap_err().to_string().replace(&url, "URL"), said);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let moved =
        "HTTP/1.1 301 Moved\r\nLocation: https://gate/\x1b[2Jx\r\nContent-Length: 0\r\n\r\n".replace('\x1b', "\t");
    let (url, result, _) = push(moved, &[]).await;
    let text = result.unwrap_err().to_string();
    assert!(text.starts_with(&format!("{url} sends us elsewhere (301), to `https://gate/")), "{text}");
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_read_and_nothing_a_terminal_obeys() {
    let long = format!("HTTP/1.1 500 Oh\r\n\r\nbad\x1b[31m\r\nline\0{}", "x".repeat(1_000_000));
    let (_, result, _) = push(long, &[]).await;
    let text = result.unwrap_err().to_string();
    assert!(text.contains("(500): bad [31m line xxx"), "{text:.100}");
    assert!(text.len() < 1200, "{}", text.len());
}

#[tokio::test]
async fn what_is_no_answer_is_said_to_be_none() {
    for (answer, reason) in [
        (&b""[..], "the connection was closed before one came"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "something else came back; does this port want https://?"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "something else came back; does this port want https://?"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the connection was closed before one came"),
    ] {
        let (url, result, _) = push(answer, &[]).await;
        let text = result.unwrap_err().to_string();
        assert!(text.starts_with(&format!("{url} gave no answer in HTTP: {reason}")), "{text}");
    }
}

#[tokio::test]
async fn a_gateway_that_never_answers_is_given_up() {
    // The listener's queue takes the connection, and nobody ever takes it from there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = Settings { timeout: Duration::from_millis(50).try_into().unwrap(), ..Settings::default() };
    let environment = Environment::from([("PUSHGATEWAY_URL", url.as_str())]);
    let gateway = Gateway::build(&settings, &environment, &mut |_| ()).unwrap();
    let error = gateway.put(String::new()).await.unwrap_err();
    assert!(matches!(error, PushError::TimedOut { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("{url} did not answer within 50ms ")), "{error}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_said_to_refuse() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = gateway([("PUSHGATEWAY_URL", url.as_str())]).unwrap().put(String::new()).await.unwrap_err();
    assert!(matches!(error, PushError::ConnectionRefused { .. }), "{error}");
}

/// Pushes the whole page of this host to a server that answers `status`.
async fn push_page(status: &str, state: &std::path::Path) -> (anyhow::Result<()>, Vec<String>) {
    let (port, served) = serve(answer(status, ""), None).await;
    let url = format!("http://127.0.0.1:{port}");
    let config = Config { state: Some(state.to_owned()), retry_budget: Duration::ZERO.into(), ..Config::default() };
    let mut warnings = Vec::new();
    let exporter = Exporter::build(&config, &Environment::default());
    let environment = Environment::from([("PUSHGATEWAY_URL", url.as_str())]);
    let mut delivery = Delivery::build(&config.delivery(), &environment, &mut |_| ()).unwrap();
    let result = exporter.push(&mut delivery, &mut |warning| warnings.push(warning)).await;
    served.await.unwrap();
    (result, warnings)
}

#[tokio::test]
async fn only_a_push_that_was_taken_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("exporter.json");

    assert!(push_page("503 Service Unavailable", &state).await.0.is_err());
    assert!(!state.exists());

    push_page("200 OK", &state).await.0.unwrap();
    let remembered = std::fs::read(&state).unwrap();

    assert!(push_page("401 Unauthorized", &state).await.0.is_err());
    assert_eq!(std::fs::read(&state).unwrap(), remembered);
}

#[tokio::test]
async fn a_state_that_cannot_be_kept_costs_no_push() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let (result, warnings) = push_page("200 OK", &directory.path().join("file/exporter.json")).await;
    result.unwrap();
    // Once because it cannot be read, once because it cannot be written.
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

/// A bot whose page has a metric that this gateway refuses, and what it refuses it with.
#[tokio::test]
async fn a_page_that_was_taken_without_the_joined_metrics_says_that_they_are_not_in_it() {
    let bot = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let said = format!("join: {{metrics: [{{url: 'http://{}/', bot: music}}]}}", bot.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = bot.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        stream.write_all(answer("200 OK", "players 3\nguilds 4\n").as_bytes()).await.unwrap();
    });
    let gateway = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gateway.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut pages = Vec::new();
        for status in ["400 Bad Request", "200 OK"] {
            let (mut stream, _) = gateway.accept().await.unwrap();
            let mut bytes = Vec::new();
            let request = loop {
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
                let text = String::from_utf8_lossy(&bytes);
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
                if body.is_some() && body == length {
                    break text.into_owned();
                }
            };
            stream.write_all(answer(status, "").as_bytes()).await.unwrap();
            pages.push(request);
        }
        pages
    });
    let folder = tempfile::tempdir().unwrap();
    let text = format!("exporter: {{url: '{url}', state: '{}/state.json', {said}}}\n", folder.path().display());
    let config: Config = ::config::section::parse("exporter", &text, "noroshi.yaml").unwrap();
    let environment = Environment::default();
    let mut delivery = Delivery::build(&config.delivery(), &environment, &mut |_| ()).unwrap();
    let mut warnings = Vec::new();
    let exporter = Exporter::build(&config, &environment);
    exporter.push(&mut delivery, &mut |warning| warnings.push(warning)).await.unwrap();

    let pages = served.await.unwrap();
    let told = |page: &str, name: &str| crate::collect::tests::series(page, &format!("noroshi_exporter_join_{name}"));
    assert!(pages[0].contains("\nplayers{bot=\"music\"} 3\n") && !pages[1].contains("\nplayers"), "{}", pages[1]);
    assert_eq!(told(&pages[0], "success"), [r#"noroshi_exporter_join_success{source="music"} 1"#]);
    assert_eq!(told(&pages[1], "success"), [r#"noroshi_exporter_join_success{source="music"} 0"#]);
    assert_eq!(told(&pages[1], "series"), [r#"noroshi_exporter_join_series{source="music"} 0"#]);
    assert_eq!(told(&pages[1], "left_out_series"), [r#"noroshi_exporter_join_left_out_series{source="music"} 2"#]);
    assert!(warnings.len() == 1 && warnings[0].starts_with("pushed without the joined metrics"), "{warnings:?}");
}
