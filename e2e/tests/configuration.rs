//! What is wrong before anything runs is said in one line: what, where, and what to do.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test; clippy sees only functions with #[test] as tests"
)]

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use e2e::world::{Authority, Ended, Launch, Validity, run};
use tempfile::TempDir;

/// A folder with a certificate and a user, as an operator has it before something goes wrong.
fn folder() -> TempDir {
    let folder = TempDir::with_prefix("noroshi-e2e-").unwrap();
    Authority::found().issue(folder.path(), Validity::Current);
    // `htpasswd -nbB -C 4 prom secret`
    fs::write(folder.path().join("users"), "prom:$2y$04$4R7g8fmB2VHvYOopoQAwVuyR7exIULmBGNyejD.dOxyt.jmVVaC/C\n")
        .unwrap();
    folder
}

async fn proxy(folder: &Path, more: &[&str]) -> Ended {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut arguments: Vec<String> = more.iter().map(|argument| (*argument).to_owned()).collect();
    for (flag, value) in [
        ("--listen", "127.0.0.1:0".to_owned()),
        ("--admin-listen", "127.0.0.1:0".to_owned()),
        ("--cert", file("cert.pem")),
        ("--key", file("key.pem")),
        ("--htpasswd", file("users")),
    ] {
        if !more.contains(&flag) {
            arguments.extend([flag.to_owned(), value]);
        }
    }
    run("pushgateway-proxy", Launch::with(arguments)).await
}

/// The last line on stderr is the error; it has all these words, and the process left with this code.
#[track_caller]
fn assert_refused(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let error = ended.stderr.lines().last().unwrap_or_default();
    assert!(error.starts_with("error: "), "{ended:?}");
    for word in words {
        assert!(error.contains(word), "`{word}` is not in `{error}`");
    }
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[tokio::test]
async fn a_good_configuration_is_checked_and_left_at_that() {
    let folder = folder();
    let ended = proxy(folder.path(), &["--check"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stdout.is_empty());
}

#[tokio::test]
async fn an_expired_certificate_stops_the_proxy_at_its_start() {
    let folder = folder();
    Authority::found().issue(folder.path(), Validity::Expired);
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["cert.pem", "2021"]);
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named() {
    let folder = folder();
    let key = folder.path().join("key.pem");

    fs::remove_file(&key).unwrap();
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["key.pem", "No such file"]);
    fs::create_dir(&key).unwrap();
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["key.pem"]);
    fs::remove_dir(&key).unwrap();
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n").unwrap();
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["key.pem"]);
    fs::write(&key, "").unwrap();
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["key.pem"]);
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused() {
    let (folder, other) = (folder(), TempDir::new().unwrap());
    Authority::found().issue(other.path(), Validity::Current);
    fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["key.pem"]);
}

#[tokio::test]
async fn broken_lines_of_the_password_file_are_named_by_number_and_not_quoted() {
    let folder = folder();
    for (line, users) in [
        (1, "prom\n"),
        (1, "prom:hunter2\n"),
        (2, "# comment\nprom:$apr1$x$hunter2\n"),
        (1, ":$2y$04$4R7g8fmB2VHvYOopoQAwVuyR7exIULmBGNyejD.dOxyt.jmVVaC/C\n"),
        (3, "\n\nprom:$2y$04$hunter2\n"),
    ] {
        fs::write(folder.path().join("users"), users).unwrap();
        let ended = proxy(folder.path(), &[]).await;
        assert_refused(&ended, 78, &["users", &format!("line {line}")]);
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
    fs::write(folder.path().join("users"), "\n# nobody\n").unwrap();
    assert_refused(&proxy(folder.path(), &[]).await, 78, &["users"]);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_to_find_its_holder() {
    let folder = folder();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();

    for flag in ["--listen", "--admin-listen"] {
        assert_refused(&proxy(folder.path(), &[flag, &taken]).await, 1, &[&taken, "in use", "ss -ltnp"]);
        let mut flags = vec!["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let place = flags.iter().position(|known| *known == flag).unwrap();
        flags[place + 1] = &taken;
        assert_refused(&run("alert-bridge", Launch::with(flags)).await, 1, &[&taken, "in use", "ss -ltnp"]);
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_line() {
    let folder = folder();
    let file = folder.path().join("noroshi.yaml");
    let file = file.to_str().unwrap();

    for (program, section) in
        [("noroshi-exporter", "exporter"), ("pushgateway-proxy", "proxy"), ("alert-bridge", "bridge")]
    {
        fs::write(file, format!("# ours\n{section}:\n  colour: red\n")).unwrap();
        let mut arguments = vec!["--config", file];
        if program == "noroshi-exporter" {
            arguments.insert(0, "push");
        }
        assert_refused(&run(program, Launch::with(arguments.clone())).await, 78, &[file, "`colour`", "line 3"]);

        fs::write(file, "exportr:\n  url: x\n").unwrap();
        assert_refused(&run(program, Launch::with(arguments)).await, 78, &[file, "`exportr`", "line 1"]);
    }
}

#[tokio::test]
async fn the_exporter_says_which_variable_is_wrong() {
    let folder = folder();
    let not_pem = folder.path().join("users").display().to_string();
    for (name, value, words) in [
        ("PUSHGATEWAY_URL", "nonsense", &["PUSHGATEWAY_URL", "https://"][..]),
        ("PUSHGATEWAY_URL", "ftp://h/metrics/job/a", &["PUSHGATEWAY_URL"]),
        ("PUSHGATEWAY_URL", "https://localhost:9443/metrics/job/", &["PUSHGATEWAY_URL", "job"]),
        ("PUSHGATEWAY_INSECURE", "maybe", &["PUSHGATEWAY_INSECURE", "true or false"]),
        ("PUSHGATEWAY_CACERT", "/nowhere/ca.pem", &["PUSHGATEWAY_CACERT", "/nowhere/ca.pem"]),
        ("PUSHGATEWAY_CACERT", &not_pem, &["PUSHGATEWAY_CACERT", "PEM"]),
        ("PUSHGATEWAY_PASSWORD_FILE", "/nowhere/password", &["/nowhere/password"]),
        ("PUSHGATEWAY_USER", "prom", &["PUSHGATEWAY_PASSWORD"]),
    ] {
        let ended = run("noroshi-exporter", Launch::with(["push"]).env(name, value)).await;
        assert_refused(&ended, 78, words);
        assert_eq!((ended.stderr.lines().count(), ended.stdout.as_str()), (1, ""), "{ended:?}");
    }
}

#[tokio::test]
async fn a_password_does_not_travel_unencrypted() {
    let launch = Launch::with(["push"]).env("PUSHGATEWAY_URL", "http://hub.example.org/metrics/job/host");
    let launch = launch.env("PUSHGATEWAY_USER", "prom").env("PUSHGATEWAY_PASSWORD", "hunter2");
    let ended = run("noroshi-exporter", launch).await;
    assert_refused(&ended, 78, &["http://hub.example.org", "https"]);
    assert!(!ended.stderr.contains("hunter2"));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_exit_code_1() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let launch = Launch::with(["push"]).env("PUSHGATEWAY_URL", format!("https://{free}/metrics/job/host"));
    let ended = run("noroshi-exporter", launch.env("HOME", "/nonexistent")).await;
    assert_refused(&ended, 1, &[&free.to_string(), "refuses the connection"]);
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2() {
    for (program, flag) in
        [("noroshi-exporter", "--colour"), ("pushgateway-proxy", "--listen=9443"), ("alert-bridge", "--language=xx")]
    {
        let ended = run(program, Launch::with([flag])).await;
        assert_eq!(ended.code, Some(2), "{program}: {ended:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_no_url_is_refused_without_being_quoted() {
    let launch = Launch::with(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let ended =
        run("alert-bridge", launch.env("DISCORD_ALERT_WEBHOOK_URL", "discord.com/api/webhooks/1/hunter2")).await;
    assert_refused(&ended, 78, &["DISCORD_ALERT_WEBHOOK_URL"]);
    assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
}
