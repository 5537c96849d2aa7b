//! Random rules and series: what our engine makes of them is written down as a test file, and the real promtool must agree.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Write;
use std::io::ErrorKind;
use std::process::Command;

use promql::{Engine, Memory, Query, Semantics, Value};
use rule_engine::{Group, RuleFile, Settings, Start};
use series::{Labels, STALE, Sample};

const MINUTES: i64 = 40;
const MINUTE: i64 = 60_000;
const FILES: u64 = 25;

/// The same numbers in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn rules(numbers: &mut Numbers) -> String {
    format!(
        "groups:\n  - name: random\n    rules:\n      \
         - {{ record: m:twice, expr: m * 2, labels: {{ kind: twice }} }}\n      \
         - {{ alert: Kept, expr: m > 0, for: {}m, keep_firing_for: {}m, labels: {{ v: '{{{{ $value }}}}' }} }}\n      \
         - {{ alert: Chained, expr: 'm:twice > 2', for: {}m, annotations: {{ a: '{{{{ $labels.host }}}} {{{{ $value | humanize }}}}' }} }}\n      \
         - {{ alert: Meta, expr: 'count(ALERTS{{alertname!=\"Meta\",alertstate=\"firing\"}}) > 1', for: {}m, keep_firing_for: {}m }}\n",
        numbers.below(4),
        numbers.below(4),
        numbers.below(5),
        numbers.below(2),
        numbers.below(3),
    )
}

/// Returns the values of a series, each with the word that a test file has for it.
fn values(numbers: &mut Numbers) -> Vec<(String, Option<f64>)> {
    (0..=MINUTES)
        .map(|_| match numbers.below(9) {
            0 | 1 => ("0".to_owned(), Some(0.0)),
            2 => ("_".to_owned(), None),
            3 => ("stale".to_owned(), Some(STALE)),
            4 => ("1.5".to_owned(), Some(1.5)),
            5 => ("2e3".to_owned(), Some(2000.0)),
            _ => ("1".to_owned(), Some(1.0)),
        })
        .collect()
}

/// Runs the rules, and writes what comes of them as a test file.
fn test_file(seed: u64, rules: &str, rule_file: &str, numbers: &mut Numbers) -> String {
    let engine = Engine { semantics: Semantics::V2, ..Engine::default() };
    let parsed = RuleFile::parse(rules, "random.yml").unwrap();
    let settings = Settings { engine, ..Settings::default() };
    let mut group = Group::new(parsed.groups.into_iter().next().unwrap(), settings, Start::Fresh);
    let hosts: Vec<(Labels, Vec<_>)> =
        ["a", "b", "c"].map(|host| ([("__name__", "m"), ("host", host)].into_iter().collect(), values(numbers))).into();
    let mut inputs = String::new();
    for (labels, values) in &hosts {
        let words: Vec<&str> = values.iter().map(|(word, _)| word.as_str()).collect();
        let series = quoted(&labels.to_string());
        let _ = writeln!(inputs, "      - {{ series: {series}, values: '{}' }}", words.join(" "));
    }
    let mut memory = Memory::new();
    let (mut queries, mut alerts) = (String::new(), String::new());
    let everything = Query::parse(r#"{__name__=~"ALERTS.*|m:twice"}"#).unwrap();
    for minute in 0..=MINUTES {
        let now = minute * MINUTE;
        for (labels, values) in &hosts {
            values[minute as usize].1.into_iter().for_each(|value| memory.add(labels, Sample::new(now, value)));
        }
        let evaluation = group.evaluate(now, &memory);
        assert_eq!(evaluation.failures, []);
        evaluation.samples.iter().for_each(|point| memory.add(&point.labels, point.sample));

        let query = quoted(everything.text());
        let _ = writeln!(queries, "      - expr: {query}\n        eval_time: {minute}m\n        exp_samples:");
        let Value::Vector(points) = engine.instant(&memory, &everything, now).unwrap().value else { panic!() };
        for point in points {
            let (labels, value) = (quoted(&point.labels.to_string()), point.sample.value);
            let _ = writeln!(queries, "          - {{ labels: {labels}, value: {value} }}");
        }
        for name in ["Kept", "Chained", "Meta"] {
            let _ = writeln!(alerts, "      - alertname: {name}\n        eval_time: {minute}m\n        exp_alerts:");
            for (_, alert) in group.firing().filter(|(rule, _)| rule.alert == name) {
                let labels: Vec<String> =
                    alert.labels.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
                let annotations: Vec<String> =
                    alert.annotations.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
                let (labels, annotations) = (labels.join(", "), annotations.join(", "));
                let _ = writeln!(
                    alerts,
                    "          - {{ exp_labels: {{ {labels} }}, exp_annotations: {{ {annotations} }} }}"
                );
            }
        }
    }
    format!(
        "rule_files: [{rule_file}]\nevaluation_interval: 1m\ntests:\n  - name: seed {seed}\n    interval: 1m\n    input_series:\n{inputs}    \
         alert_rule_test:\n{alerts}    promql_expr_test:\n{queries}"
    )
}

#[test]
fn promtool_agrees_with_what_we_make_of_random_rules() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for seed in 1..=FILES {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let rules = rules(&mut numbers);
        let rule_file = format!("rules-{seed}.yml");
        std::fs::write(folder.path().join(&rule_file), &rules).unwrap();
        let test = test_file(seed, &rules, &rule_file, &mut numbers);
        let path = folder.path().join(format!("test-{seed}.yml"));
        std::fs::write(&path, test).unwrap();
        files.push(path);
    }
    let output = match Command::new("promtool").args(["test", "rules"]).args(&files).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("promtool is missing; install it: sudo apt-get install --no-install-recommends prometheus")
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let passed = String::from_utf8_lossy(&output.stdout).matches("SUCCESS").count();
    assert_eq!(passed, files.len());
}
