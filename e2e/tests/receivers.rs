//! From a real Alertmanager to Slack, mail, a program of the operator's own and a forum.

use std::fs;

use e2e::discord::{Discord, Limits, Message};
use e2e::hook::HookFault;
use e2e::places::{HOOK_SECRET, HOOK_TOKEN, Places, SLACK_TOKEN, SMTP_PASSWORD, alert, resolved};
use e2e::slack::SlackFault;
use e2e::smtp::{MailFault, Security, Smtp};
use e2e::world::{Authority, Validity, World};
use serde_json::{Value, json};
use tempfile::TempDir;

#[tokio::test]
async fn every_kind_of_receiver_is_told_and_hears_the_end() {
    let places = Places::open().await;
    let world = World::alerting_with(places.config("", "", "", "")).await;

    world.alerts(&alert("DiskFull", "db-1", "critical")).await;
    let post = world.eventually("a message in Slack", async || places.slack.take_post()).await;
    let mail = world.eventually("a mail", async || places.smtp.take_mail()).await;
    let call = world.eventually("a call", async || places.hook.take_call()).await;
    world.alerts(&resolved("DiskFull", "db-1", "critical")).await;
    let post_over = world.eventually("a second message in Slack", async || places.slack.take_post()).await;
    let mail_over = world.eventually("a second mail", async || places.smtp.take_mail()).await;
    let call_over = world.eventually("a second call", async || places.hook.take_call()).await;

    assert!(post.text.contains("Firing: DiskFull — db-1") && post.text.contains("93 % (limit 80 %)"), "{}", post.text);
    assert!(post.text.contains("Runbook (https://wiki.example.org/runbook?a=1&b=2)"), "{}", post.text);
    assert_eq!((post.pings, post.colors), (vec!["!subteam^S012ABC".to_owned()], vec!["#d92d20".to_owned()]));
    assert!(post_over.text.contains("Resolved: DiskFull — db-1"), "{}", post_over.text);
    assert_eq!((post_over.pings, post_over.colors), (vec![], vec!["#2ecc71".to_owned()]));

    assert_eq!(mail.header("Subject"), "🔴 Firing: DiskFull — db-1");
    assert_eq!(mail.to, ["ops@example.org", "second@example.org"]);
    assert!(mail.encrypted && mail.user.as_deref() == Some("noroshi"), "{mail:?}");
    assert!(
        mail.part("text/plain").contains("DiskFull on db-1") && mail.part("text/plain").contains("JST"),
        "{mail:?}"
    );
    assert!(mail.part("text/html").contains("<b>DiskFull on db-1</b>"), "{mail:?}");
    assert_eq!(mail_over.header("Subject"), "✅ Resolved: DiskFull — db-1");
    assert_eq!(mail_over.header("In-Reply-To"), mail.header("Message-ID"));
    assert_eq!(places.smtp.complaints(), Vec::<String>::new());

    let (fired, over) = (&call.body["messages"][0], &call_over.body["messages"][0]);
    assert_eq!(
        (&fired["occasion"], &fired["state"], &fired["level"]),
        (&json!("new"), &json!("firing"), &json!("critical"))
    );
    assert_eq!(fired["alerts"][0]["labels"]["alertname"], "DiskFull");
    assert_eq!((&over["occasion"], &over["incident"]), (&json!("resolved"), &fired["incident"]));
    assert_ne!(call.id, call_over.id);
    assert_eq!(call.request.header("idempotency-key"), call.id);
    assert_eq!(places.hook.refused(), Vec::<String>::new());
    assert!(world.discord.messages().is_empty());
}

#[tokio::test]
async fn trouble_of_each_receiver_is_outlasted_and_nobody_is_told_twice() {
    let places = Places::open().await;
    let world = World::alerting_with(places.config("", "", "", "")).await;
    places.slack.script([SlackFault::Answer(500, "rollup_error"), SlackFault::RateLimited(2), SlackFault::Drop]);
    places.smtp.script([MailFault::Busy, MailFault::Greylisted, MailFault::MailboxFull("second@example.org")]);
    places.hook.script([HookFault::Status(502), HookFault::Wait(429, 2), HookFault::Status(500)]);

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    world.eventually("a message in Slack", async || places.slack.take_post()).await;
    world.eventually("a call", async || places.hook.take_call()).await;
    let all_have_it = async || {
        let to: Vec<String> = places.smtp.mails().into_iter().flat_map(|mail| mail.to).collect();
        (to.len() >= 2).then_some(to)
    };
    let mut to = world.eventually("a mail for both", all_have_it).await;
    world.minutes_pass(4).await;

    to.sort();
    assert_eq!(to, ["ops@example.org", "second@example.org"]);
    assert_eq!((places.slack.posts().len(), places.slack.early_retries()), (1, 0));
    assert_eq!(places.hook.calls().len(), 1);
    assert!(places.smtp.mails().len() <= 2, "{:?}", places.smtp.mails());
}

#[tokio::test]
async fn a_lost_answer_is_repeated_under_the_same_id() {
    let places = Places::open().await;
    let world = World::alerting_with(places.config("", "", "", "")).await;
    places.hook.script([HookFault::DropAfter]);
    places.smtp.script([MailFault::DropAfter]);

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    let both = async || (places.hook.calls().len() >= 2 && places.smtp.mails().len() >= 2).then_some(());
    world.eventually("repetitions", both).await;

    let ids: Vec<String> = places.hook.calls().into_iter().map(|call| call.id).collect();
    assert_eq!(ids[0], ids[1]);
    let ids: Vec<String> = places.smtp.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_recipient_whom_the_relay_does_not_know_costs_the_others_nothing() {
    let places = Places::open().await;
    places.smtp.reject("second@example.org");
    let world = World::alerting_with(places.config("", "", "", "")).await;

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    let mail = world.eventually("a mail", async || places.smtp.take_mail()).await;
    world.minutes_pass(2).await;

    assert_eq!(mail.to, ["ops@example.org"]);
    assert_eq!(places.smtp.mails().len(), 1);
}

#[tokio::test]
async fn nothing_that_an_alert_says_is_markup_a_ping_or_a_header() {
    let places = Places::open().await;
    let world = World::alerting_with(places.config("", "", "", "")).await;
    let evil = json!([{
        "labels": { "alertname": "<!channel> <@U1> <script>alert(1)</script>", "instance": "a|b>c&d\r\nBcc: x@y.example", "severity": "<!here>" },
        "annotations": { "summary": "<!everyone>\r\nSubject: hacked\r\n.\r\n", "description": "&lt;!channel&gt; <https://evil.example|click>" },
        "generatorURL": "javascript:alert(1)",
    }]);
    world.alerts(&evil).await;
    let post = world.eventually("a message in Slack", async || places.slack.take_post()).await;
    let mail = world.eventually("a mail", async || places.smtp.take_mail()).await;

    assert_eq!(post.pings, Vec::<String>::new());
    assert!(post.text.contains("<!everyone>") && post.text.contains("<https://evil.example|click>"), "{}", post.text);
    assert_eq!(mail.header("Bcc"), "");
    assert!(mail.header("Subject").contains("<!channel>"), "{mail:?}");
    let page = mail.part("text/html");
    assert!(!page.contains("<script") && !page.contains("javascript:") && page.contains("&lt;script&gt;"), "{page}");
    assert_eq!((places.smtp.mails().len(), places.smtp.complaints()), (1, Vec::new()));
}

#[tokio::test]
async fn no_log_no_file_and_no_command_line_shows_a_receivers_secret() {
    let places = Places::open().await;
    let world = World::alerting_with(places.config("fallback: [mail]", "", "", "")).await;
    // Things that go wrong are where secrets leak.
    places.slack.script([SlackFault::Drop, SlackFault::Answer(403, "action_prohibited")]);
    places.smtp.script([MailFault::Busy, MailFault::Spam]);
    places.hook.script([HookFault::Status(500), HookFault::DropAfter, HookFault::Status(410)]);
    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    world.eventually("a call", async || places.hook.take_call()).await;
    world.minutes_pass(3).await;
    let mut traces = world.traces();
    traces.push(("the bridge's metrics".to_owned(), world.bridge_metrics().await));
    for (place, text) in traces.into_iter().filter(|(place, _)| !place.contains("/secrets/")) {
        for secret in [SLACK_TOKEN, HOOK_TOKEN, HOOK_SECRET, SMTP_PASSWORD] {
            assert!(!text.contains(secret), "a secret stands in {place}");
        }
    }
}

#[tokio::test]
async fn in_a_forum_each_incident_is_a_post_that_is_edited() {
    let discord = Discord::start(Limits::off()).await.unwrap();
    discord.make_forum(7);
    let (forum, channel) = (discord.webhook(7, "forum"), discord.webhook(8, "channel"));
    let world = World::alerting_with(move |folder| {
        let file = |name: &str, text: &str| {
            fs::write(folder.join(name), text).unwrap();
            folder.join(name).display().to_string()
        };
        let (forum, channel) = (file("forum", &forum), file("channel", &channel));
        // Neither says the truth about its channel, so each finds out.
        let config = format!(
            "bridge:
  receivers:
    forum: {{discord: {{webhook_url_file: {forum}}}}}
    channel: {{discord: {{webhook_url_file: {channel}, thread_name: 'Incident: {{title}}'}}}}
"
        );
        fs::write(folder.join("noroshi.yaml"), config).unwrap();
    });
    let world = world.await;

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    let both = async || {
        let messages = discord.messages();
        (messages.len() == 2).then_some(messages)
    };
    let messages = world.eventually("a message in both", both).await;
    world.alerts(&alert("DiskSlow", "db-1", "warning")).await;
    let joined = async || {
        let messages = discord.messages();
        (messages.len() == 4).then_some(messages)
    };
    let joined = world.eventually("what joined in both", joined).await;
    let post = messages.iter().find(|message| message.webhook == "7").unwrap();
    let beside = joined.iter().find(|message| message.webhook == "7" && message.id != post.id).unwrap();
    assert_eq!(beside.body["channel_id"], post.body["channel_id"], "it stands in the incident's own post");
    let over = json!(["DiskFull", "DiskSlow"].map(|name| resolved(name, "db-1", "warning")[0].clone()));
    world.alerts(&over).await;
    let is_card = |message: &&Message| messages.iter().any(|card| card.id == message.id);
    let edited = async || {
        let over = |message: &Message| message.title().contains("Resolved");
        discord.messages().iter().filter(is_card).all(over).then_some(())
    };
    world.eventually("both to be edited", edited).await;

    let names: Vec<&Value> = messages.iter().map(|message| &message.body["thread_name"]).collect();
    assert!(names.contains(&&json!("DiskFull — db-1")) && names.contains(&&Value::Null), "{names:?}");
}

#[tokio::test]
async fn a_relay_is_reached_as_it_wants_to_be_and_not_when_its_certificate_is_strange() {
    let places = Places::open().await;
    let folder = places.certificates.path().to_owned();
    let (tls, none) = (Smtp::start(Security::Tls, &folder, None), Smtp::start(Security::None, &folder, None));
    let strange = TempDir::with_prefix("noroshi-e2e-").unwrap();
    Authority::found().issue(strange.path(), Validity::Current);
    let (tls, none) = (tls.await.unwrap(), none.await.unwrap());
    let strange = Smtp::start(Security::StartTls, strange.path(), None).await.unwrap();
    let hosts = [tls.smarthost(), none.smarthost(), strange.smarthost()];
    let world = World::alerting_with(move |world| {
        let mail = |host: &str, more: &str| {
            format!("{{email: {{smarthost: '{host}', {more}, from: n@example.org, to: [ops@example.org]}}}}")
        };
        let ca = format!("ca_file: {}", folder.join("ca.pem").display());
        let config = format!(
            "bridge:\n  receivers:\n    tls: {}\n    plain: {}\n    strange: {}\n",
            mail(&hosts[0], &format!("tls: tls, {ca}")),
            mail(&hosts[1], "tls: none"),
            mail(&hosts[2], &ca),
        );
        fs::write(world.join("noroshi.yaml"), config).unwrap();
    });
    let world = world.await;

    world.alerts(&alert("DiskFull", "db-1", "warning")).await;
    let encrypted = world.eventually("a mail over TLS", async || tls.take_mail()).await;
    let plain = world.eventually("a mail in clear text", async || none.take_mail()).await;
    world.eventually("a try with a strange certificate", async || (strange.connections() > 0).then_some(())).await;
    world.minutes_pass(2).await;

    assert!(encrypted.encrypted && !plain.encrypted);
    assert_eq!(strange.mails().len(), 0);
    assert_eq!(
        (encrypted.header("Importance"), encrypted.header("Auto-Submitted")),
        (String::new(), "auto-generated".into())
    );
}
