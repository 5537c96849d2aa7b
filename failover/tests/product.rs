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

// Most of each scenario is waiting, so several run at the same time, each in a world of its own.

#[test]
fn nothing_that_happens_to_redis_moves_or_doubles_the_bot() {
    thread::scope(|scope| {
        scope.spawn(a_redis_that_loses_everything_costs_the_leader_nothing);
        scope.spawn(a_step_of_redis_clock_moves_nothing);
        scope.spawn(a_client_of_the_plain_lock_is_respected);
    });
}

#[test]
fn the_best_site_that_lives_has_the_bot() {
    thread::scope(|scope| {
        scope.spawn(a_crash_moves_the_bot_and_the_preferred_site_gets_it_back);
        scope.spawn(of_three_sites_the_best_that_lives_has_the_bot);
        scope.spawn(two_supervisors_under_one_name_run_one_bot_and_say_so);
    });
}

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
    world.door.no_overlap();
}

#[test]
fn a_planned_stop_hands_over_at_once() {
    let (world, mut xserver, _oci) = World::led_by_xserver();

    let asked = Instant::now();
    assert!(xserver.stop(), "{}", xserver.log());
    let next = world.door.open_at("oci", asked);
    assert!(next.begin - asked < TTL, "it waited for the lease to run out: {:?}", next.begin - asked);
    world.door.no_overlap();
}

#[test]
fn a_site_that_is_cut_off_one_way_or_both_stops_its_bot_before_the_other_starts() {
    thread::scope(|scope| {
        scope.spawn(|| cut_off(Way::cut, TTL));
        scope.spawn(|| cut_off(Way::cut_requests, TTL));
        // Its renewals still arrive, up to its lease's end, and its heartbeat for ever: it is offered the bot before the other
        // site starts one, which takes five seconds to come to nothing.
        scope.spawn(|| cut_off(Way::cut_answers, TTL * 2 + Duration::from_secs(5)));
    });
}

fn cut_off(how: impl Fn(&Way), within: Duration) {
    let (world, xserver, _oci) = World::led_by_xserver();

    let cut = Instant::now();
    how(xserver.way());
    let second = world.door.open_at("oci", cut);
    assert!(second.begin - cut < within + SLACK, "took over after {:?}", second.begin - cut);
    xserver.way().mend();
    world.door.open_at("xserver", cut);
    world.door.no_overlap();
}

#[test]
fn what_is_stopped_is_no_danger_while_the_other_half_is_not() {
    thread::scope(|scope| {
        scope.spawn(a_stopped_supervisor_is_no_danger_because_the_guard_is_not);
        scope.spawn(a_stopped_guard_is_no_danger_because_the_supervisor_is_not);
        scope.spawn(both_stopped_end_their_bot_as_soon_as_they_wake);
    });
}

fn a_stopped_supervisor_is_no_danger_because_the_guard_is_not() {
    let (world, xserver, _oci) = World::led_by_xserver();

    let stop = Instant::now();
    xserver.signal(Signal::STOP);
    world.door.open_at("oci", stop);
    xserver.signal(Signal::CONT);
    thread::sleep(Duration::from_secs(1));
    world.door.no_overlap();
}

fn a_stopped_guard_is_no_danger_because_the_supervisor_is_not() {
    let (world, xserver, _oci) = World::led_by_xserver();

    let cut = Instant::now();
    kill_process(xserver.guard(), Signal::STOP).unwrap();
    xserver.way().cut();
    world.door.open_at("oci", cut);
    xserver.way().mend();
    world.door.no_overlap();
}

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
    thread::scope(|scope| {
        for containment in ["namespace", "cgroup"] {
            scope.spawn(move || a_killed_guard_leaves_nothing(containment));
        }
    });
}

fn a_killed_guard_leaves_nothing(containment: &str) {
    let world = World::start();
    let xserver = world.site("xserver", &format!("  containment: {containment}\n"));
    let first = world.door.open_at("xserver", Instant::now() - SLACK);
    // Everything of the bot holds its session open, what it has detached too.
    let until = Instant::now() + SLACK;
    let mut below = xserver.below_guard();
    // The session is open a moment before that is detached.
    while below.len() < 3 && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
        below = xserver.below_guard();
    }
    assert!(below.len() >= 3, "init, the bot and what it has detached: {below:?}");
    kill_process(xserver.guard(), Signal::KILL).unwrap();
    let second = world.door.wait("a second session", |s| s.begin > first.begin);
    assert_eq!(second.epoch, first.epoch, "one lease, two starts");
    for pid in below {
        // One that is only not reaped yet, which is for the machine's own init to do, runs no more.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        assert!(state.is_none_or(|state| "ZX".contains(state)), "{pid} outlived its guard: {stat}");
    }
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
    assert!(well && page.contains("held by xserver, epoch ") && page.contains("watching"), "{page}");
    let (well, page) = oci.command(&["doctor"]);
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
    let way = Way::to(world.redis.socket());
    let login = format!("    user: failover\n    password_file: {}\n", password.display());
    let site = world.site_over("xserver", way, "");
    // The section is written by the world; its redis line is made whole here.
    let text = std::fs::read_to_string(&site.file).unwrap();
    let address = site.way().address();
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
        assert!(answer.contains("NOPERM"), "{refused:?}: {answer}");
    }
}

// Outside what is promised (docs/failover.md): nobody is left who could kill the bot in time. What is left is that its end
// comes with the first thing that either of them learns.
fn both_stopped_end_their_bot_as_soon_as_they_wake() {
    let world = World::start();
    let xserver = world.site("xserver", "");
    let first = world.door.open_at("xserver", Instant::now() - SLACK);
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));

    let guard = xserver.guard();
    let stop = Instant::now();
    xserver.signal(Signal::STOP);
    kill_process(guard, Signal::STOP).unwrap();
    world.door.open_at("oci", stop);
    let wake = Instant::now();
    xserver.signal(Signal::CONT);
    kill_process(guard, Signal::CONT).unwrap();
    let over = world.door.wait("the end of the old session", |s| s.begin == first.begin && s.end.is_some());
    assert!(over.end.unwrap() - wake < Duration::from_secs(1), "{:?}", over.end.unwrap() - wake);
    assert_eq!(world.door.overlaps(), 1, "only the one that nobody could prevent");
}

fn two_supervisors_under_one_name_run_one_bot_and_say_so() {
    let world = World::start();
    let one = world.site("xserver", "");
    let two = world.site("xserver", "");
    world.door.wait("a session", |s| s.end.is_none());
    thread::sleep(TTL * 3);
    let logs = one.log() + &two.log();
    assert!(logs.contains("another supervisor says that it is site xserver"), "{logs}");
    world.door.no_overlap();
}

fn of_three_sites_the_best_that_lives_has_the_bot() {
    let world = World::start();
    let mut xserver = world.site("xserver", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    let mut oci = world.site("oci", "");
    let _tokyo = world.site("tokyo", "");
    thread::sleep(Duration::from_secs(1));
    let crash = Instant::now();
    xserver.crash();
    world.door.open_at("oci", crash);
    let crash = Instant::now();
    oci.crash();
    world.door.open_at("tokyo", crash);
    let back = Instant::now();
    xserver.run();
    world.door.open_at("xserver", back);
    world.door.no_overlap();
}

// A step of Redis' clock is to its clients that keys with a TTL end at once, or not for hours.
fn a_step_of_redis_clock_moves_nothing() {
    let world = World::start();
    let _xserver = world.site("xserver", "");
    let first = world.door.open_at("xserver", Instant::now() - SLACK);
    let _oci = world.site("oci", "");
    for step in ["1", "999999999"] {
        for _ in 0..20 {
            for key in ["rectbot:leader", "rectbot:hb:xserver", "rectbot:hb:oci"] {
                world.redis.cli(&["PEXPIRE", key, step]);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    thread::sleep(TTL);
    let sessions = world.door.sessions();
    assert!(sessions.len() == 1 && sessions[0].end.is_none() && sessions[0].begin == first.begin, "{sessions:?}");
}

#[test]
fn a_slow_hook_delays_no_deadline() {
    let world = World::start();
    let hooks = "  hooks: {acquire: [sleep, '60'], timeout: 60s}\n";
    let xserver = world.site("xserver", hooks);
    let until = Instant::now() + TTL + SLACK;
    while !xserver.log().contains("xserver leads") && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    let _oci = world.site("oci", "");
    thread::sleep(Duration::from_secs(1));
    // Its hook still sleeps, and it has to give the lease away all the same.
    let asked = Instant::now();
    assert!(xserver.command(&["pin", "oci"]).0);
    let next = world.door.open_at("oci", asked);
    assert!(next.begin - asked < TTL, "{:?}: {}", next.begin - asked, xserver.log());
}

#[test]
fn without_the_lease_the_command_runs_only_while_nobody_leads() {
    let world = World::start();
    let plain = |site: &world::Site| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_failover"));
        command.args(["run", "--config"]).arg(&site.file).args(["--", "echo", "it ran"]);
        let output = command.env("FAILOVER_ENABLED", "false").output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let mut xserver = world.site("xserver", "");
    world.door.open_at("xserver", Instant::now() - SLACK);
    let (code, said) = plain(&xserver);
    assert!(code == Some(1) && said.contains("site xserver leads") && !said.contains("it ran"), "{code:?} {said}");
    assert!(xserver.stop());
    let (code, said) = plain(&xserver);
    assert!(code == Some(0) && said.contains("it ran") && said.contains("nothing keeps a second bot"), "{said}");
}

#[test]
fn people_are_told_once_of_each_move_and_later_if_the_bridge_is_away() {
    let world = World::start();
    let bridge = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = bridge.local_addr().unwrap();
    let notify = format!("  notify: {{url: 'http://{address}/notify'}}\n");
    // Nobody is there yet: connections wait and are never answered, as with a bridge that hangs.
    let mut xserver = world.site("xserver", &notify);
    world.door.open_at("xserver", Instant::now() - SLACK);
    let notes = xserver.file.with_extension("notes");
    let until = Instant::now() + SLACK;
    while !std::fs::read_to_string(&notes).is_ok_and(|kept| kept.contains("failover:rectbot:")) {
        assert!(Instant::now() < until, "nothing waits on disk: {}", xserver.log());
        thread::sleep(Duration::from_millis(20));
    }
    xserver.crash();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let book = told.clone();
    thread::spawn(move || {
        for stream in bridge.incoming() {
            world::answer(stream.unwrap(), &book);
        }
    });
    xserver.run();
    let until = Instant::now() + TTL * 2 + SLACK;
    while told.lock().unwrap().is_empty() {
        assert!(Instant::now() < until, "the next supervisor does not tell: {}", xserver.log());
        thread::sleep(Duration::from_millis(20));
    }
    let body: serde_json::Value = serde_json::from_str(&told.lock().unwrap()[0]).unwrap();
    assert_eq!(body["title"], "rectbot now runs on xserver");
    assert!(body["key"].as_str().unwrap().starts_with("failover:rectbot:") && body["said"].is_string(), "{body}");
}

#[test]
fn a_bot_that_hangs_is_killed_and_started_again() {
    let world = World::start();
    let sign = world.directory.path().join("sign-of-life");
    std::fs::write(&sign, "").unwrap();
    let probe =
        format!("  probe: {{file: {}, max_age: 1s, every: 200ms, failures: 2, after: 100ms}}\n", sign.display());
    let xserver = world.site("xserver", &probe);
    // Written once and never again: it is too old by the time the lease is there.
    let first = world.door.open_at("xserver", Instant::now() - SLACK);
    let second = world.door.wait("a second session", |s| s.begin > first.begin);
    assert_eq!(second.epoch, first.epoch);
    assert!(xserver.log().contains("rectbot hangs and is killed"), "{}", xserver.log());
    world.door.no_overlap();
}
