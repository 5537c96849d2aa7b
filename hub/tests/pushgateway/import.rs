//! A change of gateway loses nothing.

use std::process::Command;

use crate::gateway::{Running, start_ours, start_real};

fn groups(gateway: &Running) -> Vec<serde_json::Value> {
    let json: serde_json::Value =
        serde_json::from_slice(&gateway.request("GET", "/api/v1/metrics", &[], b"").body).unwrap();
    let mut groups = json["data"].as_array().unwrap().clone();
    groups.sort_by_key(|group| group["labels"].to_string());
    groups
}

fn fill(gateway: &Running) {
    for (target, body) in [
        ("/metrics/job/a", "# HELP m Größe \\\\ \\n\n# TYPE m gauge\nm{x=\"\\\"\\n日本\"} 1.5\nm{x=\"2\"} NaN\n"),
        ("/metrics/job@base64/YS9i/empty@base64/=/instance/i", "# TYPE c counter\nc 1e+300\n"),
        (
            "/metrics/job/a/h/1",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"0.5\"} 1\nh_sum 2\nh_count 3\n",
        ),
        ("/metrics/job/a/s/1", "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 10\ns_count 5\n"),
        ("/metrics/job/a/h/2", "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3\nh_count 3\n"),
        ("/metrics/job/empty", ""),
        ("/metrics/job/a/s/1", "refused 1 5\n"),
        ("/metrics/job/failed", "refused 1 5\n"),
    ] {
        gateway.request("POST", target, &[], body.as_bytes());
    }
}

fn import(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_noroshi")).args(["pushgateway", "import"]).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn the_groups_of_the_real_pushgateway_come_over_with_their_stamps() {
    let dir = tempfile::tempdir().unwrap();
    let real = start_real(dir.path(), &[]);
    fill(&real);
    let (url, data) = (format!("http://{}/", real.address), dir.path().join("data"));

    let (code, said) = import(&[&url, "--data", data.to_str().unwrap()]);

    assert!(code == Some(0) && said.contains("7 group(s) imported, 0 were newer here"), "{said}");
    let ours = start_ours(dir.path(), "admin_api: true");
    assert_eq!(groups(&ours), groups(&real));
    let stamps = |gateway: &Running| {
        let page = gateway.request("GET", "/metrics", &[], b"").text();
        page.lines().filter(|line| line.starts_with("push_")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(stamps(&ours), stamps(&real));

    // While pushers move over: what is newer here stays, what is newer there comes.
    ours.request("POST", "/metrics/job/a", &[], b"m 7\n");
    real.request("POST", "/metrics/job/empty", &[], b"late 1\n");
    let (code, said) = import(&[&url, "--into", &format!("http://{}", ours.address)]);
    assert!(code == Some(0) && said.contains("1 group(s) imported, 6 were newer here"), "{said}");
    let lines = ours.pushed_lines().join("\n");
    assert!(lines.contains("late{instance=\"\",job=\"empty\"} 1"), "{lines}");
    assert!(lines.contains("m{instance=\"\",job=\"a\"} 7"), "{lines}");
}

#[test]
fn an_import_that_cannot_be_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let ours = start_ours(dir.path(), "");
    let url = format!("http://{}", ours.address);
    let data = dir.path().join("data");

    let (code, said) = import(&[&url, "--data", data.to_str().unwrap()]);
    assert!(code == Some(1) && said.contains("another process has the data directory"), "{said}");
    let (code, said) = import(&[&url, "--into", &url]);
    assert!(code == Some(1) && said.contains("the store has no admin API"), "{said}");
    let (code, said) = import(&[&url]);
    assert!(code == Some(1) && said.contains("--data DIR, or --into URL"), "{said}");
    let (code, said) = import(&["http://127.0.0.1:1", "--data", "x"]);
    assert!(code == Some(1) && said.contains("cannot read the groups of the other Pushgateway"), "{said}");
}
