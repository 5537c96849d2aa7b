//! From Alertmanager to Discord, when Discord is slow, strict, full or gone.

use std::time::Duration;

use e2e::discord::{Fault, Message, Scope};
use e2e::world::World;
use serde_json::{Value, json};

fn alert(name: &str, instance: &str) -> Value {
    // An alert without an end of its own is resolved by Alertmanager after five minutes of the world's own time.
    let ends = jiff::Timestamp::now() + Duration::from_secs(3600);
    json!([{
        "endsAt": ends.to_string(),
        "labels": { "alertname": name, "job": "host", "instance": instance, "severity": "warning" },
        "annotations": { "summary": format!("{name} on {instance}"), "description": "said by a test" },
    }])
}

/// One alert under `faults`: what Discord has in the end.
async fn told_under(faults: impl IntoIterator<Item = Fault>) -> Vec<Message> {
    let world = World::alerting().await;
    world.discord.script(faults);

    world.alerts(&alert("DiskAlmostFull", "db-1")).await;

    let message = world.next_message().await;
    assert!(message.text().contains("DiskAlmostFull") && message.text().contains("db-1"), "{}", message.text());
    // Longer than Alertmanager's own retries go on: whatever would come twice has come by then.
    world.minutes_pass(4).await;
    assert_eq!(world.discord.early_retries(), 0, "a rate limit says how long to wait, and it was waited");
    world.discord.messages()
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_and_the_message_comes_once() {
    let wait = Duration::from_secs(1);
    let told = told_under([Fault::RateLimited(Scope::User, wait), Fault::RateLimited(Scope::Shared, wait)]).await;
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn errors_of_discord_are_outlasted_and_the_message_comes_once() {
    let errors = [500, 502, 503, 502, 503, 504].map(Fault::Status);
    assert_eq!(told_under(errors).await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_delivery_costs_nothing() {
    assert_eq!(told_under([Fault::Drop, Fault::Drop, Fault::Slow(Duration::from_secs(1))]).await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_costs_one_copy_at_most() {
    // Webhooks have no idempotency: whether the message was posted cannot be known, so it is posted again.
    let told = told_under([Fault::DropAfter]).await;
    assert!((1..=2).contains(&told.len()), "{}", told.len());
}

#[tokio::test]
async fn a_dead_webhook_is_left_alone_and_what_was_held_back_comes_when_it_lives_again() {
    let world = World::alerting().await;
    world.discord.outage(Some(Fault::Status(404)));

    assert_eq!(world.webhook(include_str!("../testdata/webhook.json")).await, Some(200));
    world.alerts(&alert("DiskAlmostFull", "db-1")).await;
    world.minutes_pass(2).await;
    // Discord bans those who go on asking.
    assert_eq!(world.discord.requests().len(), 1);
    let metrics = world.bridge_metrics().await;
    assert!(metrics.contains("noroshi_bridge_receiver_dead{receiver=\"discord\"} 1"), "{metrics}");

    // What the log tells the operator to do: mend the webhook, start again.
    world.discord.outage(None);
    world.kill("alert-bridge");
    world.start_bridge();
    world.next_message().await;
    world.all_is_told().await;
    let told: String = world.discord.messages().iter().map(Message::text).collect();
    assert!(told.contains("DiskAlmostFull"), "{told}");
    world.minutes_pass(4).await;
    assert!(world.discord.messages().len() <= 2, "{:#?}", world.discord.messages());
}

#[tokio::test]
async fn a_burst_beyond_the_rate_limit_arrives_whole() {
    let world = World::alerting().await;
    let hosts: Vec<_> = (0..12).map(|number| format!("web-{number:02}")).collect();
    let alerts = hosts.iter().flat_map(|host| alert("HostDown", host).as_array().cloned().unwrap_or_default());

    // One group for each host, all at once, where Discord takes five messages in two seconds.
    world.alerts(&alerts.collect()).await;

    let all_told = async || {
        let told: String = world.discord.messages().iter().map(Message::text).collect();
        hosts.iter().all(|host| told.contains(host.as_str())).then_some(())
    };
    world.eventually("a word about each host", all_told).await;
    world.minutes_pass(4).await;
    let told: Vec<_> = world.discord.messages().iter().map(Message::text).collect();
    for host in &hosts {
        assert_eq!(told.iter().filter(|text| text.contains(host.as_str())).count(), 1, "{host}: {told:#?}");
    }
    assert!(told.len() < hosts.len(), "what waits goes together: {told:#?}");
    assert_eq!(world.discord.early_retries(), 0);
}

#[tokio::test]
async fn the_silence_of_a_host_holds_back_its_other_alerts_and_nobody_elses() {
    let world = World::alerting().await;
    world.alerts(&alert("HostDown", "db-1")).await;
    assert!(world.next_message().await.text().contains("HostDown"));

    world.alerts(&alert("HostHighCPU", "db-1")).await;
    world.alerts(&alert("HostHighCPU", "db-2")).await;

    let told = world.next_message().await;
    assert!(told.text().contains("db-2") && !told.text().contains("db-1"), "{}", told.text());
    world.stays_quiet(4).await;
}

#[tokio::test]
async fn the_bridge_calls_discord_as_discord_wants_to_be_called() {
    let world = World::alerting().await;
    world.alerts(&alert("DiskAlmostFull", "db-1")).await;
    world.next_message().await;

    let requests = world.discord.requests();
    for request in &requests {
        // A URL as people copy it has no version and means one that is about to go.
        assert!(request.path.starts_with("/api/v10/webhooks/"), "{}", request.path);
        assert!(request.user_agent.starts_with("DiscordBot ("), "{}", request.user_agent);
    }
    let metrics = world.bridge_metrics().await;
    assert!(metrics.contains("noroshi_bridge_"), "{metrics}");
}
