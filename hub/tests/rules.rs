//! `noroshi rules` from outside: what it prints, and how it ends.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test; clippy sees only functions with #[test] as tests"
)]

use std::path::Path;
use std::process::Command;

/// Runs `noroshi rules` beside the repository's own rules: its exit code, and what it printed.
fn rules(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_noroshi"))
        .arg("rules")
        .args(arguments)
        .env_clear()
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn our_own_rules_are_understood_and_their_tests_pass() {
    let (code, text) = rules(&["check", "alert-rules/hosts.yml", "alert-rules/recording.yml"]);
    assert!(code == 0 && text.ends_with("2 files passed, 0 failed\n"), "{text}");
    for semantics in ["2", "3"] {
        let (code, text) = rules(&["test", "--semantics", semantics, "alert-rules/tests/watchdog.yml"]);
        assert!(code == 0 && text.ends_with("1 files passed, 0 failed\n"), "{text}");
    }
}

#[test]
fn what_fails_is_told_with_file_and_reason_and_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let broken = file("broken.yml", "groups: [{name: a, rules: [{alert: A, expr: 'up ==='}]}]\n");
    let rule = file("rule.yml", "groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]\n");
    let test = file(
        "test.yml",
        "rule_files: [rule.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series: [{series: up, values: 1x5}]\n  \
         alert_rule_test: [{eval_time: 3m, alertname: A, exp_alerts: [{exp_labels: {}}]}]\n",
    );

    let (code, text) = rules(&["check", &rule, &broken]);
    assert!(code == 1 && text.contains("broken.yml") && text.contains("1 files passed, 1 failed\n"), "{code} {text}");
    let (code, text) = rules(&["test", &test]);
    assert!(
        code == 1 && text.contains("test.yml: 1 tests, FAILED") && text.ends_with("error: 1 of 1 files failed\n"),
        "{text}"
    );
    let (code, text) = rules(&["--language", "ja", "test", &test]);
    assert!(code == 1 && text.contains("成功 0 ファイル、失敗 1 ファイル"), "{text}");
    assert_eq!(rules(&["check"]).0, 2);
    assert_eq!(rules(&["check", "no-such.yml"]).0, 1);
}
