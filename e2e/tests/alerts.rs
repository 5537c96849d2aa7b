//! From a host's push to the message about its silence, through every real engine.

use e2e::discord::Pings;
use e2e::world::{Host, Pushing, World};
use serde_json::Value;

/// A host that nothing is to be said about while it lives.
fn calm(world: &World, job: &str, instance: &str) -> Host {
    world.host(job, instance).pretending(0.1)
}

/// Starts pushing, and waits until Prometheus has seen it.
async fn is_seen(world: &World, host: &Host, instance: &str) -> Pushing {
    let pushing = host.keeps_pushing();
    world.eventually_query(&format!(r#"push_time_seconds{{instance="{instance}"}}"#)).await;
    pushing
}

/// The card about a host, whichever message it stands in: two groups may share one. A link to a rule may name the other
/// host, so a name anywhere in the text is not enough.
async fn card(world: &World, state: &str, name: &str) -> Value {
    let card = async || {
        let cards = world.discord.messages().into_iter().flat_map(|message| message.body["embeds"].as_array().cloned());
        let is_it = |card: &Value| {
            let title = card["title"].as_str().unwrap_or_default();
            title.contains(state) && title.ends_with(&format!("— {name}"))
        };
        cards.flatten().find(is_it)
    };
    world.eventually(&format!("{name} to be told as {state}"), card).await
}

#[tokio::test]
async fn a_push_appears_in_prometheus_with_job_instance_and_time() {
    let world = World::whole().await;
    // The URL that hosts of old have names a job and no instance: the exporter adds the host's name.
    let _xserver = world.host_at("/metrics/job/xserver-bot").keeps_pushing();
    let _web = world.host("host", "web-1").keeps_pushing();
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let hostname = hostname.trim();

    for (job, instance) in [("xserver-bot", hostname), ("host", "web-1")] {
        let labels = format!(r#"job="{job}",instance="{instance}""#);
        let pushed = world.eventually_query(&format!("push_time_seconds{{{labels}}}")).await;
        assert!(pushed.value > 1.7e9, "{pushed:?}");
        let uname = world.eventually_query(&format!("node_uname_info{{{labels}}}")).await;
        assert_eq!(uname.labels["nodename"], hostname);
        // With honor_labels nothing of the Pushgateway's own name sticks to it.
        assert!(!uname.labels.contains_key("exported_job"), "{uname:?}");
    }
    let used = world.eventually_query(r#"host:memory_used:ratio_avg5m{instance="web-1"}"#).await;
    assert!((0.0..1.0).contains(&used.value), "{used:?}");
    // The CPU share is measured between two pushes, so it comes with the second.
    let used = world.eventually_query(r#"host:cpu_used:ratio_avg5m{instance="web-1"}"#).await;
    assert!((0.0..=1.0).contains(&used.value), "{used:?}");
    assert_eq!(world.eventually_query(r#"host:up{instance="web-1"}"#).await.value, 1.0);
}

#[tokio::test]
async fn a_silent_host_is_told_once_and_its_card_says_when_it_is_back() {
    let world = World::whole().await;
    let (xserver, web) = (calm(&world, "xserver-bot", "xserver"), calm(&world, "host", "web-1"));
    let xserver_pushes = is_seen(&world, &xserver, "xserver").await;
    let web_pushes = is_seen(&world, &web, "web-1").await;
    world.eventually_query(r#"host:up{instance="web-1"} == 1"#).await;
    assert!(world.discord.messages().is_empty());

    xserver_pushes.falls_silent();
    web_pushes.falls_silent();
    let (stale, down) = (card(&world, "Firing", "xserver").await, card(&world, "Firing", "web-1").await);
    let messages = world.discord.messages().len();
    let (_xserver, _web) = (xserver.keeps_pushing(), web.keeps_pushing());
    let (stale_over, down_over) = (card(&world, "Resolved", "xserver").await, card(&world, "Resolved", "web-1").await);
    world.minutes_pass(4).await;

    assert!(stale["title"].as_str().unwrap_or_default().contains("XserverPushStale"), "{stale}");
    assert!(down["title"].as_str().unwrap_or_default().contains("HostDown"), "{down}");
    for (firing, resolved) in [(&stale, &stale_over), (&down, &down_over)] {
        assert_ne!(firing["color"], resolved["color"], "{firing}\n---\n{resolved}");
        assert!(resolved["description"].as_str().unwrap_or_default().contains(" after "), "{resolved}");
    }
    assert_ne!(stale["color"], down["color"], "a warning and a critical alert look different");
    // The cards were edited; nobody was told anything for a second time.
    assert_eq!(world.discord.messages().len(), messages);
    assert!(world.discord.messages().iter().all(|message| message.pings == Pings::default()));
}

#[tokio::test]
async fn a_busy_host_is_told_as_busy_and_a_dead_one_only_as_down() {
    // A minute in a second: `for: 10m` over an average of 5m, which is when a false alarm would come, is over in 15 s.
    let world = World::whole_at(60).await;
    let _xserver = is_seen(&world, &calm(&world, "xserver-bot", "xserver"), "xserver").await;
    let dying = is_seen(&world, &calm(&world, "host", "dead-1"), "dead-1").await;
    world.eventually_query(r#"host:cpu_used:ratio_avg5m{instance="dead-1"}"#).await;

    dying.falls_silent();
    let down = world.next_message().await;
    assert!(down.text().contains("HostDown") && down.text().contains("dead-1"), "{}", down.text());
    // From here on the host that is really busy measures the time in which the dead one must not be called so.
    let _busy = world.host("host", "busy-1").pretending(0.97).keeps_pushing();
    let busy = world.next_message().await;
    assert!(busy.text().contains("HostHighCPU") && busy.text().contains("busy-1"), "{}", busy.text());
    world.stays_quiet(4).await;

    let frozen = r#"1 - avg(rate(node_cpu_seconds_total{instance="dead-1",mode="idle"}[5s]))"#;
    assert_eq!(world.eventually_query(frozen).await.value, 1.0, "what a careless rule would see");
    assert!(world.query(r#"host:cpu_used:ratio_avg5m{instance="dead-1"}"#).await.is_empty());
    let claimed = world.query(r#"max_over_time(ALERTS{alertname!="HostDown",instance="dead-1"}[1h])"#).await;
    assert!(claimed.is_empty(), "{claimed:?}");
    assert_eq!(world.query(r#"host:up{instance="dead-1"}"#).await[0].value, 0.0);
}

#[tokio::test]
async fn while_the_pushgateway_is_away_no_host_is_called_dead() {
    let world = World::whole().await;
    let xserver = is_seen(&world, &calm(&world, "xserver-bot", "xserver"), "xserver").await;
    let web = is_seen(&world, &calm(&world, "host", "web-1"), "web-1").await;
    world.eventually_query(r#"host:up{instance="web-1"} == 1"#).await;
    xserver.falls_silent();
    web.falls_silent();

    world.kill("pushgateway");
    let message = world.next_message().await;
    // Their last pushes are more than five minutes old by now: with a Pushgateway to read, both would be called dead.
    world.stays_quiet(4).await;

    assert!(message.text().contains("PushgatewayDown"), "{}", message.text());
}
