//! The store and a map that does the same, through the same operations in any order: appends of any age, ends of the
//! process, blocks, merges, retention. What they answer is the same.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use promql::Storage;
use proptest::prelude::*;
use series::{Labels, METRIC_NAME, Matcher, STALE, Sample};
use tsdb::{Options, Refusal, Store, Sync};

const HOUR: i64 = 3_600_000;
/// On the edge of a block.
const BEGIN: i64 = 244_400 * 2 * HOUR;
const SERIES: usize = 5;

#[derive(Clone, Debug)]
enum Operation {
    /// Samples for a series, so long after the beginning.
    Append(Vec<(usize, i64, f64)>),
    /// A regular stretch, as a scrape would bring it.
    Scrapes {
        series: usize,
        from: i64,
        count: i64,
    },
    Flush,
    /// So long after the beginning.
    Upkeep(i64),
    Reopen,
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000..1000_i32).prop_map(|number| f64::from(number) / 10.0),
        any::<u64>().prop_map(f64::from_bits),
        Just(STALE),
        Just(-0.0),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    // Few enough moments that many are hit twice.
    let time = prop_oneof![(0..300_i64).prop_map(|minute| minute * 60_000), 0..100 * HOUR];
    prop_oneof![
        6 => prop::collection::vec((0..SERIES, time, value()), 1..40).prop_map(Operation::Append),
        3 => (0..SERIES, 0..100 * HOUR, 1..400_i64)
            .prop_map(|(series, from, count)| Operation::Scrapes { series, from, count }),
        2 => Just(Operation::Flush),
        2 => (0..110 * HOUR).prop_map(Operation::Upkeep),
        2 => Just(Operation::Reopen),
    ]
}

/// What is kept of each series, by time.
type Model = BTreeMap<usize, BTreeMap<i64, u64>>;

fn labels(series: usize) -> Labels {
    [(METRIC_NAME, "m".to_owned()), ("series", series.to_string())].into_iter().collect()
}

fn options(retention: Duration) -> Options {
    Options { sync: Sync::Never, retention, ..Options::default() }
}

fn append(store: &Store, model: &mut Model, samples: &[(usize, i64, f64)]) {
    let known: Vec<_> = (0..SERIES).map(|series| store.series(&labels(series)).unwrap()).collect();
    let batch = samples.iter().map(|(series, time, value)| (&known[*series], Sample::new(BEGIN + time, *value)));
    let appended = store.append(BEGIN + 100 * HOUR, batch).unwrap();
    for refused in &appended.refused {
        assert_eq!(refused.reason, Refusal::Conflict);
        let (series, time, value) = samples[refused.place];
        let kept = model.get(&series).and_then(|samples| samples.get(&time));
        // Kept before this batch, or earlier in it.
        let earlier = samples[..refused.place].iter().any(|(s, t, _)| (*s, *t) == (series, time));
        assert!(earlier || kept.is_some_and(|kept| *kept != value.to_bits()));
    }
    assert_eq!(appended.stored + appended.duplicates + appended.refused.len(), samples.len());
    for (series, time, value) in samples {
        model.entry(*series).or_default().entry(*time).or_insert(value.to_bits());
    }
}

fn run(store: Store, model: &mut Model, operation: &Operation, dir: &Path) -> Store {
    match operation {
        Operation::Append(samples) => append(&store, model, samples),
        Operation::Scrapes { series, from, count } => {
            let samples: Vec<_> = (0..*count)
                .map(|place| (*series, from + place * 15_000 + place % 7, (place * 3) as f64))
                .filter(|(_, time, _)| *time <= 100 * HOUR)
                .collect();
            append(&store, model, &samples);
        }
        Operation::Flush => store.flush().unwrap(),
        Operation::Upkeep(now) => store.upkeep(BEGIN + now).unwrap(),
        Operation::Reopen => {
            let options = store.options().clone();
            drop(store);
            let (store, found) = Store::open(dir, options).unwrap();
            assert!(found.is_whole(), "{found:?}");
            return store;
        }
    }
    store
}

fn read(store: &Store, series: usize, start: i64, end: i64) -> Vec<(i64, u64)> {
    let matchers = [Matcher::equal(METRIC_NAME, "m"), Matcher::equal("series", series.to_string())];
    let found = store.select(&matchers, BEGIN + start, BEGIN + end).unwrap();
    assert!(found.len() <= 1);
    let mut samples = Vec::new();
    for stored in found {
        assert_eq!(stored.labels(), &labels(series));
        stored.read(&mut samples).unwrap();
    }
    samples.iter().map(|sample| (sample.timestamp - BEGIN, sample.value.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_a_map_does(
        operations in prop::collection::vec(operation(), 1..40),
        questions in prop::collection::vec((0..SERIES, 0..100 * HOUR, 0..30 * HOUR), 1..10),
        days in 1..40_u64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        // Long enough that nothing goes, long or short enough that blocks grow to a day or do not.
        let options = options(Duration::from_secs(days * 24 * 3600).max(Duration::from_secs(120 * 3600)));
        let (mut store, _) = Store::open(dir.path(), options).unwrap();
        let mut model = Model::new();
        for operation in &operations {
            store = run(store, &mut model, operation, dir.path());
        }
        for (series, samples) in &model {
            let wanted: Vec<(i64, u64)> = samples.iter().map(|(time, value)| (*time, *value)).collect();
            prop_assert_eq!(read(&store, *series, 0, 100 * HOUR), wanted);
        }
        for (series, start, length) in questions {
            let of = model.get(&series).cloned().unwrap_or_default();
            let wanted: Vec<_> = of.range(start..=start + length).map(|(time, value)| (*time, *value)).collect();
            prop_assert_eq!(read(&store, series, start, start + length), wanted);
        }
        prop_assert_eq!(store.stats().damaged_total, 0);
    }

    #[test]
    fn what_is_younger_than_the_retention_stays(operations in prop::collection::vec(operation(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(dir.path(), options(Duration::from_secs(30 * 3600))).unwrap();
        let mut model = Model::new();
        for operation in &operations {
            // What is older than the retention is refused, which the other test does not want to see.
            if let Operation::Append(samples) = operation
                && samples.iter().any(|(_, time, _)| *time < 70 * HOUR)
            {
                continue;
            }
            if matches!(operation, Operation::Scrapes { from, .. } if *from < 70 * HOUR) {
                continue;
            }
            store = run(store, &mut model, operation, dir.path());
        }
        store.flush().unwrap();
        store.upkeep(BEGIN + 100 * HOUR).unwrap();
        let newest = model.values().filter_map(|samples| samples.keys().max()).max().copied().unwrap_or(0);
        for (series, samples) in &model {
            let kept = read(&store, *series, 0, 100 * HOUR);
            let wanted: Vec<_> = samples.range(newest - 30 * HOUR..).map(|(time, value)| (*time, *value)).collect();
            prop_assert!(kept.iter().all(|(time, value)| samples.get(time) == Some(value)));
            prop_assert!(wanted.iter().all(|sample| kept.contains(sample)));
        }
    }
}
