//! From a real Alertmanager to Slack, mail and a program of the operator's own; who is told, and what when one of them is dead.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test; clippy sees only functions with #[test] as tests"
)]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use e2e::discord::{Discord, Limits};
use e2e::hook::{Hook, HookFault};
use e2e::slack::{Slack, SlackFault};
use e2e::smtp::{MailFault, Security, Smtp};
use e2e::world::{Authority, Validity, World};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Parts of addresses, and what else nobody must see.
const SLACK_TOKEN: &str = "e2e-slack-token-7c1e";
const HOOK_TOKEN: &str = "e2e-hook-token-40aa";
const HOOK_SECRET: &str = "e2e-signing-secret-93d1";
const SMTP_PASSWORD: &str = "e2e-smtp-password-58f0";

/// All the places that a bridge can tell.
struct Places {
    slack: Slack,
    smtp: Smtp,
    hook: Hook,
    certificates: TempDir,
}

impl Places {
    async fn open() -> Self {
        let certificates = TempDir::with_prefix("noroshi-e2e-").unwrap();
        Authority::found().issue(certificates.path(), Validity::Current);
        let login = Some(("noroshi", SMTP_PASSWORD));
        Self {
            slack: Slack::start().await.unwrap(),
            smtp: Smtp::start(Security::StartTls, certificates.path(), login).await.unwrap(),
            hook: Hook::start(HOOK_SECRET.as_bytes()).await.unwrap(),
            certificates,
        }
    }

    /// Writes `receivers:` with all of them, each with the keys that a test adds, and then `rest`.
    fn config(&self, slack: &str, mail: &str, hook: &str, rest: &str) -> impl FnOnce(&Path) + Send + use<> {
        let (slack_url, hook_url) = (self.slack.webhook(SLACK_TOKEN), self.hook.url(HOOK_TOKEN));
        let (smarthost, ca) = (self.smtp.smarthost(), self.certificates.path().join("ca.pem"));
        let [slack, mail, hook, rest] = [slack, mail, hook, rest].map(str::to_owned);
        move |folder: &Path| {
            let secrets = folder.join("secrets");
            fs::create_dir(&secrets).unwrap();
            let file = |name: &str, text: &str| {
                fs::write(secrets.join(name), text).unwrap();
                secrets.join(name).display().to_string()
            };
            let (slack_file, hook_file) = (file("slack", &slack_url), file("hook", &hook_url));
            let (key, password) = (file("key", HOOK_SECRET), file("password", SMTP_PASSWORD));
            let text = format!(
                "bridge:
  receivers:
    chat:
      slack: {{webhook_url_file: {slack_file}, mentions: {{critical: S012ABC}}}}
      {slack}
    mail:
      email:
        smarthost: {smarthost}
        ca_file: {ca}
        user: noroshi
        password_file: {password}
        from: Noroshi <noroshi@example.org>
        to: [ops@example.org, 'Second <second@example.org>']
        zone: Asia/Tokyo
      {mail}
    program:
      webhook: {{url_file: {hook_file}, secret_file: {key}}}
      {hook}
  {rest}
",
                ca = ca.display()
            );
            fs::write(folder.join("noroshi.yaml"), text).unwrap();
        }
    }
}

fn alert(name: &str, instance: &str, severity: &str) -> Value {
    // The same for an alert and for its end.
    static STARTS: LazyLock<jiff::Timestamp> = LazyLock::new(|| jiff::Timestamp::now() - Duration::from_secs(60));
    let ends = jiff::Timestamp::now() + Duration::from_secs(3600);
    json!([{
        "startsAt": STARTS.to_string(),
        "endsAt": ends.to_string(),
        "labels": { "alertname": name, "job": "host", "instance": instance, "severity": severity },
        "annotations": { "summary": format!("{name} on {instance}"), "value": "93 %", "threshold": "80 %",
                         "runbook_url": "https://wiki.example.org/runbook?a=1&b=2" },
        "generatorURL": "http://prometheus:9090/graph?g0.expr=x",
    }])
}

fn resolved(name: &str, instance: &str, severity: &str) -> Value {
    let mut alerts = alert(name, instance, severity);
    alerts[0]["endsAt"] = json!((jiff::Timestamp::now() - Duration::from_secs(1)).to_string());
    alerts
}

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
    world.alerts(&resolved("DiskFull", "db-1", "warning")).await;
    let edited = async || discord.messages().iter().all(|message| message.title().contains("Resolved")).then_some(());
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
