//! One card for each incident, and not one of them lost: with real Alertmanagers, and with a bridge that is killed.

use std::time::Duration;

use e2e::discord::{Deed, Fault, Limits, Message};
use e2e::world::World;
use serde_json::{Value, json};

/// Alerts of one host that go on, or that are over now.
fn alerts(host: &str, names: &[&str], over: bool) -> Value {
    let now = jiff::Timestamp::now();
    let ends = if over { now } else { now + Duration::from_secs(3600) };
    let alert = |name: &&str| {
        json!({
            "startsAt": (now - Duration::from_secs(90)).to_string(), "endsAt": ends.to_string(),
            "labels": { "alertname": name, "job": "host", "instance": host, "severity": "warning" },
            "annotations": { "summary": format!("{name} on {host}") },
        })
    };
    names.iter().map(alert).collect()
}

/// A webhook about one group with one alert.
fn webhook(number: usize) -> String {
    let host = format!("storm-{number:04}");
    json!({
        "version": "4", "receiver": "people", "groupKey": format!("{{}}:{{instance=\"{host}\"}}"),
        "externalURL": "http://alertmanager:9093",
        "alerts": [{
            "status": "firing", "startsAt": "2026-11-22T07:14:23Z",
            "labels": { "alertname": "DiskFull", "instance": host, "severity": "warning" },
        }],
    })
    .to_string()
}

async fn reads(world: &World, text: &str) -> Message {
    let told = async || world.discord.messages().into_iter().find(|message| message.text().contains(text));
    world.eventually(&format!("a message that says {text:?}"), told).await
}

#[tokio::test]
async fn the_message_about_an_incident_is_edited_when_alerts_join_and_when_they_are_over() {
    let world = World::alerting().await;
    world.alerts(&alerts("db-1", &["DiskFull"], false)).await;
    let first = reads(&world, "DiskFull — db-1").await;

    world.alerts(&alerts("db-1", &["DiskSlow"], false)).await;
    let joined = reads(&world, "2 firing").await;
    assert_eq!(joined.id, first.id, "the card is edited");
    let beside = reads(&world, "Also firing: DiskSlow").await;
    assert_ne!(beside.id, first.id, "and since an edit tells nobody, what joined is told beside it");

    world.alerts(&alerts("db-1", &["DiskFull", "DiskSlow"], true)).await;
    let over = reads(&world, "2 resolved").await;
    assert_eq!(over.id, first.id);
    assert!(over.text().contains("after ") && over.edits >= 2, "{}", over.text());
    world.minutes_pass(3).await;
    let created = world.discord.journal().iter().filter(|(deed, _)| *deed == Deed::Created).count();
    assert_eq!(created, 2);
}

#[tokio::test]
async fn a_recovery_whose_old_message_cannot_be_edited_yet_is_told_beside_it_and_edited_later() {
    let old_edits = Some("1/4".parse().unwrap());
    let world = World::alerting_under(Limits { old_edits, ..Limits::off() }).await;
    let hosts = ["db-1", "db-2"];
    for host in hosts {
        world.alerts(&alerts(host, &["DiskFull"], false)).await;
        reads(&world, &format!("DiskFull — {host}")).await;
    }
    assert_eq!(world.discord.messages().len(), 2);
    world.discord.grow_old();

    for host in hosts {
        world.alerts(&alerts(host, &["DiskFull"], true)).await;
    }
    let beside = async || world.discord.messages().get(2).cloned();
    let beside = world.eventually("the recovery to be told beside", beside).await;
    assert!(beside.text().contains("Resolved"), "{}", beside.text());
    assert_eq!(beside.body["flags"], 4096, "and without a sound: {}", beside.body);
    let both_edited = async || {
        let messages = world.discord.messages();
        messages.iter().take(2).all(|message| message.text().contains("Resolved")).then_some(messages)
    };
    let messages = world.eventually("both cards to be edited", both_edited).await;

    assert_eq!(messages.len(), 3, "{messages:#?}");
    let refused = world.discord.requests().iter().filter(|request| request.status == Some(429)).count();
    assert_eq!((refused, world.discord.early_retries()), (1, 0));
}

#[tokio::test]
async fn of_two_alertmanagers_that_say_the_same_one_is_heard() {
    let world = World::alerting().await;
    world.start_other_alertmanager().await;
    world.alerts_to_both(&alerts("db-1", &["DiskFull"], false)).await;
    let first = reads(&world, "DiskFull — db-1").await;
    world.alerts_to_both(&alerts("db-1", &["DiskFull"], true)).await;
    let over = reads(&world, "Resolved").await;
    world.minutes_pass(4).await;

    assert_eq!((first.id, world.discord.messages().len()), (over.id, 1));
    let metrics = world.bridge_metrics().await;
    let dropped = |name: &str| metrics.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
    assert!(
        dropped("noroshi_bridge_webhooks_total{outcome=\"duplicate\"}") || dropped("noroshi_bridge_stale_alerts_total"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_was_accepted_while_discord_was_away_outlives_a_kill_and_is_told_once() {
    let world = World::alerting().await;
    world.discord.outage(Some(Fault::Status(503)));
    for number in 0..40 {
        assert_eq!(world.webhook(webhook(number)).await, Some(200));
    }
    world.kill("alert-bridge");
    world.start_bridge();
    world.discord.outage(None);

    reads(&world, "storm-0039").await;
    world.all_is_told().await;
    for number in 0..40 {
        let name = format!("storm-{number:04}");
        let told = world.discord.messages().iter().filter(|message| message.text().contains(&name)).count();
        assert_eq!(told, 1, "{name}");
    }
    assert!(world.discord.messages().len() <= 3, "{:#?}", world.discord.messages());
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_storm_loses_nothing_and_repeats_one_message_at_most() {
    let world = World::alerting().await;
    for number in 0..60 {
        if number == 20 || number == 40 {
            world.kill("alert-bridge");
            world.start_bridge();
        }
        // As Alertmanager does: again until it is accepted.
        world
            .eventually("the bridge to accept", async || {
                (world.webhook(webhook(number)).await == Some(200)).then_some(())
            })
            .await;
    }
    world.all_is_told().await;
    let messages = world.discord.messages();
    let mut repeated = 0;
    for message in &messages {
        let names: Vec<_> =
            (0..60).map(|number| format!("storm-{number:04}")).filter(|name| message.text().contains(name)).collect();
        let again = |other: &&Message| other.id != message.id && names.iter().any(|name| other.text().contains(name));
        repeated += usize::from(messages.iter().any(|other| again(&other)));
    }
    for number in 0..60 {
        let name = format!("storm-{number:04}");
        assert!(messages.iter().any(|message| message.text().contains(&name)), "{name} was lost");
    }
    // Of each pair both are counted; one pair for each kill.
    assert!(repeated <= 4, "{repeated} messages tell what others tell: {messages:#?}");
}
