//! The same queries over the store and over the plain storage of crates/promql, on the same samples: the answers are the same
//! to the bit, whether the samples are in memory, in blocks, or in both.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use promql::{Engine, Memory, Query, Range, Value};
use series::{Labels, METRIC_NAME, STALE, Sample};
use tsdb::{Options, Store, Sync};

const BEGIN: i64 = 1_760_000_000_000;
const STEPS: i64 = 5 * 240;

const QUERIES: [&str; 22] = [
    "up",
    "up == 0",
    "up{instance=~\"host-[12]\"}",
    "up{instance!~\"host-[12]\"}",
    "up{nosuch=\"\"}",
    "{__name__=~\"node_.*\",cpu!=\"\"}",
    "time() - push_time_seconds > 100",
    "absent(up{instance=\"nobody\"})",
    "rate(node_cpu_seconds_total[5m])",
    "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))",
    "increase(node_cpu_seconds_total[1h])",
    "avg_over_time(load[10m]) > 0.5",
    "max_over_time(rate(node_cpu_seconds_total[2m])[30m:1m])",
    "topk(2, load)",
    "load offset 90m",
    "load @ 1760009000",
    "changes(up[2h])",
    "count_over_time(load[3h])",
    "timestamp(load)",
    "quantile_over_time(0.9, load[20m])",
    "predict_linear(load[30m], 3600)",
    "last_over_time(push_time_seconds[1h])",
];

/// Samples in the order in which they come; some late.
fn samples() -> Vec<(Labels, Sample)> {
    let mut all = Vec::new();
    for step in 0..STEPS {
        for host in 0..5_i64 {
            let instance = format!("host-{host}");
            // One host is gone for a while, and another for good, which a marker says.
            if host == 3 && (200..300).contains(&step) || host == 4 && step > 700 {
                continue;
            }
            let time = BEGIN + step * 15_000 + host * 700 + step * 7919 % 50;
            let mut add = |labels: &[(&str, &str)], value: f64| {
                let labels = labels.iter().copied().chain([("instance", instance.as_str())]).collect();
                all.push((labels, Sample::new(time, value)));
            };
            let number = |seed: i64| ((step * 31 + host * 17 + seed) * 7919 % 1000) as f64 / 1000.0;
            add(&[(METRIC_NAME, "up")], if number(1) < 0.02 { 0.0 } else { 1.0 });
            add(&[(METRIC_NAME, "load")], if step == 500 { f64::NAN } else { number(2).sqrt() });
            add(&[(METRIC_NAME, "push_time_seconds")], time as f64 / 1000.0);
            for (cpu, mode) in [("0", "user"), ("0", "idle"), ("1", "user"), ("1", "idle")] {
                let base = if step > 600 { step - 600 } else { step };
                add(&[(METRIC_NAME, "node_cpu_seconds_total"), ("cpu", cpu), ("mode", mode)], base as f64 * 7.25);
            }
            if host == 4 && step == 700 {
                add(&[(METRIC_NAME, "gone")], STALE);
                all.push((
                    [(METRIC_NAME, "up"), ("instance", "host-4")].into_iter().collect(),
                    Sample::new(time + 1, STALE),
                ));
            }
        }
    }
    // What a host could not push for half an hour comes at once, later.
    let (late, mut regular): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(place, _)| {
        let step = *place as i64 / 35;
        (400..520).contains(&step) && place % 35 < 7
    });
    regular.extend(late);
    regular.into_iter().map(|(_, sample)| sample).collect()
}

fn compare(store: &Store, memory: &Memory, when: &str) {
    let engine = Engine::default();
    let end = BEGIN + STEPS * 15_000;
    for text in QUERIES {
        let query = Query::parse(text).unwrap();
        for time in [BEGIN + 3_600_000, BEGIN + 9_000_007, end - 60_000, end] {
            let ours = engine.instant(store, &query, time).unwrap().value;
            let plain = engine.instant(memory, &query, time).unwrap().value;
            assert_eq!(flat(ours), flat(plain), "{when}: {text} at {time}");
        }
        let range = Range { start: BEGIN, end, step: 60_000 };
        let ours = engine.range(store, &query, range).unwrap().value;
        let plain = engine.range(memory, &query, range).unwrap().value;
        assert_eq!(flat(ours), flat(plain), "{when}: {text} as a range");
    }
}

/// Each series with its times and the bits of its values.
fn flat(value: Value) -> Vec<(String, Vec<(i64, u64)>)> {
    let bits = |sample: &Sample| (sample.timestamp, sample.value.to_bits());
    let mut all: Vec<_> = match value {
        Value::Vector(points) => {
            points.iter().map(|point| (point.labels.to_string(), vec![bits(&point.sample)])).collect()
        }
        Value::Matrix(all) => {
            all.iter().map(|points| (points.labels.to_string(), points.samples.iter().map(bits).collect())).collect()
        }
        other => panic!("{other:?}"),
    };
    all.sort();
    all
}

#[test]
fn queries_over_the_store_answer_as_over_plain_samples() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { sync: Sync::Never, ..Options::default() };
    let (store, _) = Store::open(dir.path(), options.clone()).unwrap();
    let mut memory = Memory::new();
    let samples = samples();
    let now = BEGIN + STEPS * 15_000;
    for (place, (labels, sample)) in samples.iter().enumerate() {
        let series = store.series(labels).unwrap();
        assert_eq!(store.append(now, [(&series, *sample)]).unwrap().stored, 1);
        memory.add(labels, *sample);
        if place == samples.len() / 2 {
            store.flush().unwrap();
        }
    }
    compare(&store, &memory, "half in blocks");
    drop(store);
    let (store, _) = Store::open(dir.path(), options).unwrap();
    compare(&store, &memory, "after a restart");
    store.flush().unwrap();
    store.upkeep(now + 24 * 3_600_000).unwrap();
    compare(&store, &memory, "all in blocks");
}
