//! Our store, in this process.

use std::path::Path;
use std::time::{Duration, Instant};

use promql::{Engine, Query, Range, Value};
use series::{Labels, Sample};
use tsdb::{Options, SeriesRef, Store, Sync};

use crate::fleet::{Host, STEP};
use crate::queries::ASKED;
use crate::{MINUTE, figure, median, memory};

pub fn run(dir: &Path, hosts: usize, hours: i64, end: i64) {
    let options = Options { sync: Sync::Every(Duration::from_secs(1)), ..Options::default() };
    let (store, _) = Store::open(dir, options).expect("the store opens");
    let mut fleet: Vec<Host> = (0..hosts).map(Host::new).collect();
    let series: Vec<Vec<SeriesRef>> = fleet
        .iter()
        .map(|host| host.series.iter().map(|series| store.series(&series.labels).expect("there is room")).collect())
        .collect();
    // The store has them now, and the product would not keep them twice.
    fleet.iter_mut().flat_map(|host| &mut host.series).for_each(|series| series.labels = Labels::empty());
    let begin = end - hours * 3_600_000;
    let (mut spent, mut count, mut peak) = (Duration::ZERO, 0_u64, 0.0_f64);
    let mut values = Vec::new();
    for step in 0..hours * 3_600_000 / STEP {
        let now = begin + step * STEP;
        for (host, series) in fleet.iter_mut().zip(&series) {
            values.clear();
            let time = host.push(now, &mut |_, value| values.push(value));
            let begun = Instant::now();
            let batch = series.iter().zip(&values).map(|(series, value)| (series, Sample::new(time, *value)));
            let appended = store.append(time, batch).expect("the disk takes it");
            spent += begun.elapsed();
            count += appended.stored as u64;
        }
        // Every minute, as the product does.
        if step % 4 == 0 {
            let begun = Instant::now();
            store.upkeep(now).expect("the disk takes it");
            spent += begun.elapsed();
        }
        if step % 40 == 0 {
            peak = peak.max(memory("self").0);
        }
    }
    figure("ours", "samples", count as f64);
    figure("ours", "ingest, samples/s", count as f64 / spent.as_secs_f64());
    figure("ours", "RSS MB after ingest", memory("self").0);
    figure("ours", "RSS MB, most seen", peak);
    let stats = store.stats();
    figure("ours", "disk MB", (stats.block_bytes + stats.log_bytes) as f64 / 1e6);
    figure("ours", "of it log MB", stats.log_bytes as f64 / 1e6);
    figure(
        "ours",
        "bytes/sample in blocks",
        stats.block_bytes as f64 / (stats.samples - stats.head_samples).max(1) as f64,
    );
    figure("ours", "head MB (its own count)", stats.head_bytes as f64 / 1e6);
    ask(&store, begin, end);
    figure("ours", "RSS MB after queries", memory("self").0);
    drop(store);
    let begun = Instant::now();
    let (store, found) = Store::open(dir, Options::default()).expect("the store opens");
    assert!(found.is_whole());
    figure("ours", "start, s", begun.elapsed().as_secs_f64());
    drop(store);
}

fn ask(store: &Store, begin: i64, end: i64) {
    let engine = Engine::default();
    for asked in &ASKED {
        let query = Query::parse(asked.query).expect("the query is one");
        let times = (0..if asked.is_range { 5 } else { 21 }).map(|_| {
            let begun = Instant::now();
            let answer = if asked.is_range {
                engine.range(store, &query, Range { start: begin, end, step: MINUTE })
            } else {
                engine.instant(store, &query, end)
            };
            let value = answer.expect("the query has an answer").value;
            if asked.is_range {
                assert!(matches!(&value, Value::Matrix(all) if !all.is_empty()), "{}", asked.name);
            }
            begun.elapsed().as_secs_f64() * 1000.0
        });
        figure("ours", &format!("{}, ms", asked.name), median(times.collect()));
    }
}
