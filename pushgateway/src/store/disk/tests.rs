use super::*;
use crate::grouping::{GroupKey, JobForm};
use crate::store::candidate::Candidate;
use crate::store::reserved::Reserved;
use crate::store::state::Mode;
use exposition::{Limits, loose};

fn key(number: usize) -> Arc<GroupKey> {
    Arc::new(GroupKey::parse(JobForm::Plain, b"j", format!("/n/{number}").as_bytes()).unwrap())
}

/// Opens the directory.
fn open(dir: &Path) -> (Disk, State, Found) {
    let mut state = State::new(Reserved::default());
    let (disk, found) = Disk::open(dir, true, &mut state).unwrap();
    (disk, state, found)
}

/// Pushes `value` to a group, in memory and on disk.
fn push(disk: &mut Disk, state: &mut State, group: usize, value: usize) {
    let body = format!("# TYPE h histogram\nh_bucket{{le=\"1\"}} {value}\nh_count {value}\nm{{a=\"\\n\"}} {value}\n");
    let mut candidate = Candidate::new(&loose::text(body.as_bytes(), &Limits::NONE).unwrap(), &key(group), 7);
    candidate.encode();
    let mut record = Vec::new();
    record::push(&key(group), Mode::Replace, 7, &candidate.encoded, &mut record);
    disk.append(&record).unwrap();
    state.push(&key(group), candidate.families, Mode::Replace, 7);
}

/// All that is in it, in words.
fn content(state: &State) -> Vec<String> {
    let mut all: Vec<String> = state
        .slots()
        .iter()
        .flatten()
        .map(|group| format!("{:?} {} {} {:?}", group.key, group.success, group.failure, group.families))
        .collect();
    all.sort();
    all
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn path_of(dir: &Path, prefix: &str) -> PathBuf {
    dir.join(files(dir).into_iter().rfind(|name| name.starts_with(prefix) && !name.contains("damaged")).unwrap())
}

#[test]
fn what_was_written_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    (0..20).for_each(|number| push(&mut disk, &mut state, number % 7, number));
    let (mut deleted, mut record) = (Vec::new(), Vec::new());
    record::delete(&key(3), &mut record);
    record::failure(&key(4), 9, &mut record);
    disk.append(&record).unwrap();
    state.set(&key(3), None);
    state.fail(&key(4), 9);
    deleted.extend(content(&state));
    drop(disk);

    let (_disk, state, found) = open(dir.path());

    assert_eq!((content(&state), found.damaged), (deleted, vec![]));
}

#[test]
fn a_snapshot_takes_the_place_of_the_logs() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    (0..10).for_each(|number| push(&mut disk, &mut state, number, number));
    let snapshot = disk.rotate(&state).unwrap();
    // Pushes go on while it is written.
    push(&mut disk, &mut state, 3, 1000);
    snapshot.write().unwrap();
    drop(disk);
    assert_eq!(files(dir.path()), ["lock", "log-00000002", "snapshot-00000002"]);

    let (_disk, again, _) = open(dir.path());

    assert_eq!(content(&again), content(&state));
}

#[test]
fn a_torn_record_is_set_aside_and_costs_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    (0..5).for_each(|number| push(&mut disk, &mut state, number, number));
    let before = content(&state);
    push(&mut disk, &mut state, 5, 5);
    drop(disk);
    let log = path_of(dir.path(), "log-");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 3]).unwrap();

    let (disk, state, found) = open(dir.path());

    assert_eq!(content(&state), before);
    assert_eq!(fs::read(&found.damaged[0]).unwrap(), whole[..whole.len() - 3]);
    drop(disk);
    // What was read is in a snapshot of its own: nothing is left of the damage at the next start.
    let (_disk, state, found) = open(dir.path());
    assert_eq!((content(&state), found.damaged), (before, vec![]));
}

#[test]
fn a_flipped_bit_costs_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    push(&mut disk, &mut state, 0, 0);
    let place = usize::try_from(disk.log_bytes()).unwrap() + 40;
    (1..5).for_each(|number| push(&mut disk, &mut state, number, number));
    drop(disk);
    let log = path_of(dir.path(), "log-");
    let mut bytes = fs::read(&log).unwrap();
    bytes[place] ^= 4;
    fs::write(&log, &bytes).unwrap();

    let (_disk, again, found) = open(dir.path());

    state.set(&key(1), None);
    assert_eq!(content(&again), content(&state));
    assert_eq!((found.damaged.len(), fs::read(&found.damaged[0]).unwrap()), (1, bytes));
}

#[test]
fn a_damaged_snapshot_is_read_as_far_as_it_goes_and_set_aside() {
    for damage in ["cut", "flip", "garbage", "empty"] {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, mut state, _) = open(dir.path());
        (0..5).for_each(|number| push(&mut disk, &mut state, number, number));
        disk.rotate(&state).unwrap().write().unwrap();
        push(&mut disk, &mut state, 9, 9);
        drop(disk);
        let snapshot = path_of(dir.path(), "snapshot-");
        let mut bytes = fs::read(&snapshot).unwrap();
        match damage {
            "cut" => bytes.truncate(bytes.len() - 10),
            "flip" => bytes[100] ^= 1,
            "garbage" => bytes = b"garbage".repeat(100),
            _ => bytes.clear(),
        }
        fs::write(&snapshot, &bytes).unwrap();

        let (_disk, again, found) = open(dir.path());

        let wanted = match damage {
            "cut" => 6,
            "flip" => 5,
            _ => 1,
        };
        assert_eq!(again.group_count(), wanted, "{damage}");
        assert!(again.group(&key(9)).is_some(), "{damage}");
        assert_eq!(fs::read(&found.damaged[0]).unwrap(), bytes, "{damage}");
    }
}

/// The only log of the directory with its room, as a kill leaves it, and where its records end.
fn killed(dir: &Path, disk: &Disk) -> (Vec<u8>, usize) {
    let bytes = fs::read(path_of(dir, "log-")).unwrap();
    let end = usize::try_from(disk.log_bytes()).unwrap();
    assert!(bytes.len() > end && bytes[end..].iter().all(|byte| *byte == record::ROOM));
    (bytes, end)
}

/// What is read of a directory that has this log and nothing else.
fn read(log: &[u8]) -> (Vec<String>, usize) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log-00000001"), log).unwrap();
    let (_disk, state, found) = open(dir.path());
    (content(&state), found.damaged.len())
}

#[test]
fn room_for_records_is_no_damage_and_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    (0..5).for_each(|number| push(&mut disk, &mut state, number, number));
    let (log, end) = killed(dir.path(), &disk);

    assert_eq!(read(&log), (content(&state), 0));
    assert_eq!(read(&log[..end + 1]), (content(&state), 0));

    drop(disk);
    assert_eq!(fs::read(path_of(dir.path(), "log-")).unwrap(), log[..end]);
}

#[test]
fn what_was_lost_before_the_room_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    (0..5).for_each(|number| push(&mut disk, &mut state, number, number));
    let (before, begin) = (content(&state), usize::try_from(disk.log_bytes()).unwrap());
    push(&mut disk, &mut state, 5, 5);
    let (log, end) = killed(dir.path(), &disk);

    let with = |range: std::ops::Range<usize>, byte: u8| {
        let mut log = log.clone();
        log[range].fill(byte);
        read(&log)
    };

    // The last record went: all of it, its beginning, its end; or its end was never written.
    for (range, byte) in [(begin..end, 0), (begin..begin + 8, 0), (end - 9..end, 0), (end - 9..end, record::ROOM)] {
        assert_eq!(with(range.clone(), byte), (before.clone(), 1), "{range:?} {byte}");
    }
    // Its beginning was never written, and the rest was.
    assert_eq!(with(begin..begin + 16, record::ROOM), (before.clone(), 1));
    // So was all that was to come.
    assert_eq!(with(end..log.len(), 0), (content(&state), 1));
}

#[test]
fn a_log_grows_into_its_room_and_beyond() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    while disk.log_bytes() < 2 * ROOM_BYTES {
        let number = usize::try_from(disk.log_bytes()).unwrap();
        push(&mut disk, &mut state, number % 7, number);
    }
    disk.probe(100).unwrap();
    push(&mut disk, &mut state, 7, 7);
    let (log, _) = killed(dir.path(), &disk);

    assert_eq!(read(&log), (content(&state), 0));
}

#[test]
fn room_is_made_behind_what_was_written_without_any() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, mut state, _) = open(dir.path());
    for number in 0..9 {
        // As on a disk that is almost full, and is not any more.
        disk.makes_room = number % 3 == 2;
        push(&mut disk, &mut state, number, number);
        if number % 3 == 0 {
            disk.give_room_back();
        }
    }
    let (log, _) = killed(dir.path(), &disk);

    assert_eq!(read(&log), (content(&state), 0));
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (_disk, ..) = open(dir.path());

    let error = Disk::open(dir.path(), true, &mut State::new(Reserved::default())).unwrap_err().to_string();

    assert!(error.starts_with("another process has the data directory"), "{error}");
}
