//! `noroshi silence` against the real Alertmanager.

use e2e::world::{Ended, Launch, World, run};
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

async fn noroshi(world: &World, words: &[&str]) -> Ended {
    let launch = Launch::with(["silence"].iter().chain(words).copied());
    run(
        "noroshi",
        launch.env("NOROSHI_ALERTMANAGER_URL", world.alertmanager_url()).env("USER", "tester").env("TZ", "UTC"),
    )
    .await
}

async fn fires(world: &World, name: &str, host: &str) {
    let ends = Timestamp::now() + 1.hour();
    world.alerts(&json!([{ "labels": { "alertname": name, "instance": host, "job": "host", "severity": "warning" }, "endsAt": ends }])).await;
}

#[tokio::test]
async fn a_silenced_host_is_not_told_of_until_the_silence_ends() {
    let world = World::alerting().await;
    let begun = noroshi(&world, &["web-1", "10m", "--comment", "kernel update"]).await;
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    assert!(begun.stdout.starts_with("web-1 is silent until "), "{}", begun.stdout);
    assert!(begun.stdout.contains("no such alert fires at the moment"), "{}", begun.stdout);

    fires(&world, "HostHighCPU", "web-1").await;
    fires(&world, "HostHighCPU", "web-2").await;
    let message = world.next_message().await;
    assert!(message.text().contains("web-2") && !message.text().contains("web-1"), "{}", message.text());
    world.stays_quiet(2).await;

    let list = noroshi(&world, &["list"]).await;
    assert!(list.stdout.contains("active") && list.stdout.contains(r#"instance="web-1""#), "{}", list.stdout);
    assert!(list.stdout.contains("tester") && list.stdout.contains("kernel update"), "{}", list.stdout);

    let ended = noroshi(&world, &["end", "web-1"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let message = world.next_message().await;
    assert!(message.text().contains("web-1"), "{}", message.text());
    assert_eq!(noroshi(&world, &["list"]).await.stdout, "nothing is silenced\n");
    assert!(noroshi(&world, &["list", "--all"]).await.stdout.contains("over"));
}

#[tokio::test]
async fn a_script_gets_an_id_and_exit_codes_that_mean_something() {
    let world = World::alerting().await;
    fires(&world, "HostDown", "db-1").await;
    world.next_message().await;

    let id = noroshi(&world, &["-q", "1h", "--matcher", "alertname=~\"Host.*\"", "--matcher", "instance=db-1"]).await;
    assert_eq!(id.code, Some(0), "{}", id.stderr);
    let id = id.stdout.trim_end();
    assert_eq!(id.len(), 36, "{id}");
    let again = noroshi(&world, &["db-1", "--until", "23:59", "--language", "ja"]).await;
    assert!(again.stdout.contains("現在止めているアラート: HostDown"), "{}{}", again.stdout, again.stderr);
    assert_eq!(noroshi(&world, &["end", &id[..8]]).await.code, Some(0));

    let unknown = noroshi(&world, &["end", "web-9"]).await;
    assert_eq!(unknown.code, Some(1));
    assert_eq!(
        unknown.stderr,
        "error: no silence is or concerns `web-9`; `noroshi silence list` shows which there are\n"
    );
    let broken = noroshi(&world, &["1h", "--matcher", "instance=~("]).await;
    assert_eq!(broken.code, Some(1));
    assert!(broken.stderr.starts_with("error: Alertmanager refused: "), "{}", broken.stderr);
    assert_eq!(noroshi(&world, &["db-1"]).await.code, Some(2));
    assert_eq!(noroshi(&world, &["db-1", "soon"]).await.code, Some(2));
    let nowhere = Launch::with(["silence", "list", "--alertmanager", "http://127.0.0.1:1"]);
    let nowhere = run("noroshi", nowhere).await;
    assert_eq!(nowhere.code, Some(1));
    assert!(
        nowhere.stderr.starts_with("error: Alertmanager at http://127.0.0.1:1 cannot be reached; is it running"),
        "{}",
        nowhere.stderr
    );
}
