//! Who may push, and what: the same checks on our proxy and on the real nginx with `nginx/pushgateway.conf`.
//!
//! Where the two differ on purpose, the check says so.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test; clippy sees only functions with #[test] as tests"
)]

use std::net::Ipv4Addr;

use base64::prelude::{BASE64_STANDARD, Engine};
use e2e::world::{Authority, Framing, Front, PASSWORD, USER, Validity, World, knock, run};
use serde::Deserialize;

/// Makes each check a test of both fronts.
macro_rules! on_both_fronts {
    ($($check:ident),+ $(,)?) => {
        mod proxy { $(#[tokio::test] async fn $check() { super::$check(super::Front::Proxy).await; })+ }
        mod nginx { $(#[tokio::test] async fn $check() { super::$check(super::Front::Nginx).await; })+ }
    };
}

on_both_fronts!(
    a_push_is_stored_under_its_group,
    post_merges_put_replaces_and_delete_removes,
    without_the_right_password_the_answer_is_401,
    a_source_outside_the_allowlist_is_refused_even_with_the_password,
    neither_a_nul_nor_an_odd_header_makes_a_password_right,
    a_head_that_two_could_read_in_two_ways_is_refused,
    limits_hold_before_anybody_asks_who_it_is,
    old_tls_is_not_spoken,
    a_second_request_is_asked_for_its_own_password,
    a_user_who_is_added_may_push_and_one_who_is_removed_may_not,
    five_hundred_sleepers_keep_nobody_out,
    nothing_but_pushing_can_be_reached,
    each_malformed_body_gets_the_very_answer_of_the_pushgateway,
    an_empty_body_is_a_push_and_one_beyond_the_limit_is_refused,
    a_body_that_was_cut_off_is_not_stored,
    an_authority_that_is_not_pinned_is_not_trusted,
    without_the_pushgateway_the_answer_is_502_until_it_is_back,
    the_exporter_pushes_silently_and_says_why_when_it_cannot,
);

const GROUP: &str = "/metrics/job/host/instance/web-1";

async fn a_push_is_stored_under_its_group(front: Front) {
    let world = World::gate(front).await;

    let reply = world.knock(&world.push(GROUP)).await.unwrap();

    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    let stored = world.pushed().await;
    assert!(stored.contains(r#"e2e_sample{instance="web-1",job="host"} 1"#), "{stored}");
    assert!(stored.contains(r#"push_time_seconds{instance="web-1",job="host"}"#), "{stored}");
}

async fn post_merges_put_replaces_and_delete_removes(front: Front) {
    let world = World::gate(front).await;
    let push = world.push(GROUP);

    world.knock(&push).await.unwrap();
    world.knock(&push.clone().method("POST").body("e2e_second 2\n")).await.unwrap();
    let stored = world.pushed().await;
    assert!(stored.contains("e2e_sample{") && stored.contains("e2e_second{"), "{stored}");

    world.knock(&push.clone().body("e2e_third 3\n")).await.unwrap();
    let stored = world.pushed().await;
    assert!(!stored.contains("e2e_sample{") && !stored.contains("e2e_second{") && stored.contains("e2e_third{"));

    assert_eq!(world.knock(&push.method("DELETE").body("")).await.unwrap().status, 202);
    world.eventually("the group to go", async || (!world.pushed().await.contains("web-1")).then_some(())).await;
}

async fn without_the_right_password_the_answer_is_401(front: Front) {
    let world = World::gate(front).await;
    let push = world.push(GROUP);
    let cut = &PASSWORD[..PASSWORD.len() - 1];
    for login in [
        None,
        Some((USER, "wrong")),
        Some(("nobody", PASSWORD)),
        Some((USER, "")),
        Some((USER, cut)),
        Some(("", PASSWORD)),
    ] {
        let reply = world.knock(&push.clone().login(login)).await.unwrap();

        assert_eq!(reply.status, 401, "{login:?}: {reply:?}");
        assert!(reply.head.to_lowercase().contains("www-authenticate: basic realm="), "{reply:?}");
        assert!(!reply.body.contains('<') && reply.body.lines().count() == 1, "one plain line: {reply:?}");
    }
    for authorization in ["Basic", "Basic !!!", "Bearer token", "Basic cHJvbQ=="] {
        let reply = world.knock(&push.clone().login(None).header("Authorization", authorization)).await.unwrap();
        assert_eq!(reply.status, 401, "{authorization}: {reply:?}");
    }
    assert!(!world.pushed().await.contains("e2e_sample"));
}

async fn a_source_outside_the_allowlist_is_refused_even_with_the_password(front: Front) {
    let world = World::gate(front).await;
    let mut push = world.push(GROUP).header("X-Forwarded-For", "127.0.0.1").header("X-Real-IP", "127.0.0.1");
    push.from = Ipv4Addr::new(127, 0, 0, 2);

    for login in [Some((USER, PASSWORD)), Some((USER, "wrong")), None] {
        let reply = world.knock(&push.clone().login(login)).await;
        match front {
            // Before a word of TLS: the alert that its client shows costs us no handshake.
            Front::Proxy => {
                assert!(reply.as_ref().is_err_and(|error| error.to_string().contains("AccessDenied")), "{reply:?}");
            }
            Front::Nginx => {
                let reply = reply.unwrap();
                assert!(reply.status == 403 && reply.body.contains("allowlist"), "{reply:?}");
            }
        }
    }
    assert!(!world.pushed().await.contains("e2e_sample"));
}

async fn nothing_but_pushing_can_be_reached(front: Front) {
    let world = World::gate(front).await;
    for path in [
        "/",
        "/metrics",
        "/metrics/",
        "/metrics/jobs/a",
        "/api/v1/metrics",
        "/-/quit",
        "/-/healthy",
        "/static/x",
        "/debug/pprof/",
    ] {
        let reply = world.knock(&world.push(path)).await.unwrap();
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
    }
    // Our proxy says that such a path is not understood, nginx resolves it and finds nothing there.
    for path in ["/metrics/job/a/../../../api/v1/admin/wipe", "/metrics/job/%2e%2e/%2e%2e/-/quit", "//metrics/job/a"] {
        let reply = world.knock(&world.push(path)).await.unwrap();
        assert!([400, 404].contains(&reply.status), "{path}: {reply:?}");
    }
    for method in ["GET", "PATCH"] {
        let reply = world.knock(&world.push(GROUP).method(method)).await.unwrap();
        assert_eq!(reply.status, 405, "{method}: {reply:?}");
    }
    assert!(!world.pushed().await.contains("e2e_sample"));
}

#[derive(Deserialize)]
struct Malformed {
    cases: Vec<MalformedCase>,
}

#[derive(Deserialize)]
struct MalformedCase {
    name: String,
    body: Option<String>,
    body_b64: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    status: u16,
    error: String,
}

/// Bodies that a Pushgateway 1.5.1 keeps although half of them is missing. Our proxy keeps none of these out of tolerance.
const CUT_OFF: [&str; 4] = [
    "gzip, cut in the data",
    "gzip, cut in the trailer (1.5.1 accepts: bug)",
    "gzip, bad CRC (1.5.1 accepts: bug)",
    "pb: cut length (1.5.1 accepts: bug)",
];

const INCONSISTENT: &str = "pushed metrics are invalid or inconsistent with existing metrics: ";

async fn each_malformed_body_gets_the_very_answer_of_the_pushgateway(front: Front) {
    let world = World::gate(front).await;
    let Malformed { cases } = serde_json::from_str(include_str!("../testdata/malformed.json")).unwrap();
    assert_eq!(cases.len(), 155);

    let mut wrong = Vec::new();
    for case in cases {
        let body = case.body.map_or_else(|| BASE64_STANDARD.decode(case.body_b64.unwrap()).unwrap(), Into::into);
        let mut push = world.push("/metrics/job/mal").method("POST").body(body);
        for (name, value) in [("Content-Type", case.content_type), ("Content-Encoding", case.content_encoding)] {
            if let Some(value) = value {
                push = push.header(name, &value);
            }
        }
        let reply = world.knock(&push).await.unwrap();
        // What follows in the words on inconsistent pushes depends on the order of a Go map.
        let known = if case.error.starts_with(INCONSISTENT) { INCONSISTENT } else { &case.error };
        if front == Front::Proxy && CUT_OFF.contains(&case.name.as_str()) {
            assert_eq!(reply.status, 400, "{}: {reply:?}", case.name);
        } else if reply.status != case.status
            || !reply.body.starts_with(known)
            || known.is_empty() != reply.body.is_empty()
        {
            wrong.push(format!(
                "{}: {} {:?}, not {} {:?}",
                case.name, reply.status, reply.body, case.status, case.error
            ));
        }
        // Each body meets an empty Pushgateway, as it did when its answer was recorded.
        world.knock(&push.method("DELETE").body("")).await.unwrap();
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

async fn neither_a_nul_nor_an_odd_header_makes_a_password_right(front: Front) {
    let world = World::gate(front).await;
    let push = world.push(GROUP).login(None);
    let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    let good = basic(&format!("{USER}:{PASSWORD}"));
    for value in [good.replace("Basic", "BASIC"), good.replace("Basic ", "Basic  "), good.replace('=', "")] {
        let reply = world.knock(&push.clone().header("Authorization", &value)).await.unwrap();
        assert_eq!(reply.status, 200, "{value}: {reply:?}");
    }
    // nginx hands the password to C, where a NUL ends it: there it is the right one.
    let nul = basic(&format!("{USER}:{PASSWORD}\0x"));
    let expected = if front == Front::Proxy { 401 } else { 200 };
    assert_eq!(world.knock(&push.clone().header("Authorization", &nul)).await.unwrap().status, expected);
    let twice = push.header("Authorization", &basic("a:b")).header("Authorization", &good);
    assert_eq!(world.knock(&twice).await.unwrap().status, 400);
}

async fn a_head_that_two_could_read_in_two_ways_is_refused(front: Front) {
    let world = World::gate(front).await;
    let push = world.push(GROUP).body("m 1\n");
    for (name, value) in [
        ("Content-Length", "5"),
        ("Transfer-Encoding", "gzip, chunked"),
        ("Transfer-Encoding", "xchunked"),
        ("Host", "other"),
        ("X-Nul", "a\0b"),
        ("Blank-Before ", "the colon"),
        ("X-Folded", "a\r\n b"),
    ] {
        let reply = world.knock(&push.clone().header(name, value)).await.unwrap();
        assert!([400, 501].contains(&reply.status), "{name}: {value}: {reply:?}");
    }
    let both = world.knock(&push.header("Transfer-Encoding", "chunked").body("4\r\nm 1\n\r\n0\r\n\r\n")).await.unwrap();
    assert_eq!(both.status, 400, "{both:?}");
    for path in ["/metrics/job/a%00b", "/metrics/job/a%zz", "/metrics/job/a\u{1}b", "/metrics/job/a b"] {
        let reply = world.knock(&world.push(path)).await.unwrap();
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
    }
    assert!(!world.pushed().await.contains("job=\"a"));
}

async fn limits_hold_before_anybody_asks_who_it_is(front: Front) {
    let world = World::gate(front).await;
    let stranger = world.push(GROUP).login(Some((USER, "wrong")));
    let reply = world.knock(&stranger.clone().header("X-Large", &"a".repeat(40_000))).await.unwrap();
    assert!([400, 431].contains(&reply.status), "{reply:?}");
    let mut many = stranger.clone();
    for number in 0..1000 {
        many = many.header(&format!("X-{number}"), &"a".repeat(100));
    }
    let reply = world.knock(&many).await.unwrap();
    assert!([400, 431].contains(&reply.status), "{reply:?}");
    let long = world.push(&format!("/metrics/job/sec/x/{}", "a".repeat(9000)));
    assert_eq!(world.knock(&long).await.unwrap().status, 414);
    // Whoever announces much is not asked to send it: nginx looks at the length first, ours at the password.
    let promise = stranger.header("Expect", "100-continue").framing(Framing::CutOff(1 << 40));
    let reply = world.knock(&promise).await.unwrap();
    assert!([401, 413].contains(&reply.status) && !reply.head.contains(" 100 "), "{reply:?}");
}

async fn old_tls_is_not_spoken(front: Front) {
    let world = World::gate(front).await;
    let gate = world.gate_address().to_string();
    for (version, accepted) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let mut openssl = tokio::process::Command::new("openssl");
        openssl.args(["s_client", "-connect", &gate, version]).kill_on_drop(true);
        if version != "-tls1_3" {
            openssl.args(["-cipher", "DEFAULT@SECLEVEL=0"]);
        }
        let output = openssl.stdin(std::process::Stdio::null()).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.contains("Cipher is ") && !said.contains("Cipher is (NONE)"), accepted, "{version}: {said}");
    }
}

async fn a_second_request_is_asked_for_its_own_password(front: Front) {
    let world = World::gate(front).await;
    let statuses =
        world.knock_twice(&world.push(GROUP), &world.push("/metrics/job/smuggled").login(None)).await.unwrap();
    assert_eq!(statuses, [200, 401]);
    assert!(!world.pushed().await.contains("smuggled"));
}

async fn a_user_who_is_added_may_push_and_one_who_is_removed_may_not(front: Front) {
    let world = World::gate(front).await;
    let push = world.push(GROUP);
    assert_eq!(world.knock(&push).await.unwrap().status, 200);
    let file = world.folder().join("htpasswd");
    let line = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, line.replacen(USER, "other", 1)).unwrap();

    let now = push.clone().login(Some(("other", PASSWORD)));
    let may_push = async || (world.knock(&now).await.ok()?.status == 200).then_some(());
    world.eventually("the new user to be known", may_push).await;

    assert_eq!(world.knock(&push).await.unwrap().status, 401, "remembered, and yet gone");
}

async fn five_hundred_sleepers_keep_nobody_out(front: Front) {
    let world = World::gate(front).await;
    let mut sleepers = Vec::new();
    for _ in 0..500 {
        sleepers.push(tokio::net::TcpStream::connect(world.gate_address()).await.unwrap());
    }
    assert_eq!(world.knock(&world.push(GROUP)).await.unwrap().status, 200);
}

async fn an_empty_body_is_a_push_and_one_beyond_the_limit_is_refused(front: Front) {
    let world = World::gate(front).await;
    assert_eq!(world.knock(&world.push(GROUP).body("")).await.unwrap().status, 200);
    assert!(world.pushed().await.contains(r#"push_time_seconds{instance="web-1",job="host"}"#));

    let large: String = (0..40_000).map(|number| format!("e2e_large{{number=\"{number}\"}} 1\n")).collect();
    let reply = world.knock(&world.push("/metrics/job/large").body(large)).await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");

    let comment = format!("# {}\n", "x".repeat(16 * 1024 * 1024));
    let reply = world.knock(&world.push("/metrics/job/huge").body(comment)).await.unwrap();
    assert_eq!(reply.status, 413, "{reply:?}");
    // Known from the head alone: nobody has to send, or hold, all of it.
    let promise = world.push("/metrics/job/huge").framing(Framing::CutOff(1 << 40));
    assert_eq!(world.knock(&promise).await.unwrap().status, 413);
    assert!(!world.pushed().await.contains("huge"));
}

async fn a_body_that_was_cut_off_is_not_stored(front: Front) {
    let world = World::gate(front).await;
    // Both end at a line end, so the Pushgateway itself would take them for whole.
    let push = world.push(GROUP).body("e2e_sample 1\ne2e_other 2\n");
    for framing in [Framing::CutOff(40), Framing::CutOffChunks] {
        // 400, or a closed connection: there is nobody left to tell.
        if let Ok(reply) = world.knock(&push.clone().framing(framing)).await {
            assert_eq!(reply.status, 400, "{framing:?}: {reply:?}");
        }
    }
    // Half a push would be seen at once, or as soon as a broken connection is noticed.
    world.stays_quiet(1).await;
    assert!(!world.pushed().await.contains("e2e_sample"));
    world.knock(&push).await.unwrap();
    assert!(world.pushed().await.contains("e2e_sample"), "the same bytes, whole");
}

async fn an_authority_that_is_not_pinned_is_not_trusted(front: Front) {
    let world = World::gate(front).await;
    let other = world.folder().join("other");
    Authority::found().issue(&other, Validity::Current);

    let ended = run(
        "noroshi-exporter",
        world.host("host", "web-1").cron_line().env("PUSHGATEWAY_CACERT", other.join("ca.pem").display().to_string()),
    )
    .await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_one_error(&ended.stderr, &["certificate"]);
    assert!(knock(world.gate_address(), &other.join("ca.pem"), &world.push(GROUP)).await.is_err());
    assert!(!world.pushed().await.contains("web-1"));
}

async fn without_the_pushgateway_the_answer_is_502_until_it_is_back(front: Front) {
    let world = World::gate(front).await;
    world.knock(&world.push(GROUP)).await.unwrap();
    world.kill("pushgateway");

    let reply = world.knock(&world.push(GROUP)).await.unwrap();
    assert!([502, 503].contains(&reply.status), "{reply:?}");
    assert!(!reply.body.contains('<') && reply.body.to_lowercase().contains("pushgateway"), "{reply:?}");
    let ended = world.host("host", "web-1").push().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_one_error(&ended.stderr, &[&reply.status.to_string()]);

    world.start_pushgateway();
    let pushed = async || (world.knock(&world.push(GROUP)).await.ok()?.status == 200).then_some(());
    world.eventually("pushes to arrive again", pushed).await;
}

async fn the_exporter_pushes_silently_and_says_why_when_it_cannot(front: Front) {
    let world = World::gate(front).await;
    let host = world.host("host", "web-1");

    let ended = host.push().await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    let stored = world.pushed().await;
    assert!(stored.contains("node_uname_info{") && stored.contains(r#"instance="web-1",job="host""#), "{stored}");

    let ended = run("noroshi-exporter", host.cron_line().env("PUSHGATEWAY_PASSWORD", "wrong-5f2c")).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert_one_error(&ended.stderr, &["401", "PUSHGATEWAY_PASSWORD"]);
    assert!(!ended.stderr.contains("wrong-5f2c"), "{ended:?}");
}

/// One line, as cron mails it, that begins with `error: ` and has all these words.
fn assert_one_error(stderr: &str, words: &[&str]) {
    assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr:?}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` is not in {stderr:?}");
    }
}

#[tokio::test]
async fn a_bots_metric_that_the_gateway_refuses_does_not_cost_the_host_its_push() {
    let world = World::gate(Front::Proxy).await;
    // Another host has this name with another type, for which a Pushgateway refuses the whole push.
    let other = world.push("/metrics/job/host/instance/other").body("# TYPE e2e_players counter\ne2e_players 1\n");
    assert_eq!(world.knock(&other).await.unwrap().status, 200);
    let (folder, config) = (world.folder().join("textfile"), world.folder().join("noroshi.yaml"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("players.prom"), "# TYPE e2e_players gauge\ne2e_players 7\n").unwrap();
    std::fs::write(&config, format!("exporter:\n  join:\n    textfile: {}\n", folder.display())).unwrap();

    let cron = world.host("host", "web-1").cron_line().env("NOROSHI_CONFIG", config.display().to_string());
    let ended = run("noroshi-exporter", cron).await;

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("pushed without the joined metrics, because"), "{}", ended.stderr);
    let stored = world.pushed().await;
    assert!(stored.contains(r#"node_load1{instance="web-1",job="host"}"#), "{stored}");
}
