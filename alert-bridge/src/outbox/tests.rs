//! What survives, and what does not.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;

use super::event::{Accepted, Destination, EventKind, NewEvent};
use super::queue::{Item, Queue};
use super::*;
use crate::incident::Following;
use crate::kind::Level;
use crate::note::Note;

fn now() -> Timestamp {
    "2026-11-22T07:00:00Z".parse().unwrap()
}

fn note(text: &str) -> NewEvent {
    NewEvent {
        kind: EventKind::Note,
        received: now(),
        key: 0,
        same_since: None,
        group_key: text.to_owned(),
        body: serde_json::to_string(&Note::new(Level::Info, "", text, now())).unwrap(),
        destinations: vec![Destination::of_all("d")],
    }
}

async fn waiting(outbox: &Outbox) -> Vec<String> {
    outbox.waiting("d", 1_000, usize::MAX).await.unwrap().into_iter().map(|event| event.group_key).collect()
}

/// Opens the outbox again once the thread of the one before has ended.
async fn reopened(directory: &Path) -> Outbox {
    for _ in 0..500 {
        if let Ok((outbox, _)) = Outbox::open(directory) {
            return outbox;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the lock is never given back");
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, opened) = Outbox::open(directory.path()).unwrap();
    assert!(opened.set_aside.is_none());
    outbox.accept(note("one")).await.unwrap();
    outbox.accept(note("two")).await.unwrap();
    drop(outbox);
    assert_eq!(waiting(&reopened(directory.path()).await).await, ["one", "two"]);
}

#[tokio::test]
async fn many_at_once_share_few_flushes_and_all_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(directory.path()).unwrap();
    let accepts = (0..200).map(|number| {
        let outbox = outbox.clone();
        tokio::spawn(async move { outbox.accept(note(&number.to_string())).await })
    });
    for accept in accepts.collect::<Vec<_>>() {
        assert!(matches!(accept.await.unwrap(), Ok(Accepted::Kept(_))));
    }
    assert_eq!(waiting(&outbox).await.len(), 200);
}

#[tokio::test]
async fn one_that_fails_leaves_the_others_of_its_round_alone() {
    let outbox = Outbox::in_memory().unwrap();
    outbox.accept(note("good")).await.unwrap();
    let failed = outbox.run(|connection| {
        connection.execute("DELETE FROM delivery", ())?;
        connection.execute("INSERT INTO nowhere VALUES (1)", ())
    });
    assert!(matches!(failed.await, Err(Trouble::Other(_))));
    assert_eq!(waiting(&outbox).await, ["good"]);
}

#[tokio::test]
async fn nobody_else_may_read_it_and_no_other_bridge_may_serve_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("a/b");
    let (outbox, _) = Outbox::open(&data).unwrap();
    outbox.accept(note("secret")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in data.read_dir().unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let error = format!("{:#}", Outbox::open(&data).err().unwrap());
    assert!(error.starts_with("another alert-bridge serves from the data directory"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join(FILE),
        "this is no database, and it is long enough to be seen as none".repeat(100),
    )
    .unwrap();

    let (outbox, opened) = Outbox::open(directory.path()).unwrap();

    let aside = opened.set_aside.unwrap();
    assert!(std::fs::read_to_string(aside).unwrap().starts_with("this is no database"));
    outbox.accept(note("one")).await.unwrap();
    assert_eq!(waiting(&outbox).await, ["one"]);
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let connection = Connection::open(directory.path().join(FILE)).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(connection);
    let error = format!("{:#}", Outbox::open(directory.path()).err().unwrap());
    assert!(
        error.ends_with("it was written by a newer version of alert-bridge (its tables are version 99, ours 1)"),
        "{error}"
    );
}

#[test]
fn a_directory_that_cannot_be_had_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = format!("{:#}", Outbox::open(&file.path().join("below")).err().unwrap());
    assert!(error.starts_with("cannot make the data directory /"), "{error}");
}

#[tokio::test]
async fn the_same_key_is_a_duplicate_only_for_a_while() {
    let outbox = Outbox::in_memory().unwrap();
    let at = |second: i64| now() + jiff::SignedDuration::from_secs(second);
    let event =
        |second| NewEvent { key: u64::MAX, received: at(second), same_since: Some(at(second - 45)), ..note("n") };
    assert!(matches!(outbox.accept(event(0)).await, Ok(Accepted::Kept(_))));
    assert!(matches!(outbox.accept(event(44)).await, Ok(Accepted::Duplicate)));
    assert!(matches!(outbox.accept(event(46)).await, Ok(Accepted::Kept(_))));
}

#[tokio::test]
async fn what_was_told_goes_in_time_and_what_waits_never() {
    let outbox = Outbox::in_memory().unwrap();
    outbox.accept(note("told")).await.unwrap();
    outbox.take_in("d", 10, usize::MAX, Following::default()).await.unwrap();
    outbox.accept(note("waits")).await.unwrap();
    let count = || async {
        let count = |table: &'static str| {
            move |connection: &Connection| {
                connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get::<_, i64>(0))
            }
        };
        (outbox.run(count("event")).await.unwrap(), outbox.run(count("card")).await.unwrap())
    };
    outbox.prune(now()).await.unwrap();
    assert_eq!(count().await, (2, 1));
    outbox.prune(now() + jiff::SignedDuration::from_hours(24 * 8)).await.unwrap();
    assert_eq!(count().await, (1, 1), "the card of the note is still to be told");
    assert_eq!(waiting(&outbox).await, ["waits"]);
}

#[tokio::test]
async fn an_operator_sees_hurries_and_drops_what_waits_beside_a_running_bridge() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(directory.path()).unwrap();
    outbox.accept(note("first")).await.unwrap();
    outbox.take_in("d", 10, usize::MAX, Following::default()).await.unwrap();
    outbox.accept(note("second")).await.unwrap();
    outbox.bury("d", "404", now()).await.unwrap();

    let mut queue = Queue::open(directory.path()).unwrap();
    let listed: Vec<_> = queue.list().unwrap().into_iter().map(|entry| (entry.item, entry.deed, entry.about)).collect();
    assert_eq!(listed, [(Item::Card(1), "post", "first".to_owned()), (Item::Event(2), "take in", "second".to_owned())]);
    assert_eq!(queue.dead().unwrap(), [("d".to_owned(), now(), "404".to_owned())]);

    assert_eq!(queue.retry(Some("another")).unwrap(), 0);
    assert!(outbox.death("d").await.unwrap().is_some());
    assert_eq!(queue.retry(None).unwrap(), 1);
    assert!(outbox.death("d").await.unwrap().is_none());

    queue.drop_item(Item::Card(1)).unwrap();
    queue.drop_item(Item::Event(2)).unwrap();
    assert!(queue.list().unwrap().is_empty() && waiting(&outbox).await.is_empty());
    let error = queue.drop_item(Item::Card(1)).unwrap_err().to_string();
    assert_eq!(error, "nothing that waits is called c1; `alert-bridge queue list` shows what does");
}

#[tokio::test]
async fn a_word_is_kept_under_its_key() {
    let outbox = Outbox::in_memory().unwrap();
    assert_eq!(outbox.kept("a").await.unwrap(), None);
    outbox.keep("a", "1").await.unwrap();
    outbox.keep("a", "2").await.unwrap();
    assert_eq!(outbox.kept("a").await.unwrap().as_deref(), Some("2"));
}
