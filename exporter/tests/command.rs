//! The command as cron, a shell and an operator see it: exit codes, stdout and stderr.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};

/// Runs the command in an environment of nothing but `variables`.
fn exporter(arguments: &[&str], state: &Path, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noroshi-exporter"))
        .args(arguments)
        .env_clear()
        .env("NOROSHI_EXPORTER_STATE", state)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// A gateway that takes `pushes` pushes; the handle returns the request lines.
fn gateway(pushes: usize) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let take = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // The last line of every page is that of the last family by name.
            while !String::from_utf8_lossy(&request).contains("\nprocess_virtual_memory_max_bytes ") {
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "the request ended early");
                request.extend_from_slice(&buffer[..count]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
        };
        (0..pushes).map(take).collect()
    });
    (url, served)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn cron_hears_nothing_of_a_push_that_went_well() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("exporter.json");
    let (url, served) = gateway(2);
    for _ in 0..2 {
        let output = exporter(&["push"], &state, &[("PUSHGATEWAY_URL", &format!("{url}/metrics/job/a/instance/b"))]);
        assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(0), "", ""));
    }
    assert_eq!(served.join().unwrap(), ["PUT /metrics/job/a/instance/b HTTP/1.1"; 2]);
}

#[test]
fn what_a_push_left_is_what_the_next_one_counts_from() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("exporter.json");
    let (url, served) = gateway(1);
    exporter(&["push"], &state, &[("PUSHGATEWAY_URL", &url)]);
    served.join().unwrap();

    // As if that push had been made right after the boot: between two of this test's no tick of the CPUs may pass.
    let mut left: serde_json::Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let cpu = &mut left["reading"]["cpu"];
    (cpu["busy"], cpu["idle"]) = (0.into(), 0.into());
    std::fs::write(&state, left.to_string()).unwrap();

    let printed = exporter(&["print"], &state, &[]);
    let ratio = text(&printed.stdout).lines().find_map(|line| line.strip_prefix("noroshi_exporter_cpu_used_ratio "));
    let ratio: f64 = ratio.unwrap().parse().unwrap();
    assert!((0.0..=1.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_push_that_failed_is_one_line_and_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = directory.path().join("noroshi.yaml");
    std::fs::write(&config, "exporter:\n  retry_budget: 0s\n").unwrap();
    let variables = [("PUSHGATEWAY_URL", url.as_str()), ("NOROSHI_CONFIG", config.to_str().unwrap())];
    let output = exporter(&["push"], &directory.path().join("exporter.json"), &variables);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with(&format!("error: {url} refuses the connection")) && said.lines().count() == 1, "{said}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_log_on_a_full_disk_costs_no_push_and_no_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let (url, served) = gateway(1);
    // A directory in the place of the state file is worth two warnings.
    for (arguments, url, code) in [(&["push"][..], url.as_str(), 0), (&["push", "--check"], "nonsense", 78)] {
        let status = Command::new(env!("CARGO_BIN_EXE_noroshi-exporter"))
            .args(arguments)
            .env_clear()
            .env("NOROSHI_EXPORTER_STATE", directory.path())
            .env("PUSHGATEWAY_URL", url)
            .stderr(File::options().write(true).open("/dev/full").unwrap())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code));
    }
    served.join().unwrap();
}

#[test]
fn a_wrong_configuration_is_exit_code_78() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("exporter.json");
    let file = directory.path().join("noroshi.yaml");
    std::fs::write(&file, "exporter:\n  ulr: https://gate\n").unwrap();
    for (arguments, variables, reason) in [
        (&["push", "--check"][..], &[("NOROSHI_CONFIG", file.to_str().unwrap())][..], "unknown field `ulr`"),
        (&["push"], &[("PUSHGATEWAY_URL", "https://prom:hunter2@gate")], "the URL has a user or password in it"),
        (&["push"], &[("PUSHGATEWAY_USER", "prom")], "there is a user but no password"),
        (&["push"], &[("PUSHGATEWAY_CACERT", "/nowhere/ca.pem")], "cannot read the certificates in /nowhere/ca.pem"),
    ] {
        let output = exporter(arguments, &state, variables);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(reason) && !said.contains("hunter2"), "{said}");
    }
    assert!(!state.exists());
}

#[test]
fn a_check_says_where_a_push_would_go() {
    let directory = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:9091/metrics/job/a/instance/b";
    let output = exporter(&["push", "--check"], &directory.path().join("x"), &[("PUSHGATEWAY_URL", url)]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), format!("the configuration holds: a push goes to {url}\n"));
}

#[test]
fn a_word_that_is_no_command_is_exit_code_2() {
    assert_eq!(exporter(&["psuh"], Path::new("/nowhere"), &[]).status.code(), Some(2));
}
