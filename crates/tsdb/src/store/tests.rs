use std::fs::{self, OpenOptions};
use std::time::Duration;

use promql::Storage;
use series::{Matcher, STALE, Sample};

use super::*;
use crate::error::{Error, Refusal};
use crate::merge::WINDOW;
use crate::options::{Limits, Sync};

/// On the edge of a block.
const BEGIN: i64 = 244_400 * WINDOW;

fn options() -> Options {
    Options { sync: Sync::Never, ..Options::default() }
}

fn open(dir: &Path, options: Options) -> Store {
    let (store, found) = Store::open(dir, options).unwrap();
    assert!(found.is_whole(), "{found:?}");
    store
}

fn labels(name: &str) -> Labels {
    [("__name__", name), ("instance", "db-1")].into_iter().collect()
}

/// Appends a sample at its own time and says what became of it.
fn append(store: &Store, name: &str, time: i64, value: f64) -> Result<Appended, Error> {
    let series = store.series(&labels(name)).unwrap();
    store.append(time, [(&series, Sample::new(time, value))])
}

/// Appends a sample that is taken.
fn keep(store: &Store, name: &str, time: i64, value: f64) {
    let appended = append(store, name, time, value).unwrap();
    assert_eq!((appended.stored, appended.refused.len()), (1, 0));
}

fn samples(store: &Store, name: &str) -> Vec<(i64, f64)> {
    let mut samples = Vec::new();
    for stored in store.select(&[Matcher::equal("__name__", name)], i64::MIN, i64::MAX).unwrap() {
        stored.read(&mut samples).unwrap();
    }
    samples.iter().map(|sample| (sample.timestamp, sample.value)).collect()
}

fn block_count(store: &Store) -> u64 {
    store.stats().blocks
}

#[test]
fn the_first_of_two_values_at_one_moment_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());

    assert_eq!(append(&store, "up", BEGIN, 1.0).unwrap().stored, 1);
    assert_eq!(append(&store, "up", BEGIN, 1.0).unwrap().duplicates, 1);
    let refused = append(&store, "up", BEGIN, 0.0).unwrap().refused;

    assert_eq!(refused, [Refused { place: 0, reason: Refusal::Conflict }]);
    store.flush().unwrap();
    assert_eq!(append(&store, "up", BEGIN, 0.0).unwrap().stored, 1, "nobody looks into blocks");
    assert_eq!(samples(&store, "up"), [(BEGIN, 1.0)]);
    let stats = store.stats();
    assert_eq!((stats.duplicates_total, stats.conflicts_total, stats.appended_total), (1, 1, 2));
}

#[test]
fn times_that_cannot_be_are_refused_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let series = store.series(&labels("up")).unwrap();
    let times = [i64::MIN, BEGIN - 16 * 24 * 3_600_000, BEGIN - 3_600_000, BEGIN, BEGIN + 600_001, i64::MAX];

    let appended = store.append(BEGIN, times.map(|time| (&series, Sample::new(time, 1.0)))).unwrap();

    assert_eq!(appended.stored, 2);
    let reasons: Vec<_> = appended.refused.into_iter().map(|refused| (refused.place, refused.reason)).collect();
    assert_eq!(
        reasons,
        [(0, Refusal::TooOld), (1, Refusal::TooOld), (4, Refusal::TooFarAhead), (5, Refusal::TooFarAhead)]
    );
    // A clock at the end of time, or before it, is no reason to fall over.
    for now in [i64::MIN, 0, i64::MAX] {
        let _ = store.append(now, [(&series, Sample::new(now, 1.0))]).unwrap();
        let _ = store.append(now, [(&series, Sample::new(BEGIN, 1.0))]).unwrap();
        store.upkeep(now).unwrap();
    }
    assert!(samples(&store, "up").iter().any(|(time, _)| *time == i64::MAX));
}

#[test]
fn series_and_labels_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { series: 3, labels: 2, label_bytes: 8 };
    let store = open(dir.path(), Options { limits, ..options() });
    let series = |pairs: &[(&str, &str)]| store.series(&pairs.iter().copied().collect());

    assert_eq!(series(&[]).unwrap_err(), Refusal::NoLabels);
    assert_eq!(series(&[("a", "")]).unwrap_err(), Refusal::NoLabels);
    assert!(matches!(series(&[("a", "1"), ("b", "1"), ("c", "1")]), Err(Refusal::TooManyLabels { labels: 3, .. })));
    assert!(matches!(series(&[("a", "123456789")]), Err(Refusal::LabelTooLong { bytes: 9, .. })));
    for value in ["1", "2", "3"] {
        series(&[("a", value)]).unwrap();
    }
    assert_eq!(series(&[("a", "4")]).unwrap_err(), Refusal::TooManySeries(3));
    series(&[("a", "2")]).unwrap();
}

#[test]
fn ten_thousand_values_of_a_label_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    for number in 0..10_000 {
        let labels = [("__name__", "up".to_owned()), ("instance", format!("狼煙-{number}"))].into_iter().collect();
        let series = store.series(&labels).unwrap();
        assert_eq!(store.append(BEGIN, [(&series, Sample::new(BEGIN, f64::from(number)))]).unwrap().stored, 1);
    }
    store.flush().unwrap();
    drop(store);
    let store = open(dir.path(), options());

    assert_eq!(store.label_values("instance", &[], BEGIN, BEGIN).len(), 10_000);
    let one = [Matcher::matches("instance", "狼煙-99.9").unwrap()];
    assert_eq!(store.series_labels(&one, BEGIN, BEGIN).len(), 10);
    assert_eq!(store.label_names(&one, BEGIN, BEGIN), ["__name__".into(), "instance".into()]);
    assert!(store.series_labels(&one, BEGIN + 1, i64::MAX).is_empty());
}

#[test]
fn a_full_disk_refuses_appends_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    keep(&store, "up", BEGIN, 1.0);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let own = store.writer().log.swap_file(full).unwrap();

    assert!(matches!(append(&store, "up", BEGIN + 1, 2.0), Err(Error::Io { .. })));
    assert_eq!(samples(&store, "up"), [(BEGIN, 1.0)], "what was refused is not seen");

    store.writer().log.swap_file(own.try_clone().unwrap());
    keep(&store, "up", BEGIN + 1, 2.0);
    drop(store);
    assert_eq!(samples(&open(dir.path(), options()), "up"), [(BEGIN, 1.0), (BEGIN + 1, 2.0)]);
}

#[test]
fn a_head_that_cannot_be_written_stays_and_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { head_bytes: 10_000, ..options() });
    // Where the block would be written, something else is.
    let obstacle = dir.path().join("block-00000001-0000.tmp");
    fs::create_dir(&obstacle).unwrap();
    let (mut taken, mut refusal) = (0, None);
    for round in 0..100_000 {
        match append(&store, "load", BEGIN + round, (round as f64).sqrt()) {
            Ok(_) => taken += 1,
            Err(error) => refusal = Some(error),
        }
        if round % 100 == 0 {
            let _ = store.upkeep(BEGIN + round);
            // The next try takes the next number.
            store.upkeep.lock().unwrap().sequence = 0;
        }
        if refusal.is_some() {
            break;
        }
    }
    assert!(matches!(refusal, Some(Error::Backlog { .. })), "{refusal:?}");
    assert_eq!(samples(&store, "load").len(), taken);
    assert!(store.stats().upkeep_failures_total > 0);

    fs::remove_dir(&obstacle).unwrap();
    store.upkeep(BEGIN).unwrap();

    keep(&store, "load", BEGIN - 1, 0.0);
    drop(store);
    assert_eq!(samples(&open(dir.path(), options()), "load").len(), taken + 1);
}

#[test]
fn after_a_sync_that_failed_everything_is_written_anew_before_more_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    keep(&store, "up", BEGIN, 1.0);
    store.commit.fail();

    assert!(matches!(append(&store, "up", BEGIN + 1, 2.0), Err(Error::Unsynced)));
    assert!(matches!(store.sync(), Err(Error::Unsynced)));
    store.upkeep(BEGIN + 1).unwrap();

    assert_eq!(block_count(&store), 1);
    keep(&store, "up", BEGIN + 1, 2.0);
    assert_eq!(samples(&store, "up"), [(BEGIN, 1.0), (BEGIN + 1, 2.0)]);
}

#[test]
fn appends_that_wait_for_the_medium_share_one_wait() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { sync: Sync::Always, ..Options::default() });
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..20 {
                    keep(store, &format!("of_{thread}"), BEGIN + round, 1.0);
                }
            });
        }
    });
    let stats = store.stats();
    assert_eq!(stats.appended_total, 160);
    assert!((1..=160).contains(&stats.syncs_total), "{}", stats.syncs_total);
}

#[test]
fn what_was_appended_is_synced_within_the_interval() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { sync: Sync::Every(Duration::from_millis(5)), ..Options::default() });
    keep(&store, "up", BEGIN, 1.0);
    let begun = std::time::Instant::now();
    while store.stats().syncs_total == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody told the disk");
        std::thread::yield_now();
    }
}

#[test]
fn blocks_of_two_hours_grow_to_a_day_and_go_when_they_are_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let day = 12 * WINDOW;
    let begin = BEGIN.div_euclid(day) * day;
    let old = store.series(&labels("gone")).unwrap();
    let ended = [(&old, Sample::new(begin, 1.0)), (&old, Sample::new(begin + 1, STALE))];
    assert_eq!(store.append(begin, ended).unwrap().stored, 2);
    let mut most = 0;
    for minute in 0..20 * 24 * 60 {
        let time = begin + minute * 60_000;
        keep(&store, "up", time, 1.0);
        if minute % 30 == 0 {
            store.upkeep(time).unwrap();
            most = most.max(block_count(&store));
        }
    }
    let stats = store.stats();
    assert!(most < 12 + 2 + 17, "{most} blocks at once");
    assert!(stats.dropped_blocks_total > 2 && stats.merges_total > 15, "{stats:?}");
    let kept = samples(&store, "up");
    assert!(kept.len() >= 15 * 24 * 60 && kept.len() <= 17 * 24 * 60, "{}", kept.len());
    assert_eq!(stats.series, 1, "a series without samples is forgotten");
    assert!(stats.log_bytes < 100_000, "{}", stats.log_bytes);

    // The number that it had means nothing any more, and still its name does.
    let time = begin + 20 * day;
    let appended = store.append(time, [(&old, Sample::new(time, 2.0))]).unwrap();
    assert_eq!((appended.stored, samples(&store, "gone")), (1, vec![(time, 2.0)]));
    drop(store);
    assert_eq!(samples(&open(dir.path(), options()), "up"), kept);
}

#[test]
fn the_oldest_blocks_go_when_there_are_too_many_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { retention_bytes: Some(20_000), ..options() });
    for round in 0..4000 {
        let time = BEGIN + round * 60_000;
        keep(&store, "load", time, (round as f64).sqrt());
        if round % 60 == 0 {
            store.upkeep(time).unwrap();
        }
    }
    let stats = store.stats();
    assert!(stats.block_bytes + stats.log_bytes < 30_000, "{stats:?}");
    let kept = samples(&store, "load");
    assert_eq!(kept.last().map(|(time, _)| *time), Some(BEGIN + 3999 * 60_000));
    assert!(kept.len() > 500, "{}", kept.len());
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());

    assert!(matches!(Store::open(dir.path(), options()), Err(Error::InUse(_))));
    drop(store);
    open(dir.path(), options());
}

#[test]
fn a_log_of_which_nothing_reads_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    keep(&store, "up", BEGIN, 1.0);
    drop(store);
    let path = dir.path().join("log-00000001");
    let mut bytes = fs::read(&path).unwrap();
    // The record that names the series.
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();

    let (store, found) = Store::open(dir.path(), options()).unwrap();

    assert_eq!((found.nameless_samples, found.set_aside.len(), path.exists()), (1, 1, false));
    drop(store);
    open(dir.path(), options());
}

#[test]
fn a_series_of_another_store_is_found_by_its_labels() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, other) = (open(dir.path(), options()), open(other.path(), options()));
    store.series(&labels("load")).unwrap();
    let series = other.series(&labels("up")).unwrap();

    assert_eq!(store.append(BEGIN, [(&series, Sample::new(BEGIN, 1.0))]).unwrap().stored, 1);

    assert_eq!((samples(&store, "load").len(), samples(&store, "up").len()), (0, 1));
}

#[test]
fn the_numbers_of_merged_blocks_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), options());
    for round in 0..4 {
        for place in 0..3 {
            keep(&store, "up", BEGIN + round * WINDOW + place, 1.0);
            store.flush().unwrap();
        }
        store.upkeep(BEGIN + (round + 1) * WINDOW).unwrap();
        drop(store);
        store = open(dir.path(), options());
        assert_eq!(samples(&store, "up").len() as i64, 3 * (round + 1));
        assert!(block_count(&store) <= round as u64 + 1);
    }
}

#[test]
fn a_merge_that_was_killed_before_its_sources_went_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    for time in [BEGIN, BEGIN + 1] {
        keep(&store, "up", time, 1.0);
        store.flush().unwrap();
    }
    let sources: Vec<(PathBuf, Vec<u8>)> =
        store.view().blocks.iter().map(|block| (block.path.clone(), fs::read(&block.path).unwrap())).collect();
    store.upkeep(BEGIN + 2 * WINDOW).unwrap();
    assert_eq!(block_count(&store), 1);
    drop(store);
    for (path, bytes) in &sources {
        fs::write(path, bytes).unwrap();
    }

    let store = open(dir.path(), options());

    assert_eq!((block_count(&store), samples(&store, "up").len()), (1, 2));
    assert!(sources.iter().all(|(path, _)| !path.exists()));
}

#[test]
fn queries_go_on_while_samples_come_and_blocks_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { head_bytes: 20_000, ..options() });
    keep(&store, "load", BEGIN, 0.0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1..3000 {
                let time = BEGIN + round * 15_000;
                keep(&store, "load", time, (round as f64).sqrt());
                if round % 50 == 0 {
                    store.upkeep(time).unwrap();
                }
            }
        });
        let mut before = 0;
        while !writer.is_finished() {
            let seen = samples(&store, "load");
            assert!(seen.len() >= before, "samples went out of sight");
            assert!(seen.iter().enumerate().all(|(round, (time, _))| *time == BEGIN + round as i64 * 15_000));
            before = seen.len();
        }
    });
    assert_eq!(samples(&store, "load").len(), 3000);
}
