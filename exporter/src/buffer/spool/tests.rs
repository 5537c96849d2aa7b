use super::*;
use std::time::Duration;

fn record(number: u64) -> Record {
    let moment = Moment::at(Duration::from_secs(number), Duration::from_secs(number), "boot");
    // Of a size that varies, as pages do.
    Record { moment, content: vec![b'x'; 40 + usize::try_from(number % 7).unwrap()] }
}

fn seconds(record: &Record) -> u64 {
    u64::try_from(record.moment.wall_ms() / 1000).unwrap()
}

/// Takes everything, in steps of three records, as one process would.
fn drain(spool: &mut Spool) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        let mut count = 0;
        let end = spool.read(|record| {
            numbers.push(seconds(record));
            count += 1;
            count < 3
        });
        let Some(end) = end.unwrap() else { return numbers };
        spool.forget(end).unwrap();
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some());
    files.sort();
    files
}

#[test]
fn records_come_out_in_the_order_in_which_they_went_in_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
    for number in 0..10 {
        spool.append(&record(number)).unwrap();
    }
    assert!(spool.waiting_bytes() > 10 * 68);
    assert_eq!(drain(&mut spool), (0..10).collect::<Vec<_>>());
    spool.append(&record(10)).unwrap();
    assert_eq!(drain(&mut spool), [10]);
    assert_eq!((spool.waiting_bytes(), spool.dropped()), (0, 0));
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_was_read_and_not_forgotten_comes_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
    for number in 0..4 {
        spool.append(&record(number)).unwrap();
    }
    let mut first = None;
    let end = spool.read(|record| {
        first = Some(seconds(record));
        false
    });
    assert_eq!(first, Some(0));
    // A second look, by another process, after the first was killed before its batch was taken …
    assert_eq!(drain(&mut Spool::open(directory.path(), 1 << 20).unwrap()), [0, 1, 2, 3]);

    // … and after it was taken.
    let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
    for number in 4..8 {
        spool.append(&record(number)).unwrap();
    }
    let end = spool.read(|record| seconds(record) < 5).unwrap().or(end.unwrap()).unwrap();
    spool.forget(end).unwrap();
    assert_eq!(drain(&mut Spool::open(directory.path(), 1 << 20).unwrap()), [6, 7]);
}

#[test]
fn a_kill_in_the_middle_of_a_record_costs_that_record_and_no_other() {
    let whole = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(whole.path(), 1 << 20).unwrap();
    for number in 0..3 {
        spool.append(&record(number)).unwrap();
    }
    let bytes = fs::read(&files(whole.path())[0]).unwrap();
    let two = 2 * 28 + 40 + 41;
    for cut in two..bytes.len() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("0000000000000005.pages"), &bytes[..cut]).unwrap();
        let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
        spool.append(&record(9)).unwrap();
        assert_eq!(drain(&mut spool), [0, 1, 9], "cut at {cut}");
        assert_eq!(spool.dropped(), u64::from(cut > two), "cut at {cut}");
    }
}

#[test]
fn no_byte_that_is_wrong_gets_out_and_none_stops_what_is_behind_it() {
    let whole = tempfile::tempdir().unwrap();
    Spool::open(whole.path(), 1 << 20).unwrap().append(&record(1)).unwrap();
    let bytes = fs::read(&files(whole.path())[0]).unwrap();
    for index in 0..bytes.len() {
        let directory = tempfile::tempdir().unwrap();
        let mut wrong = bytes.clone();
        wrong[index] ^= 0x41;
        fs::write(directory.path().join("0000000000000001.pages"), wrong).unwrap();
        fs::write(directory.path().join("0000000000000002.pages"), &bytes).unwrap();
        fs::write(directory.path().join("place"), "of no use").unwrap();
        let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
        assert_eq!(drain(&mut spool), [1], "byte {index}");
        assert_eq!(spool.dropped(), 1, "byte {index}");
    }
}

#[test]
fn the_oldest_make_room_and_are_counted_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 20_000).unwrap();
    for number in 0..1000 {
        spool.append(&record(number)).unwrap();
        let on_disk: u64 = files(directory.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(on_disk <= 20_000, "{on_disk} bytes after {number}");
    }
    drop(spool);
    let mut spool = Spool::open(directory.path(), 20_000).unwrap();
    let dropped = spool.dropped();
    assert!((700..800).contains(&dropped), "{dropped}");
    assert_eq!(drain(&mut spool), (dropped..1000).collect::<Vec<_>>());
    assert_eq!(Spool::open(directory.path(), 20_000).unwrap().dropped(), dropped);
}

#[test]
fn what_is_too_old_goes() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
    for number in 0..10 {
        spool.append(&record(number)).unwrap();
    }
    spool.drop_while(|moment| moment.wall_ms() < 4000);
    assert_eq!((spool.dropped(), drain(&mut spool)), (4, (4..10).collect()));
}

#[test]
fn a_disk_that_is_full_costs_records_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
    spool.append(&record(0)).unwrap();
    // A file that takes nothing more, in the place of the segment.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (number, file) = spool.current.take().unwrap();
    spool.current = Some((number, full));
    assert_eq!(spool.append(&record(1)).unwrap_err().kind(), ErrorKind::StorageFull);
    // Somebody made room.
    spool.current = Some((number, file));
    spool.append(&record(2)).unwrap();
    assert_eq!((spool.dropped(), drain(&mut spool)), (1, vec![0, 2]));
}

#[test]
fn a_record_that_can_never_fit_is_refused_and_drops_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 100).unwrap();
    spool.append(&record(0)).unwrap();
    let large = Record { content: vec![0; 200], ..record(1) };
    assert!(spool.append(&large).unwrap_err().to_string().contains("exporter.buffer.max_bytes"));
    assert_eq!((spool.dropped(), drain(&mut spool)), (1, vec![0]));
}

#[test]
fn pages_that_were_refused_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 1 << 20).unwrap();
    for number in 0..5 {
        spool.append(&record(number)).unwrap();
    }
    let end = spool.read(|record| seconds(record) < 2).unwrap().unwrap();
    spool.drop_until(end).unwrap();
    assert_eq!((spool.dropped(), drain(&mut spool)), (3, vec![3, 4]));
}

#[test]
fn a_segment_that_another_run_made_meanwhile_costs_no_page() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Spool::open(directory.path(), 1 << 20).unwrap();
    let mut second = Spool::open(directory.path(), 1 << 20).unwrap();

    second.append(&record(1)).unwrap();
    first.append(&record(2)).unwrap();

    assert_eq!(drain(&mut Spool::open(directory.path(), 1 << 20).unwrap()), [1, 2]);
}
