//! A password and a webhook's token are seen by nobody who does not need them.

use base64::prelude::{BASE64_STANDARD, Engine};
use e2e::discord::Fault;
use e2e::world::{PASSWORD, TOKEN, USER, World, run};
use serde_json::json;

#[tokio::test]
async fn no_log_no_file_no_page_and_no_command_line_shows_a_secret() {
    let world = World::whole().await;
    let host = world.host("host", "web-1");
    let mut said = vec![("a good push", host.push().await)];

    // Things that go wrong are where secrets leak: wrong passwords, a Discord that fails, a bridge that is asked in vain.
    let wrong =
        run("noroshi-exporter", host.cron_line().env("PUSHGATEWAY_PASSWORD", format!("{PASSWORD}-wrong"))).await;
    said.push(("a wrong password", wrong));
    world.knock(&world.push("/metrics/job/host").login(Some((PASSWORD, USER)))).await.unwrap();
    world.discord.script([Fault::Status(500), Fault::Drop, Fault::Status(403)]);
    world.alerts(&json!([{ "labels": { "alertname": "Test", "job": "host", "instance": "web-1" } }])).await;
    world.webhook("{").await;
    let reaches_discord = async || (world.discord.requests().len() > 2).then_some(());
    world.eventually("the bridge to have tried", reaches_discord).await;
    let webhook = world.discord.webhook(100_200_300, TOKEN);
    for (what, arguments) in [("a sent message", vec!["send", "hello"]), ("--check", vec!["--check"])] {
        let launch = e2e::world::Launch::with(arguments).env("DISCORD_ALERT_WEBHOOK_URL", &webhook);
        let launch = launch.env("NOROSHI_SPOOL", world.folder().join("spool").display().to_string());
        said.push((what, run("alert-bridge", launch).await));
    }
    world.kill("pushgateway");
    said.push(("a push without a Pushgateway", host.push().await));

    let mut traces = world.traces();
    traces.extend(said.into_iter().map(|(what, ended)| (format!("what {what} said"), ended.stdout + &ended.stderr)));
    traces.push(("the bridge's metrics".to_owned(), world.bridge_metrics().await));
    traces.push(("the proxy's metrics".to_owned(), world.gate_metrics().await));
    assert!(traces.len() > 20, "{} places looked at", traces.len());
    let encoded = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for (place, text) in traces {
        for secret in [PASSWORD, TOKEN, &encoded] {
            assert!(!text.contains(secret), "a secret stands in {place}");
        }
    }
}
