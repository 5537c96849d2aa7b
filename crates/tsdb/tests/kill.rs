//! A process that appends is killed at any moment, again and again. What it had said was appended is there afterwards.
//!
//! `NOROSHI_TSDB_KILLS=200` kills as often; 50 times without it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use promql::Storage;
use series::{Labels, METRIC_NAME, Matcher, Sample};
use tsdb::{Options, SeriesRef, Store, Sync};

const BEGIN: i64 = 1_760_000_000_000;
const SERIES: usize = 20;
const CHILD: &str = "NOROSHI_TSDB_CHILD";

fn options() -> Options {
    // Small enough that blocks are written and merged all the time.
    Options { sync: Sync::Every(Duration::from_millis(20)), head_bytes: 40_000, ..Options::default() }
}

fn series(store: &Store) -> Vec<SeriesRef> {
    let labels = |place: usize| -> Labels {
        [(METRIC_NAME, "kept".to_owned()), ("series", place.to_string())].into_iter().collect()
    };
    (0..SERIES).map(|place| store.series(&labels(place)).unwrap()).collect()
}

/// The time and value of a round's samples: some come late.
fn sample(round: i64) -> Sample {
    let late = if round % 10 == 9 { 3 * 3_600_000 } else { 0 };
    Sample::new(BEGIN + round * 60_000 - late, round as f64 / 10.0)
}

/// Not a test by itself: what the other one starts and kills.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let (store, _) = Store::open(&dir, options()).unwrap();
    let series = series(&store);
    let first = std::fs::read_to_string(dir.join("round")).map_or(0, |round| round.parse().unwrap());
    let mut out = std::io::stdout();
    for round in first.. {
        let now = BEGIN + round * 60_000;
        let appended = store.append(now, series.iter().map(|series| (series, sample(round)))).unwrap();
        assert!(appended.refused.is_empty());
        writeln!(out, "appended {round}").unwrap();
        out.flush().unwrap();
        if round % 20 == 0 {
            store.upkeep(now).unwrap();
        }
    }
}

/// Starts the child, kills it after a while, and returns the last round that it told of.
fn kill_one(dir: &Path, after: Duration) -> Option<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (begun, reader) = (std::sync::mpsc::channel(), lines);
    let (tell, told) = begun;
    let reading = std::thread::spawn(move || {
        let mut last = None;
        for line in reader {
            let Ok(line) = line else { break };
            // The test's own name stands before the first one.
            if let Some((_, round)) = line.split_once("appended ")
                && let Ok(round) = round.parse()
            {
                if last.is_none() {
                    let _ = tell.send(());
                }
                last = Some(round);
            }
        }
        last
    });
    // The wait begins when the child has begun.
    let _ = told.recv_timeout(Duration::from_secs(20));
    let _ = told.recv_timeout(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

#[test]
fn what_was_appended_outlives_any_kill() {
    let kills: u64 = std::env::var("NOROSHI_TSDB_KILLS").map_or(50, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (mut last, mut random) = (-1, 88_172_645_463_325_252_u64);
    for kill in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        last = kill_one(dir.path(), Duration::from_micros(random % 60_000)).unwrap_or(last).max(last);
        // The next one goes on behind it.
        std::fs::write(dir.path().join("round"), (last + 1).to_string()).unwrap();
        if kill % 5 == 4 || kill + 1 == kills {
            check(dir.path(), last);
        }
    }
    println!("{kills} kills, {} rounds of {SERIES} samples, none lost", last + 1);
    assert!(last > kills as i64, "hardly anything was appended: {last}");
}

fn check(dir: &Path, last: i64) {
    let (store, found) = Store::open(dir, options()).unwrap();
    // A kill leaves no half record: the kernel has what was written.
    assert!(found.is_whole(), "{found:?}");
    let matchers = [Matcher::equal(METRIC_NAME, "kept")];
    let selected = store.select(&matchers, BEGIN - 100_000_000, i64::MAX).unwrap();
    assert_eq!(selected.len(), SERIES);
    let mut wanted: Vec<Sample> = Vec::new();
    for round in 0..=last {
        wanted.push(sample(round));
    }
    // Late samples may meet earlier ones: the first stays.
    wanted.sort_by_key(|sample| sample.timestamp);
    wanted.dedup_by_key(|sample| sample.timestamp);
    for stored in selected {
        let mut samples = Vec::new();
        stored.read(&mut samples).unwrap();
        // One round may be there that the parent was not told of.
        let beyond = sample(last + 1);
        samples.retain(|kept| *kept != beyond || wanted.contains(kept));
        assert_eq!(samples, wanted, "{}", stored.labels());
    }
}
