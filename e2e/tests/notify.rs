//! What scripts say: through the running bridge, around it, or later, and once in any case.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test; clippy sees only functions with #[test] as tests"
)]

use std::fs;
use std::path::Path;

use e2e::discord::{Discord, Limits, Message};
use e2e::world::{Ended, Launch, TOKEN, World, run};

const PROOF: &str = "e2e-notify-token-1b4f8e";

/// Runs `alert-bridge send` with these arguments and variables, on a machine that has nothing but `spool`.
async fn send(spool: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut launch = Launch::with([&["send", "--spool", &spool.display().to_string()], arguments].concat());
    for (name, value) in variables {
        launch = launch.env(name, *value);
    }
    run("alert-bridge", launch).await
}

fn waiting(spool: &Path) -> usize {
    let files = fs::read_dir(spool)
        .map(|files| files.flatten().filter(|file| file.file_name().to_string_lossy().ends_with(".json")).count());
    files.unwrap_or_default()
}

fn about(messages: &[Message], text: &str) -> usize {
    messages.iter().filter(|message| message.text().contains(text)).count()
}

/// A bridge that asks for a token, with one Discord channel.
async fn world_with_a_token() -> (World, Discord) {
    let discord = Discord::start(Limits::off()).await.unwrap();
    let webhook = discord.webhook(1, TOKEN);
    let world = World::alerting_with(move |folder| {
        let file = |name: &str, text: &str| {
            fs::write(folder.join(name), text).unwrap();
            folder.join(name).display().to_string()
        };
        let (webhook, token) = (file("webhook", &webhook), file("token", PROOF));
        let config = format!("bridge: {{webhook_url_file: {webhook}, notify: {{token_file: {token}}}}}\n");
        fs::write(folder.join("noroshi.yaml"), config).unwrap();
    });
    (world.await, discord)
}

#[tokio::test]
async fn a_note_is_told_once_however_it_is_written_and_however_often_it_is_sent() {
    let (world, discord) = world_with_a_token().await;
    let bearer = format!("Bearer {PROOF}");
    let json = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let form = [("content-type", "application/x-www-form-urlencoded"), ("authorization", bearer.as_str())];

    let said = r#"{"key":"epoch/7","level":"critical","title":"Failover","text":"active site is now oci","fields":{"from":"xserver"}}"#;
    assert_eq!(world.notify(&json, said).await, Some(200));
    assert_eq!(world.notify(&json, said).await, Some(200));
    assert_eq!(world.notify(&form, "key=epoch%2F7&text=again").await, Some(200));
    assert_eq!(world.notify(&form, "level=warning&text=disk+*almost*+full&field=free%3D3GiB").await, Some(200));

    // No proof, the wrong one, nothing to tell, and what is neither.
    assert_eq!(world.notify(&json[..1], said).await, Some(401));
    assert_eq!(world.notify(&[json[0], ("authorization", "Bearer wrong-token-wrong")], said).await, Some(401));
    assert_eq!(world.notify(&json, r#"{"txt":"hello"}"#).await, Some(400));
    assert_eq!(world.notify(&json, "{}").await, Some(400));
    assert_eq!(world.notify(&[("content-type", "text/plain"), json[1]], "hello").await, Some(415));

    let both = async || {
        let messages = discord.messages();
        (about(&messages, "oci") == 1 && about(&messages, "almost") == 1).then_some(messages)
    };
    world.eventually("both notes", both).await;
    world.minutes_pass(2).await;
    let messages = discord.messages();
    assert_eq!((about(&messages, "oci"), about(&messages, "again")), (1, 0));
    assert!(messages.iter().any(|message| message.text().contains(r"\*almost\*")));
}

#[tokio::test]
async fn what_a_script_sends_while_the_bridge_is_away_waits_and_is_told_once() {
    let (world, discord) = world_with_a_token().await;
    let spool = world.folder().join("spool");
    let bridge = world.bridge_url();
    let variables = [("NOROSHI_BRIDGE_URL", bridge.as_str()), ("NOROSHI_BRIDGE_TOKEN", PROOF)];

    let ended = send(&spool, &variables, &["--key", "backup/1", "backup one is done"]).await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    // Told and noted: a bridge that is killed in between tells it once more.
    let noted = async || {
        let queue = world.bridge_metrics().await;
        (discord.messages().len() == 1 && queue.contains(r#"noroshi_bridge_queued{receiver="discord"} 0"#))
            .then_some(())
    };
    world.eventually("the first to be told and noted", noted).await;
    world.kill("alert-bridge");
    for _ in 0..2 {
        let ended = send(&spool, &variables, &["--key", "backup/2", "backup two is done"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.starts_with("kept in ") && ended.stderr.lines().count() == 1, "{ended:?}");
        assert!(!ended.stderr.contains(PROOF), "{ended:?}");
    }
    send(&spool, &variables, &["--level", "warning", "--field", "host=db-1", "and a third"]).await;
    assert_eq!(waiting(&spool), 2);

    // It takes what waits from the same directory by itself.
    world.start_bridge();
    let all = async || {
        let messages = discord.messages();
        ["backup one", "backup two", "a third"].iter().all(|text| about(&messages, text) == 1).then_some(())
    };
    world.eventually("all three", all).await;
    assert_eq!(waiting(&spool), 0);
    // Somebody tries again what has long been told.
    send(&spool, &variables, &["--key", "backup/2", "backup two is done"]).await;
    world.minutes_pass(3).await;
    assert_eq!(about(&discord.messages(), "backup two"), 1);
}

#[tokio::test]
async fn what_waits_goes_out_with_the_next_note_oldest_first() {
    let (world, discord) = world_with_a_token().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let spool = elsewhere.path().join("spool");
    let nowhere = [("NOROSHI_BRIDGE_URL", "http://127.0.0.1:1"), ("NOROSHI_BRIDGE_TOKEN", PROOF)];
    send(&spool, &nowhere, &["first"]).await;
    send(&spool, &nowhere, &["second"]).await;
    assert_eq!(waiting(&spool), 2);

    let bridge = world.bridge_url();
    let there = [("NOROSHI_BRIDGE_URL", bridge.as_str()), ("NOROSHI_BRIDGE_TOKEN", PROOF)];
    let wrong = [("NOROSHI_BRIDGE_URL", bridge.as_str()), ("NOROSHI_BRIDGE_TOKEN", "wrong-token-wrong-token")];
    let ended = send(&spool, &wrong, &["third"]).await;
    assert!(ended.stderr.contains("NOROSHI_BRIDGE_TOKEN") && !ended.stderr.contains("wrong-token"), "{ended:?}");
    assert_eq!(send(&spool, &there, &["fourth"]).await.code, Some(0));

    assert_eq!(waiting(&spool), 0);
    let all = async || {
        let text: String = discord.messages().iter().map(Message::text).collect();
        let places: Option<Vec<usize>> =
            ["first", "second", "third", "fourth"].iter().map(|word| text.find(word)).collect();
        places.filter(|places| places.is_sorted())
    };
    world.eventually("all four in order", all).await;
}

#[tokio::test]
async fn without_a_bridge_the_channel_is_told_directly() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let discord = Discord::start(Limits::default()).await.unwrap();
    let webhook = discord.webhook(1, TOKEN);
    let variables = [("NOROSHI_BRIDGE_URL", "http://127.0.0.1:1"), ("DISCORD_ALERT_WEBHOOK_URL", webhook.as_str())];

    let ended = send(&spool, &variables, &["--level", "error", "--title", "bot died", "see the log"]).await;

    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(about(&discord.messages(), "bot died"), 1);
    assert_eq!(waiting(&spool), 0);
}

#[tokio::test]
async fn with_nowhere_to_send_to_the_operator_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    // A port that nobody has, in a configuration that names no receiver.
    let config = folder.path().join("noroshi.yaml");
    fs::write(&config, "bridge: {listen: '127.0.0.1:1'}\n").unwrap();
    let config = config.display().to_string();
    let ended = send(&folder.path().join("spool"), &[("NOROSHI_CONFIG", &config)], &["hello"]).await;
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(
        ended.stderr.contains("DISCORD_ALERT_WEBHOOK_URL") && ended.stderr.contains("NOROSHI_BRIDGE_URL"),
        "{ended:?}"
    );
    assert_eq!(waiting(&folder.path().join("spool")), 0);
}
