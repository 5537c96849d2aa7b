use promql::Memory;
use series::is_stale;

use super::*;
use crate::rules::RuleFile;

const MINUTE: i64 = 60_000;

fn group(rules: &str, start: Start) -> Group {
    let text = format!("groups:\n  - name: g\n{rules}");
    let file = RuleFile::parse(&text, "rules.yml").unwrap_or_else(|refused| panic!("{refused}"));
    Group::new(file.groups.into_iter().next().unwrap(), Settings::default(), start)
}

fn series(text: &str) -> Labels {
    let (name, labels) = text.split_once(' ').unwrap_or((text, ""));
    let pairs = labels.split(' ').filter_map(|pair| pair.split_once('='));
    [("__name__", name)].into_iter().chain(pairs).collect()
}

/// Evaluates at a minute, stores what comes back, and returns it as text.
fn step(group: &mut Group, memory: &mut Memory, minute: i64) -> (Vec<String>, Evaluation) {
    let evaluation = group.evaluate(minute * MINUTE, memory);
    let mut lines = Vec::new();
    for Point { labels, sample } in &evaluation.samples {
        memory.add(labels, *sample);
        let value = if is_stale(sample.value) { "stale".to_owned() } else { sample.value.to_string() };
        lines.push(format!("{labels} {value}"));
    }
    (lines, evaluation)
}

fn put(memory: &mut Memory, name: &str, minute: i64, value: f64) {
    memory.add(&series(name), Sample::new(minute * MINUTE, value));
}

#[test]
fn each_rule_sees_what_those_before_it_wrote_and_a_series_that_vanishes_ends() {
    let mut group = group(
        "    rules:\n      - { record: b, expr: a + 1 }\n      - { record: c, expr: b * 2 }\n      - { alert: High, expr: c > 9 }\n",
        Start::Fresh,
    );
    let mut memory = Memory::new();
    put(&mut memory, "a host=x", 0, 4.0);

    let (lines, evaluation) = step(&mut group, &mut memory, 0);
    assert_eq!(evaluation.failures, []);
    assert_eq!(
        lines,
        [
            "b{host=\"x\"} 5",
            "c{host=\"x\"} 10",
            "ALERTS{alertname=\"High\", alertstate=\"firing\", host=\"x\"} 1",
            "ALERTS_FOR_STATE{alertname=\"High\", host=\"x\"} 0",
        ]
    );

    put(&mut memory, "a host=x", 1, STALE);
    let (lines, _) = step(&mut group, &mut memory, 1);
    assert_eq!(
        lines,
        [
            "b{host=\"x\"} stale",
            "c{host=\"x\"} stale",
            "ALERTS{alertname=\"High\", alertstate=\"firing\", host=\"x\"} stale",
            "ALERTS_FOR_STATE{alertname=\"High\", host=\"x\"} stale",
        ]
    );
    assert_eq!(step(&mut group, &mut memory, 2).0, [""; 0]);
}

#[test]
fn a_rule_that_fails_keeps_its_alerts_and_the_others_go_on() {
    let mut group = group(
        "    rules:\n      - { alert: Up, expr: 'sum by (host) (a) / on (host) a' }\n      - { record: fine, expr: 1 }\n",
        Start::Fresh,
    );
    let mut memory = Memory::new();
    put(&mut memory, "a host=x job=1", 0, 1.0);
    let (lines, _) = step(&mut group, &mut memory, 0);
    assert_eq!(lines.len(), 3);

    // Two series on the one side of the match.
    put(&mut memory, "a host=x job=2", 1, 1.0);
    let (lines, evaluation) = step(&mut group, &mut memory, 1);
    assert_eq!(lines, ["fine 1"]);
    assert_eq!((evaluation.failures.len(), evaluation.failures[0].name.as_str()), (1, "Up"));
    assert_eq!(evaluation.changes, []);
    assert_eq!(group.firing().count(), 1);
    assert!(group.health().next().unwrap().1.is_some());
}

#[test]
fn the_labels_of_a_rule_win_and_duplicates_fail_the_rule() {
    let mut group = group(
        "    labels: { site: tokyo, team: g }\n    rules:\n      - { alert: A, expr: a, labels: { host: all, team: r } }\n",
        Start::Fresh,
    );
    let mut memory = Memory::new();
    put(&mut memory, "a host=x alertname=B", 0, 1.0);
    step(&mut group, &mut memory, 0);
    let labels = group.firing().next().unwrap().1.labels.to_string();
    assert_eq!(labels, "{alertname=\"A\", host=\"all\", site=\"tokyo\", team=\"r\"}");

    put(&mut memory, "a host=y", 1, 1.0);
    let (lines, evaluation) = step(&mut group, &mut memory, 1);
    assert!(evaluation.failures[0].reason.contains("same labelset"), "{:?}", evaluation.failures);
    assert_eq!(lines, [""; 0]);
}

#[test]
fn a_limit_fails_the_rule_and_an_offset_looks_back() {
    let mut limited = group("    limit: 1\n    rules:\n      - { alert: A, expr: a }\n", Start::Fresh);
    let mut memory = Memory::new();
    put(&mut memory, "a host=x", 0, 1.0);
    put(&mut memory, "a host=y", 1, 1.0);
    assert_eq!(step(&mut limited, &mut memory, 0).1.failures, []);
    let (_, evaluation) = step(&mut limited, &mut memory, 1);
    assert_eq!(evaluation.failures[0].reason, "exceeded limit of 1 with 2 alerts");
    assert_eq!(limited.firing().count(), 0);

    let mut late = group("    query_offset: 1m\n    rules:\n      - { record: b, expr: a }\n", Start::Fresh);
    let (lines, evaluation) = step(&mut late, &mut memory, 1);
    assert_eq!(lines, ["b{host=\"x\"} 1"]);
    assert_eq!(evaluation.samples[0].sample.timestamp, 0);
}

/// Runs a rule that holds for so many minutes until minute 20, then restarts it at `back`; returns when it fires.
fn fires_after_restart(hold: i64, active_from: i64, back: i64) -> i64 {
    let rules = format!("    rules:\n      - {{ alert: A, expr: a > 0, for: {hold}m }}\n");
    let mut memory = Memory::new();
    for minute in 0..200 {
        put(&mut memory, "a host=x", minute, if minute >= active_from { 1.0 } else { 0.0 });
    }
    let mut before = group(&rules, Start::Fresh);
    for minute in 0..=20 {
        step(&mut before, &mut memory, minute);
    }
    let mut after = group(&rules, Start::Restore);
    for minute in back..200 {
        let (lines, _) = step(&mut after, &mut memory, minute);
        assert_eq!(lines.is_empty(), minute < back + 2, "minute {minute}: {lines:?}");
        if after.firing().count() > 0 {
            return minute;
        }
    }
    panic!("it never fires");
}

#[test]
fn alerts_keep_their_time_over_a_restart() {
    // It fired before: again at the first evaluation after it was restored (the second is at 26).
    assert_eq!(fires_after_restart(15, 0, 25), 27);
    // 5 of 15 minutes were missing: 10 from when it was restored.
    assert_eq!(fires_after_restart(15, 10, 25), 26 + 10);
    // 20 of 30 were missing: the minutes that nobody watched do not count, the 20 do.
    assert_eq!(fires_after_restart(30, 10, 25), 26 + 20);
    // Shorter than the grace period: it waits its time from the beginning, as in Prometheus.
    assert_eq!(fires_after_restart(5, 0, 25), 30);
    // Too long ago.
    assert_eq!(fires_after_restart(15, 0, 100), 115);
}

#[test]
fn a_newer_file_keeps_the_alerts_of_the_same_rules_and_ends_the_series_of_others() {
    let mut old =
        group("    rules:\n      - { record: r, expr: a }\n      - { alert: A, expr: a > 0, for: 5m }\n", Start::Fresh);
    let mut memory = Memory::new();
    (0..10).for_each(|minute| put(&mut memory, "a host=x", minute, 1.0));
    (0..4).for_each(|minute| drop(step(&mut old, &mut memory, minute)));

    let mut new = group("    rules:\n      - { alert: A, expr: a >= 1, for: 5m }\n", Start::Fresh);
    new.inherit(old);
    let (lines, _) = step(&mut new, &mut memory, 5);
    assert!(lines.contains(&"r{host=\"x\"} stale".to_owned()), "{lines:?}");
    assert_eq!(new.firing().count(), 1);

    let ends = new.retire(6 * MINUTE);
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|point| is_stale(point.sample.value)));
}

#[test]
fn two_rules_cannot_write_different_values_of_a_series() {
    let mut group = group("    rules:\n      - { record: r, expr: 1 }\n      - { record: r, expr: 2 }\n", Start::Fresh);
    let (lines, evaluation) = step(&mut group, &mut Memory::new(), 0);
    assert_eq!(lines, ["r 1"]);
    assert_eq!(evaluation.failures[0].rule, 1);
}
