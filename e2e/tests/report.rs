//! Reports, made of a past that real engines remember.

use std::fmt::Write;

use e2e::discord::{Discord, Limits};
use e2e::world::{Engine, Launch, ours, run};
use jiff::Timestamp;

/// Two days before now and none after: what promtool writes ends with the last sample.
const STEP: i64 = 120;
const DAY: i64 = 86_400;

/// How moments are written: seconds for promtool, milliseconds for VictoriaMetrics.
#[derive(Clone, Copy)]
enum Dialect {
    Prometheus,
    VictoriaMetrics,
}

/// A day and two hours of a small fleet, until `now`: hosts that push through our exporter or as plain node_exporter, one that
/// is known by recorded series only, one that went silent and one whose group was deleted.
fn past(now: i64, dialect: Dialect) -> String {
    let mut text = String::new();
    let mut write = |series: &str, from: i64, to: i64, value: &dyn Fn(i64) -> f64| {
        let mut time = now - (now - from) / STEP * STEP;
        while time <= to {
            let stamp = match dialect {
                Dialect::Prometheus => time,
                Dialect::VictoriaMetrics => time * 1000,
            };
            let _ = writeln!(text, "{series} {} {stamp}", value(time));
            time += STEP;
        }
    };
    let start = now - DAY - 7200;
    for (host, silent_since, gone_since) in [
        ("web-1", now, now),
        ("日本語ホスト", now, now),
        ("db-1", now - 6 * 3600, now),
        ("gone-1", now - 3 * 3600, now - 3 * 3600),
    ] {
        let labels = format!(r#"job="host",instance="{host}""#);
        let is_busy = move |time: i64| host == "web-1" && (now - 6 * 3600..now - 6 * 3600 + 900).contains(&time);
        write(&format!("push_time_seconds{{{labels}}}"), start, gone_since, &|time| time.min(silent_since) as f64);
        write(&format!(r#"node_uname_info{{{labels},nodename="{host}"}}"#), start, gone_since, &|_| 1.0);
        write(&format!("node_boot_time_seconds{{{labels}}}"), start, gone_since, &|_| {
            // Not on the hour: VictoriaMetrics may look some seconds back from now.
            (now - 12 * DAY - 3 * 3600 - 1800) as f64
        });
        write(&format!("noroshi_exporter_cpu_used_ratio{{{labels}}}"), start, gone_since, &|time| {
            if is_busy(time) { 0.95 } else { 0.12 }
        });
        write(&format!("noroshi_exporter_memory_used_ratio{{{labels}}}"), start, gone_since, &|_| 0.43);
        write(&format!("noroshi_exporter_filesystem_used_ratio_max{{{labels}}}"), start, gone_since, &|_| 0.71);
    }
    // Pushed by a plain node_exporter through a cron job.
    let labels = r#"job="host",instance="plain-1""#;
    write(&format!("push_time_seconds{{{labels}}}"), start, now, &|time| time as f64);
    write(&format!(r#"node_uname_info{{{labels},nodename="plain-1"}}"#), start, now, &|_| 1.0);
    write(&format!(r#"node_cpu_seconds_total{{{labels},cpu="0",mode="idle"}}"#), start, now, &|time| {
        (time - start) as f64 * 0.75
    });
    write(&format!(r#"node_cpu_seconds_total{{{labels},cpu="0",mode="user"}}"#), start, now, &|time| {
        (time - start) as f64 * 0.25
    });
    write(&format!("node_memory_MemTotal_bytes{{{labels}}}"), start, now, &|_| 4e9);
    write(&format!("node_memory_MemAvailable_bytes{{{labels}}}"), start, now, &|_| 1e9);
    for (mountpoint, fstype, free) in [("/", "ext4", 40.0), ("/data", "ext4", 12.0), ("/run", "tmpfs", 0.0)] {
        let labels = format!(r#"{labels},mountpoint="{mountpoint}",fstype="{fstype}""#);
        write(&format!("node_filesystem_size_bytes{{{labels}}}"), start, now, &|_| 100.0);
        write(&format!("node_filesystem_avail_bytes{{{labels}}}"), start, now, &|_| free);
    }
    // Known by what rules recorded: what the raw figures would say does not matter then.
    let labels = r#"job="host",instance="rec-1""#;
    write(&format!("host:push_age_seconds{{{labels}}}"), start, now, &|_| 10.0);
    write(&format!("host:cpu_used:ratio_avg5m{{{labels}}}"), start, now, &|_| 0.91);
    write(&format!("host:memory_used:ratio_avg5m{{{labels}}}"), start, now, &|_| 0.5);
    write(&format!("host:filesystem_used_max:ratio{{{labels}}}"), start, now, &|_| 0.2);
    // What fired.
    let alert = |name: &str, host: &str| {
        format!(r#"ALERTS{{alertname="{name}",alertstate="firing",job="host",instance="{host}"}}"#)
    };
    write(&alert("HostDown", "db-1"), now - 6 * 3600 + 300, now, &|_| 1.0);
    write(&alert("HostHighCPU", "web-1"), now - 6 * 3600 + 600, now - 6 * 3600 + 1800, &|_| 1.0);
    write(r#"ALERTS{alertname="Watchdog",alertstate="firing",severity="none"}"#, start, now, &|_| 1.0);
    write(r#"up{job="pushgateway"}"#, start, now, &|_| 1.0);
    text
}

/// Makes a report of what `engine` knows, in `language`, and returns it as Discord has it.
async fn report(engine: &Engine, language: &str) -> e2e::discord::Message {
    let discord = Discord::start(Limits::default()).await.expect("loopback has a free port");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = folder.path().join("noroshi.yaml");
    std::fs::write(&config, "bridge:\n  report:\n    time_zone: UTC\n").expect("a folder can be written");
    let launch = Launch::with(["report", "--now", "--language", language, "--prometheus", &engine.url()])
        .env("NOROSHI_CONFIG", config.display().to_string())
        .env("DISCORD_ALERT_WEBHOOK_URL", discord.webhook(1, "token"));
    let ended = run("alert-bridge", launch).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(discord.requests().len(), 1);
    discord.take_message().expect("the report stands in the channel")
}

fn field<'a>(message: &'a e2e::discord::Message, host: &str) -> &'a str {
    let fields = message.body["embeds"][0]["fields"].as_array().expect("a report has fields");
    let field = fields.iter().find(|field| field["name"].as_str().is_some_and(|name| name.ends_with(host)));
    field.unwrap_or_else(|| panic!("no field for {host}: {fields:#?}"))["value"].as_str().expect("a field has a value")
}

async fn tells_the_day(engine: &Engine, now: i64) {
    let message = report(engine, "en").await;
    assert_eq!(message.title(), "🔵 Daily report: 6 hosts, 2 down", "{}", message.text());
    assert_eq!(field(&message, "web-1"), "CPU 12 % (max 95 %)\nMemory 43 %\nDisk 71 %\nup 12 d 3 h");
    assert_eq!(field(&message, "plain-1"), "CPU 25 %\nMemory 75 %\nDisk 88 %");
    assert_eq!(field(&message, "🟠 rec-1"), "CPU 91 %\nMemory 50 %\nDisk 20 %");
    // Its figures stand still since, and are told as those of the day, not as those of now.
    let since = |seconds: i64| {
        Timestamp::from_second(now - seconds).expect("a moment of the calendar").strftime("%-d %b %H:%M").to_string()
    };
    let down = field(&message, "🔴 db-1");
    assert!(down.starts_with(&format!("down since {}\nCPU max 12 %", since(6 * 3600))), "{down}");
    assert!(field(&message, "🔴 gone-1").starts_with("down since "), "{}", message.text());
    assert!(
        message.text().contains("HostDown — db-1: 5 h") && message.text().contains("still firing"),
        "{}",
        message.text()
    );
    assert!(message.text().contains("HostHighCPU — web-1: 2"), "{}", message.text());
    assert!(!message.text().contains("Watchdog"), "{}", message.text());

    let [picture] = message.files.as_slice() else { panic!("{} files", message.files.len()) };
    assert_eq!(picture.name, "report.png");
    assert!(picture.bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert!(message.body["embeds"][0]["image"]["url"].as_str().is_some_and(|url| url.ends_with("/report.png")));
    // Nobody's telephone rings for it.
    assert_eq!(message.body["flags"], 4096);
    assert_eq!(message.pings, e2e::discord::Pings::default());

    let message = report(engine, "ja").await;
    assert_eq!(message.title(), "🔵 日次レポート: 6 台中 2 台が停止中");
    assert_eq!(field(&message, "web-1"), "CPU 12 % (最大 95 %)\nメモリ 43 %\nディスク 71 %\n稼働 12 日 3 時間");
    // The picture calls it by its place.
    assert!(field(&message, "#6 日本語ホスト").starts_with("CPU 12 %"), "{}", message.text());
}

/// Returns what time it is once the program is built, which may take minutes.
fn now() -> i64 {
    ours("alert-bridge");
    Timestamp::now().as_second()
}

#[tokio::test]
async fn a_report_tells_how_every_host_was_as_prometheus_knows_it() {
    let now = now();
    tells_the_day(&Engine::prometheus(&past(now, Dialect::Prometheus)).await, now).await;
}

#[tokio::test]
async fn a_report_tells_the_same_of_what_victoria_metrics_knows() {
    let now = now();
    tells_the_day(&Engine::victoria_metrics(past(now, Dialect::VictoriaMetrics)).await, now).await;
}

#[tokio::test]
async fn a_report_can_be_looked_at_and_says_when_there_is_nobody_to_ask() {
    let engine = Engine::prometheus(&past(now(), Dialect::Prometheus)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.png").display().to_string();
    let drawn = run("alert-bridge", Launch::with(["report", "--to", &file, "--prometheus", &engine.url()])).await;
    assert_eq!((drawn.code, drawn.stdout.as_str()), (Some(0), ""), "{}", drawn.stderr);
    assert!(std::fs::read(&file).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    let printed = run("alert-bridge", Launch::with(["report", "--prometheus", &engine.url()])).await;
    assert!(printed.stdout.contains("Daily report: 6 hosts, 2 down"), "{}", printed.stdout);

    let alone = run("alert-bridge", Launch::with(["report", "--prometheus", "http://me:hunter2@127.0.0.1:1"])).await;
    assert_eq!(alone.code, Some(1));
    assert!(
        alone.stderr.starts_with("error: cannot make the report: nothing answers at http://127.0.0.1:1 ("),
        "{}",
        alone.stderr
    );
}
