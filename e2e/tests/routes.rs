//! Who is told of what, and when; and who is when a receiver is dead.

use std::time::Duration;

use e2e::places::{Places, alert, resolved};
use e2e::slack::SlackFault;
use e2e::world::World;
use serde_json::Value;

#[tokio::test]
async fn what_a_dead_receiver_would_be_told_goes_to_who_stands_in_for_it() {
    let places = Places::open().await;
    let routes = "routes: [{match: ['job=\"host\"'], receivers: [chat]}]";
    let world = World::alerting_with(places.config("fallback: [program]", "", "", routes)).await;
    places.slack.outage(Some(SlackFault::Answer(404, "no_service")));

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    let told = async || {
        let messages: Vec<Value> = places
            .hook
            .calls()
            .iter()
            .flat_map(|call| call.body["messages"].as_array().cloned().unwrap_or_default())
            .collect();
        let about = |text: &str| {
            messages.iter().find(|message| message["title"].as_str().unwrap_or_default().contains(text)).cloned()
        };
        about("`chat`").zip(about("DiskFull"))
    };
    let (death, fired) = world.eventually("both from the stand-in", told).await;
    // The end of it too, though the route names only who is dead.
    world.alerts(&resolved("DiskFull", "db-1", "warning")).await;
    let over = async || places.hook.calls().into_iter().find(|call| call.body["messages"][0]["occasion"] == "resolved");
    let over = world.eventually("the end", over).await;
    world.minutes_pass(2).await;

    assert!(death["text"].as_str().unwrap().contains("no_service"), "{death}");
    assert_eq!(over.body["messages"][0]["incident"], fired["incident"]);
    // A dead webhook is left alone.
    assert_eq!(places.slack.requests(), 1);
    assert!(places.smtp.mails().is_empty(), "mail is in no route and nobody's stand-in here");
}

#[tokio::test]
async fn who_is_out_of_reach_for_too_long_is_stood_in_for_until_it_is_back() {
    let places = Places::open().await;
    let routes = "routes: [{receivers: [chat]}]";
    let world =
        World::alerting_with(places.config("fallback: [program]\n      fallback_after: 2s", "", "", routes)).await;
    places.slack.outage(Some(SlackFault::Drop));

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    let calls = |text: &'static str| {
        let calls = places.hook.calls();
        calls.into_iter().find(|call| call.body.to_string().contains(text))
    };
    world.eventually("word of the outage", async || calls("cannot be reached")).await;
    world.eventually("the alert", async || calls("DiskFull")).await;
    places.slack.outage(None);
    world.alerts(&alert("DiskFull", "db-2", "warning")).await;
    world.alerts(&alert("DiskFull", "db-3", "warning")).await;
    // What comes while it is not tried goes to the stand-in, what is tried brings it back.
    let back = async || {
        world.alerts(&alert("Probe", &format!("web-{}", jiff::Timestamp::now().as_second()), "warning")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        calls("is reached again")
    };
    world.eventually("word that it is back", back).await;
    assert!(!places.slack.posts().is_empty());
}

#[tokio::test]
async fn routes_decide_by_level_and_label_and_each_is_told_its_part() {
    let places = Places::open().await;
    let routes = "routes:
    - {match: ['instance=~\"test-.*\"'], receivers: []}
    - {levels: [critical], receivers: [chat], continue: true}
    - {match: ['job=\"host\"'], receivers: [program]}";
    let world = World::alerting_with(places.config("language: ja", "", "", routes)).await;

    // One group, since Alertmanager groups by job and instance.
    let mut alerts = alert("DiskFull", "db-1", "warning").as_array().cloned().unwrap();
    alerts.extend(alert("Overheated", "db-1", "critical").as_array().cloned().unwrap());
    alerts.extend(alert("DiskFull", "test-1", "critical").as_array().cloned().unwrap());
    world.alerts(&Value::Array(alerts)).await;

    let post = world.eventually("a message in Slack", async || places.slack.take_post()).await;
    let call = world.eventually("a call", async || places.hook.take_call()).await;
    world.minutes_pass(2).await;
    assert!(post.text.contains("発生: Overheated — db-1") && !post.text.contains("DiskFull"), "{}", post.text);
    let all = places.hook.calls().iter().map(|call| call.body.to_string()).collect::<String>();
    assert!(call.body.to_string().contains("db-1") && all.contains("DiskFull") && !all.contains("test-1"), "{all}");
    assert!(places.smtp.mails().is_empty() && places.slack.posts().len() == 1);
}

#[tokio::test]
async fn quiet_hours_hold_the_mild_until_they_are_over_and_let_the_urgent_through() {
    let places = Places::open().await;
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let clock = |seconds| (&now + jiff::Span::new().seconds(seconds)).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let quiet = format!(
        "quiet_hours: {{times: [{{from: '{}', to: '{}', zone: UTC}}], hold_below: critical, mute_below: warning}}",
        clock(-3600),
        clock(15)
    );
    let routes = "routes: [{receivers: [chat]}]";
    let world = World::alerting_with(places.config(&quiet, "", "", routes)).await;

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    world.alerts(&alert("DiskFull", "db-2", "error")).await;
    world.alerts(&alert("Noise", "db-3", "info")).await;
    world.alerts(&alert("HostDown", "db-4", "critical")).await;
    let urgent = world.eventually("what is urgent", async || places.slack.take_post()).await;
    assert!(urgent.text.contains("HostDown") && !urgent.text.contains("DiskFull"), "{}", urgent.text);
    world.alerts(&resolved("Noise", "db-3", "info")).await;
    world.alerts(&resolved("DiskFull", "db-2", "error")).await;

    let digest = world.eventually("what was held", async || places.slack.take_post()).await;
    world.minutes_pass(3).await;
    let rest: String = places.slack.posts().iter().skip(2).map(|post| post.text.clone()).collect();
    let held = digest.text + &rest;
    // What has passed by then too; what was muted and has passed is never told.
    assert!(held.contains("db-1") && held.contains("db-2") && held.contains("Recovered"), "{held}");
    assert!(!held.contains("Noise"), "{held}");
    assert!(places.slack.posts().len() <= 3, "a digest is one message: {:#?}", places.slack.posts());
}
