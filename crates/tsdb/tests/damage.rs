//! Every byte of a small store is spoilt, one at a time: whatever byte it is, the store opens, no sample is a wrong one, and
//! what is missing was reported.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use promql::Storage;
use series::{Labels, METRIC_NAME, Matcher, Sample};
use tsdb::{Found, Options, Store, Sync};

const BEGIN: i64 = 1_760_000_000_000;

/// Samples by series and time.
type Content = BTreeMap<(String, i64), u64>;

fn options() -> Options {
    Options { sync: Sync::Never, ..Options::default() }
}

fn fill(store: &Store) {
    for series in ["one", "two", "three"] {
        let labels: Labels = [(METRIC_NAME, series), ("instance", "host-1")].into_iter().collect();
        let series = store.series(&labels).unwrap();
        for round in 0..8 {
            let time = BEGIN + round * 15_000;
            let appended = store.append(time, [(&series, Sample::new(time, round as f64 / 4.0))]).unwrap();
            assert_eq!(appended.stored, 1);
        }
    }
}

fn content(store: &Store) -> Content {
    let everything = [Matcher::matches("instance", ".*").unwrap()];
    let mut content = Content::new();
    for stored in store.select(&everything, i64::MIN, i64::MAX).unwrap() {
        let mut samples = Vec::new();
        stored.read(&mut samples).unwrap();
        let named = |sample: &Sample| ((stored.labels().to_string(), sample.timestamp), sample.value.to_bits());
        content.extend(samples.iter().map(named));
    }
    content
}

/// Returns the one file whose name begins like this, and what is in it.
fn only_file(dir: &Path, prefix: &str) -> (PathBuf, Vec<u8>) {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut own = names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    let path = own.next().unwrap();
    assert!(own.next().is_none());
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// Spoils every byte of a file, cuts it short and blots parts of it out, each time in a directory with nothing else in it, and calls `check` with what
/// was found and with what is still there.
fn spoil(prefix: &str, flush: bool, check: impl Fn(&str, &Content, &Content, &Found, &Store)) {
    let origin = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(origin.path(), options()).unwrap();
    fill(&store);
    if flush {
        store.flush().unwrap();
    }
    let whole = content(&store);
    assert_eq!(whole.len(), 24);
    drop(store);
    let (path, bytes) = only_file(origin.path(), prefix);
    let name = path.file_name().unwrap();

    let mut spoilt: Vec<(String, Vec<u8>)> = Vec::new();
    for place in 0..bytes.len() {
        let bits = if place % 3 == 0 { 0xff } else { 1 << (place % 8) };
        let mut bytes = bytes.clone();
        bytes[place] ^= bits;
        spoilt.push((format!("byte {place} ^ {bits:#x}"), bytes));
    }
    for length in (0..bytes.len()).step_by(3) {
        spoilt.push((format!("cut to {length}"), bytes[..length].to_vec()));
    }
    for begin in (0..bytes.len()).step_by(17) {
        let mut bytes = bytes.clone();
        let end = (begin + 40).min(bytes.len());
        bytes[begin..end].fill(0);
        spoilt.push((format!("zeros from {begin}"), bytes));
    }
    for (number, (how, bytes)) in spoilt.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), bytes).unwrap();
        let (store, found) = Store::open(dir.path(), options()).unwrap();
        let left = content(&store);
        let wrong = left.iter().find(|(name, value)| whole.get(*name) != Some(value));
        assert_eq!(wrong, None, "{how}: a sample that nobody appended");
        check(&how, &whole, &left, &found, &store);
        if number % 5 > 0 {
            continue;
        }
        // It goes on: what comes now is kept beside what is left, through the next start.
        let series = store.series(&[("instance", "new")].into_iter().collect()).unwrap();
        assert_eq!(store.append(BEGIN, [(&series, Sample::new(BEGIN, 1.0))]).unwrap().stored, 1);
        drop(store);
        let (store, again) = Store::open(dir.path(), options()).unwrap();
        assert_eq!(content(&store).len(), left.len() + 1, "{how}");
        assert!(again.torn.is_none(), "{how}: {again:?}");
    }
}

#[test]
fn no_byte_of_a_log_can_do_harm_in_silence() {
    spoil("log-", false, |how, whole, left, found, _| {
        if left.len() < whole.len() && !how.starts_with("cut") {
            assert!(!found.damage.is_empty() || found.torn.is_some() || found.nameless_samples > 0, "{how}: {found:?}");
        }
        // At worst the record that names a series.
        if found.torn.is_none() && how.starts_with("byte") {
            assert!(whole.len() - left.len() <= 8, "{how} costs {} samples", whole.len() - left.len());
        }
        assert_eq!(found.damage.is_empty() && found.nameless_samples == 0, found.set_aside.is_empty(), "{how}");
    });
}

#[test]
fn no_byte_of_a_block_can_do_harm_in_silence() {
    spoil("block-", true, |how, whole, left, found, store| {
        let is_reported = !found.damage.is_empty() || store.stats().damaged_total > 0;
        if left.len() < whole.len() {
            assert!(is_reported, "{how}: {} samples are missing, and {found:?}", whole.len() - left.len());
        }
        if left.is_empty() && !found.set_aside.is_empty() {
            assert!(found.set_aside[0].to_str().unwrap().ends_with(".damaged"));
        }
        if how.starts_with("byte") {
            assert!(is_reported, "{how} was not seen");
        }
    });
}

#[test]
fn what_a_power_cut_leaves_of_the_last_write_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), options()).unwrap();
    fill(&store);
    drop(store);
    let (path, bytes) = only_file(dir.path(), "log-");
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();

    let (store, found) = Store::open(dir.path(), options()).unwrap();

    assert_eq!(content(&store).len(), 23);
    let torn = found.torn.unwrap();
    assert_eq!(torn.offset + torn.bytes, bytes.len() as u64 - 5);
    assert!(found.damage.is_empty() && found.set_aside.is_empty());
    drop(store);
    assert!(Store::open(dir.path(), options()).unwrap().1.is_whole());
}
