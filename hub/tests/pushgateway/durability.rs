//! A push that was answered 200 is there, whatever happens to the process or the disk.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::gateway::{Answer, Running, free_address, ours, pause, start_ours};

/// Groups that each pusher has.
const GROUPS: usize = 6;
const PUSHERS: usize = 4;

/// What may be in a group: the value that was confirmed last, and those that were sent since.
#[derive(Clone, Debug, Default)]
struct Known {
    confirmed: Option<u64>,
    sent: Vec<Option<u64>>,
}

type Book = Mutex<BTreeMap<String, Known>>;

/// Pushes to groups of its own, and now and then deletes one, until the gateway is gone. Returns how many were confirmed.
fn load(address: SocketAddr, pusher: usize, begin: u64, book: &Book) -> u64 {
    let Ok(mut stream) = TcpStream::connect(address) else { return 0 };
    let Ok(copy) = stream.try_clone() else { return 0 };
    let (mut reader, mut confirmed) = (BufReader::new(copy), 0);
    for number in begin.. {
        let group = format!("{pusher}-{}", number % GROUPS as u64);
        let value = (number % 23 != 7).then_some(number);
        book.lock().unwrap().entry(group.clone()).or_default().sent.push(value);
        let (method, body) = match value {
            // Two families: half a push would show.
            Some(value) => {
                ("PUT", format!("# TYPE b counter\nb {value}\na{{x=\"1\"}} {value}\na{{x=\"2\"}} {value}\n"))
            }
            None => ("DELETE", String::new()),
        };
        let head = format!(
            "{method} /metrics/job/kill/group/{group} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(head.as_bytes()).is_err() {
            break;
        }
        let Ok(answer) = Answer::read(&mut reader) else { break };
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        let mut book = book.lock().unwrap();
        *book.get_mut(&group).unwrap() = Known { confirmed: value, sent: Vec::new() };
        confirmed += 1;
    }
    confirmed
}

/// Compares what is there with what was confirmed, and notes what is there.
fn compare(gateway: &Running, book: &Book) {
    let mut there: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in gateway.pushed_lines().iter().filter(|line| !line.starts_with('#')) {
        let group = line.split("group=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a whole number")]
        there.entry(group).or_default().push(value as u64);
    }
    for (group, known) in book.lock().unwrap().iter_mut() {
        let values = there.remove(group).unwrap_or_default();
        let found = values.first().copied();
        assert!(values.is_empty() || values.len() == 3, "half a push of {group} is there: {values:?}");
        assert!(values.iter().all(|value| Some(*value) == found), "{group} has parts of two pushes: {values:?}");
        let may_be = known.confirmed == found || known.sent.contains(&found);
        assert!(may_be, "{group} has {found:?}, but {:?} was confirmed and {:?} sent", known.confirmed, known.sent);
        *known = Known { confirmed: found, sent: Vec::new() };
    }
    assert!(there.is_empty(), "groups that nobody pushed: {there:?}");
}

/// Kills under load, as often as `NOROSHI_KILLS` says: a handful of times as a rule, 200 before a release.
#[test]
fn whatever_was_confirmed_survives_a_kill() {
    let kills: u64 = std::env::var("NOROSHI_KILLS").map_or(5, |kills| kills.parse().unwrap());
    let sync = std::env::var("NOROSHI_SYNC").unwrap_or_else(|_| "always".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let book = Book::default();
    let (mut confirmed, mut torn) = (0, 0);
    for round in 0..kills {
        let mut gateway = start_ours(dir.path(), &format!("sync: {sync}"));
        compare(&gateway, &book);
        let address = gateway.address;
        let pushers = std::thread::scope(|scope| {
            let pushers: Vec<_> = (0..PUSHERS)
                .map(|pusher| {
                    let book = &book;
                    scope.spawn(move || load(address, pusher, (round + 1) * 1_000_000, book))
                })
                .collect();
            // Some while the first push is under way, some after thousands.
            pause(5 + (round * 7919) % 300);
            gateway.kill();
            pushers.into_iter().map(|pusher| pusher.join().unwrap()).sum::<u64>()
        });
        confirmed += pushers;
    }
    let gateway = start_ours(dir.path(), "sync: always");
    compare(&gateway, &book);
    for entry in std::fs::read_dir(dir.path().join("data")).unwrap() {
        torn += u64::from(entry.unwrap().file_name().to_string_lossy().contains("damaged"));
    }
    println!("{kills} kills, {confirmed} changes confirmed, 0 lost, {torn} torn files set aside");
    assert!(confirmed > kills, "hardly anything was pushed");
}

/// A limit on the size of files stands for a full disk: writes fail in the middle, and can be allowed again.
#[test]
fn a_full_disk_is_said_and_what_is_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let command = ours(dir.path(), address, "sync: always");
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 100; exec \"$0\" \"$@\""]);
    limited.arg(command.get_program()).args(command.get_args());
    let mut gateway = Running::start(limited, address, "/-/ready", &dir.path().join("ours.log"));
    let push = |gateway: &Running, number: usize| {
        let body = format!("m{{pad=\"{}\"}} {number}\n", "x".repeat(2000));
        gateway.request("PUT", &format!("/metrics/job/full/n/{number:03}"), &[], body.as_bytes())
    };

    let mut number = 0;
    let refusal = loop {
        let answer = push(&gateway, number);
        if answer.status != 200 {
            break answer;
        }
        number += 1;
    };

    assert_eq!(refusal.status, 503, "{refusal:?}");
    let reason = "the store cannot be written, and nothing was changed: File too large (os error 27)\n";
    assert_eq!(refusal.text(), reason);
    assert_eq!(gateway.request("GET", "/-/healthy", &[], b"").status, 503);
    assert_eq!(gateway.pushed_lines().len(), number + 1, "what was confirmed is served, and nothing else");
    let raised = Command::new("prlimit").args(["--pid", &gateway.id().to_string(), "--fsize=unlimited"]).status();
    assert!(raised.unwrap().success());
    let mut waited = 0;
    while gateway.request("GET", "/-/healthy", &[], b"").status != 200 {
        pause(100);
        waited += 1;
        assert!(waited < 100, "the store does not notice that it can be written again");
    }
    assert_eq!(push(&gateway, number).status, 200);
    let before = gateway.pushed_lines();
    gateway.kill();

    let gateway = start_ours(dir.path(), "sync: always");
    assert_eq!(gateway.pushed_lines(), before);
}

#[test]
fn a_stop_that_was_asked_for_is_in_good_order() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start_ours(dir.path(), "sync: interval, lifecycle_api: true, admin_api: true");
    for number in 0..20 {
        let target = format!("/metrics/job/j/n/{number}");
        assert_eq!(gateway.request("POST", &target, &[], b"a 1\n").status, 200);
    }
    assert_eq!(
        gateway.request("DELETE", "/api/v1/groups?match[]={job=\"j\",n=~\"1.\"}", &[], b"").text(),
        "{\"data\":{\"deleted\":10},\"status\":\"success\"}"
    );
    let lines = gateway.pushed_lines();
    assert_eq!(gateway.stop(), Some(0));

    let gateway = start_ours(dir.path(), "lifecycle_api: true, admin_api: true, expire_after: 1s");
    assert_eq!(gateway.pushed_lines(), lines);
    let mut waited = 0;
    while !gateway.pushed_lines().is_empty() {
        pause(100);
        waited += 1;
        assert!(waited < 100, "old groups do not go");
    }
    gateway.request("POST", "/metrics/job/j", &[], b"a 1\n");
    assert_eq!(gateway.request("PUT", "/api/v1/admin/wipe", &[], b"").status, 202);
    assert_eq!(gateway.pushed_lines(), [""; 0]);
    assert_eq!(gateway.request("PUT", "/-/quit", &[], b"").text(), "Requesting termination... Goodbye!");
    let begin = std::time::Instant::now();
    while gateway.try_request("GET", "/-/ready", &[], b"").is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(15), "it does not stop");
        pause(20);
    }
}
