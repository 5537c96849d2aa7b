//! The product on real processes and a real Redis: whatever happens, no two bots are logged in.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]
#![expect(clippy::disallowed_methods, reason = "there is no runtime here to be blocked")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of the world")]

mod world;

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use world::{Redis, TTL, Way, World};

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(4);

#[test]
fn a_crash_moves_the_bot_and_the_preferred_site_gets_it_back() {
    let world = World::start();
    let begin = Instant::now();
    let mut xserver = world.site("xserver", "");
    let first = world.door.open_at("xserver", begin);
    assert!(first.begin - begin < TTL + SLACK, "an empty Redis is waited out once");
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));

    let crash = Instant::now();
    xserver.crash();
    let second = world.door.open_at("oci", crash);
    assert!(second.begin - crash < TTL + SLACK, "took over after {:?}", second.begin - crash);
    assert!(second.epoch > first.epoch);

    let back = Instant::now();
    xserver.run();
    let third = world.door.open_at("xserver", back);
    assert!(third.epoch > second.epoch);
    let ended = world.door.wait("the end of oci's session", |s| s.site == "oci" && s.end.is_some());
    println!("hand-back: {:?} from the old bot's end to the new bot's login", third.begin - ended.end.unwrap());
    world.door.no_overlap();
}

#[test]
fn a_planned_stop_hands_over_at_once() {
    let world = World::start();
    let mut xserver = world.site("xserver", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));

    let asked = Instant::now();
    assert!(xserver.stop(), "{}", xserver.log());
    let next = world.door.open_at("oci", asked);
    assert!(next.begin - asked < TTL, "it waited for the lease to run out: {:?}", next.begin - asked);
    world.door.no_overlap();
}

#[test]
fn a_site_that_is_cut_off_stops_its_bot_before_the_other_starts() {
    let world = World::start();
    let xserver = world.site("xserver", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));

    let cut = Instant::now();
    xserver.way.cut();
    world.door.open_at("oci", cut);
    thread::sleep(Duration::from_secs(1));
    xserver.way.mend();
    world.door.open_at("xserver", cut);
    world.door.no_overlap();
}

#[test]
fn a_supervisor_that_is_stopped_is_no_danger_because_the_guard_is_not() {
    let world = World::start();
    let xserver = world.site("xserver", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));

    let stop = Instant::now();
    xserver.signal(Signal::STOP);
    world.door.open_at("oci", stop);
    xserver.signal(Signal::CONT);
    thread::sleep(Duration::from_secs(1));
    world.door.no_overlap();
}

#[test]
fn a_guard_that_is_stopped_is_no_danger_because_the_supervisor_is_not() {
    let world = World::start();
    let xserver = world.site("xserver", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));

    let cut = Instant::now();
    kill_process(xserver.guard(), Signal::STOP).unwrap();
    xserver.way.cut();
    world.door.open_at("oci", cut);
    xserver.way.mend();
    world.door.no_overlap();
}

#[test]
fn a_redis_that_loses_everything_costs_the_leader_nothing() {
    let mut world = World::start();
    let _xserver = world.site("xserver", "");
    let _oci = world.site("oci", "");
    let session = world.door.wait("a session", |s| s.end.is_none());

    world.redis.cli(&["FLUSHALL"]);
    thread::sleep(Duration::from_secs(2));
    world.redis.die_and_come_back_empty();
    thread::sleep(TTL * 2);

    let sessions = world.door.sessions();
    let same = sessions.iter().find(|s| s.begin == session.begin).unwrap();
    let moved_home = session.site != "xserver";
    assert!(same.end.is_none() || moved_home, "the bot was interrupted: {sessions:?}");
    assert!(world.redis.cli(&["HGET", "rectbot:term", "state"]).ends_with("held"));
    world.door.no_overlap();
}

#[test]
fn a_client_of_the_plain_lock_is_respected() {
    let world = World::start();
    world.redis.cli(&["SET", "rectbot:leader", "xserver", "PX", "600000"]);
    let oci = world.site("oci", "");
    thread::sleep(TTL * 2);
    assert!(world.door.sessions().is_empty(), "a second bot beside the old client's");
    assert!(oci.log().contains("held by a client of the plain lock"), "{}", oci.log());

    world.redis.cli(&["DEL", "rectbot:leader"]);
    world.door.open_at("oci", Instant::now() - SLACK);
}

#[test]
fn a_bot_that_ends_is_started_again_and_its_children_do_not_stay() {
    let world = World::start();
    let xserver = world.site("xserver", "");
    let first = world.door.open_at("xserver", Instant::now() - SLACK);
    // Everything of the bot holds its session open, what it has detached too.
    let bots = std::process::Command::new("pgrep").args(["-f", &format!("{}$", "sleep 1000")]).output().unwrap();
    assert!(!bots.stdout.is_empty());
    kill_process(xserver.guard(), Signal::KILL).unwrap();
    let second = world.door.wait("a second session", |s| s.begin > first.begin);
    assert_eq!(second.epoch, first.epoch, "one lease, two starts");
    world.door.no_overlap();
}

#[test]
fn people_and_programs_are_told() {
    let world = World::start();
    let xserver = world.site("xserver", "");
    let oci = world.site("oci", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    thread::sleep(Duration::from_secs(1));

    let (code, text) = xserver.get("/leader").unwrap();
    assert!(code == 200 && text.starts_with("xserver leads under epoch "), "{code} {text}");
    assert_eq!(oci.get("/leader").unwrap().0, 503);
    let (_, metrics) = xserver.get("/metrics").unwrap();
    assert!(
        metrics.contains("noroshi_failover_leads 1\n")
            && metrics.contains(r#"noroshi_failover_state{state="leading"} 1"#)
    );
    let (well, page) = oci.command(&["status"]);
    println!("{page}");
    assert!(well && page.contains("held by xserver, epoch ") && page.contains("watching"), "{page}");
    let (well, page) = oci.command(&["doctor"]);
    println!("{page}");
    assert!(well && page.contains("runs the script"), "{page}");

    let asked = Instant::now();
    let (well, page) = oci.command(&["pin", "oci"]);
    assert!(well, "{page}");
    world.door.open_at("oci", asked);
    world.door.no_overlap();
}

#[test]
fn the_shipped_rights_are_enough_and_not_more() {
    let directory = tempfile::tempdir().unwrap();
    let acl = directory.path().join("failover.acl");
    let shipped = include_str!("../../deploy/redis/failover.acl");
    std::fs::write(&acl, shipped.replace("CHANGE_ME", "hunter2")).unwrap();
    let redis = Redis::with(directory.path(), &["--aclfile", acl.to_str().unwrap()]);
    let password = directory.path().join("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let world = World { redis, door: world::Door::open(), directory };
    let port = world.redis.address().port();
    let way = Way::to(world.redis.address());
    let login = format!("    user: failover\n    password_file: {}\n", password.display());
    let site = world.site_over("xserver", way, "");
    // The section is written by the world; its redis line is made whole here.
    let text = std::fs::read_to_string(&site.file).unwrap();
    let address = site.way.address();
    let line = format!("redis: {{host: {}, port: {}}}\n", address.ip(), address.port());
    let whole = format!("redis:\n    host: {}\n    port: {}\n{login}", address.ip(), address.port());
    std::fs::write(&site.file, text.replace(&line, &whole)).unwrap();
    let mut site = site;
    site.crash();
    site.run();
    world.door.open_at("xserver", Instant::now() - SLACK);
    for refused in [&["FLUSHALL"][..], &["GET", "other"], &["CONFIG", "GET", "*"], &["KEYS", "*"]] {
        let mut arguments = vec!["--user", "failover", "--pass", "hunter2", "--no-auth-warning"];
        arguments.extend(refused);
        let answer = world.redis.cli(&arguments);
        assert!(answer.contains("NOPERM"), "{refused:?} on port {port}: {answer}");
    }
}
