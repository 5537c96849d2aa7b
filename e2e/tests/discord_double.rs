//! The double of Discord answers as Discord does.

use std::time::Duration;

use e2e::discord::{Deed, Discord, Fault, Limits, Scope, cases};
use serde_json::json;

#[tokio::test]
async fn every_recorded_case_is_answered_as_discord_answers_it() {
    let limits = Limits { global: None, ..Limits::default() };
    let discord = Discord::start(limits).await.unwrap();
    let cases = cases::all();
    assert!(cases.len() >= 150, "{} cases", cases.len());

    let examiner = cases::Examiner::new(&discord.url()).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let faults = case.judge(&examiner.put(case).await.unwrap());
        wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn scripted_faults_come_one_by_one_and_an_outage_lasts() {
    let discord = Discord::start(Limits::off()).await.unwrap();
    let client = daemon::http::client("e2e").unwrap();
    let post = async |content: &str| {
        let sent = client.post(discord.webhook(1, "t")).json(&json!({ "content": content })).send().await;
        sent.ok().map(|answer| answer.status().as_u16())
    };
    discord.script([
        Fault::Drop,
        Fault::DropAfter,
        Fault::Status(503),
        Fault::RateLimited(Scope::Shared, Duration::from_secs(40)),
        Fault::Slow(Duration::from_millis(1)),
    ]);

    assert_eq!(post("lost").await, None);
    assert_eq!(post("kept").await, None);
    assert_eq!(post("refused").await, Some(503));
    assert_eq!(post("refused").await, Some(429));
    assert_eq!(post("slow").await, Some(204));
    discord.outage(Some(Fault::Status(502)));
    assert_eq!(post("refused").await, Some(502));
    assert_eq!(post("refused").await, Some(502));
    discord.outage(None);
    assert_eq!(post("last").await, Some(204));

    let kept: Vec<_> = discord.messages().iter().map(|message| message.text()).collect();
    assert_eq!(kept, ["kept", "slow", "last"]);
    assert!(discord.journal().iter().all(|(deed, _)| *deed == Deed::Created));
    assert_eq!(discord.take_message().unwrap().text(), "kept");
    assert_eq!(discord.requests().len(), 8);
}
