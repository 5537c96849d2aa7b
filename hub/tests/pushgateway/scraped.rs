//! A real Prometheus scrapes it as it scrapes a Pushgateway.

use std::process::Command;

use crate::gateway::{Running, free_address, pause, start_ours, start_ours_below};

fn value(prometheus: &Running, query: &str) -> Option<String> {
    let answer = prometheus.request("GET", &format!("/api/v1/query?query={query}"), &[], b"");
    let json: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(json["data"]["result"][0]["value"][1].as_str()?.to_owned())
}

#[test]
fn prometheus_reads_every_group_under_its_own_labels() {
    let dir = tempfile::tempdir().unwrap();
    let ours = start_ours_below("/push", dir.path(), free_address(), "");
    for host in 0..300 {
        let body = format!("# TYPE load gauge\nload {host}\n# TYPE h histogram\nh_bucket{{le=\"1\"}} 1\nh_count 2\n");
        let target = format!("/push/metrics/job/host/instance/web-{host:03}");
        assert_eq!(ours.request("PUT", &target, &[], body.as_bytes()).status, 200);
    }
    let config = dir.path().join("prometheus.yml");
    let text = format!(
        "scrape_configs: [{{job_name: pushgateway, honor_labels: true, scrape_interval: 1s, metrics_path: /push/metrics,
          static_configs: [{{targets: ['{}']}}]}}]",
        ours.address
    );
    std::fs::write(&config, text).unwrap();
    let address = free_address();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={address}"));
    command.arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()));
    let prometheus = Running::start(command, address, "/-/ready", &dir.path().join("prometheus.log"));

    let mut waited = 0;
    while value(&prometheus, "count(load)").as_deref() != Some("300") {
        pause(200);
        waited += 1;
        assert!(waited < 100, "Prometheus does not see the groups: {:?}", value(&prometheus, "up"));
    }

    assert_eq!(value(&prometheus, "up").as_deref(), Some("1"));
    assert_eq!(value(&prometheus, "load{job=\"host\",instance=\"web-007\"}").as_deref(), Some("7"));
    assert_eq!(value(&prometheus, "sum(h_bucket{le=\"%2BInf\"})").as_deref(), Some("600"));
    assert_eq!(value(&prometheus, "count(push_time_seconds>0)").as_deref(), Some("300"));
}

#[test]
fn without_the_check_everything_is_taken_and_no_scrape_breaks() {
    let dir = tempfile::tempdir().unwrap();
    let ours = start_ours(dir.path(), "consistency_check: false");
    for (target, body) in [
        ("/metrics/job/a", "# TYPE m counter\nm 1 1395066363000\n"),
        ("/metrics/job/b", "# TYPE m gauge\nm 2\nn 1\nn 2\n"),
        ("/metrics/job/b", "# TYPE h histogram\nh_count 1\n"),
        ("/metrics/job/c", "h_count 3\no 1\n"),
    ] {
        assert_eq!(ours.request("POST", target, &[], body.as_bytes()).status, 202, "{body}");
    }
    assert_eq!(ours.request("POST", "/metrics/job/a", &[], b"m x\n").status, 400);

    let lines = ours.pushed_lines();

    let label = |job| format!("{{instance=\"\",job=\"{job}\"}}");
    assert!(lines.contains(&format!("m{} 1", label("a"))), "{lines:?}");
    assert!(
        lines.contains(&format!("n{} 1", label("b"))) && lines.contains(&format!("o{} 1", label("c"))),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.starts_with("m{") && line.ends_with(" 2")), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("h_count")).count(), 1, "{lines:?}");
}

#[test]
fn the_page_finds_a_group_among_many_and_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let ours = start_ours(dir.path(), "sync: never");
    for number in 0..500 {
        let target = format!("/metrics/job/many/instance/i-{number:04}/x@base64/PGI-");
        assert_eq!(ours.request("POST", &target, &[], b"a 1\n").status, 200);
    }
    let page = |target: &str| ours.request("GET", target, &[("Accept-Language", "ja,en;q=0.5")], b"").text();

    let first = page("/");
    assert!(first.len() < 100_000, "{} bytes", first.len());
    assert!(first.contains("500 グループ中 1〜50") && first.contains("1 / 10"), "{first}");
    assert!(!first.contains("<b>") && first.contains("&lt;b&gt;"));
    assert!(page("/?lang=en&q=i-0499").contains("1–1 of 1 groups"));
    assert!(page("/?lang=en&q=%7Binstance%3D~%22i-01..%22%7D&page=2").contains("51–100 of 100 groups"));
    assert!(page("/?lang=en&q=%7Binstance%3D").contains("a value in quotes should stand here"));
    let group = page("/?lang=en&group=/metrics/job/many/instance/i-0001/x@base64/PGI-");
    assert!(group.contains("push_time_seconds") && group.contains("<h2>a "), "{group}");
}
