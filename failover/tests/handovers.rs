//! A hundred planned hand-overs, timed: `cargo test -p failover --test handovers -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]
#![expect(clippy::disallowed_methods, reason = "there is no runtime here to be blocked")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of the world")]

mod world;

use std::thread;
use std::time::{Duration, Instant};

use world::World;

#[test]
#[ignore = "takes minutes, and measures"]
fn a_hundred_planned_hand_overs_never_double_and_take_a_moment() {
    let world = World::start();
    let budget = "  budget: {hourly: 100000, daily: 100000}\n";
    let xserver = world.site("xserver", budget);
    let _oci = world.site("oci", budget);
    world.door.wait("a session", |s| s.end.is_none());
    let mut gaps = Vec::new();
    for number in 0..100 {
        thread::sleep(Duration::from_millis(700));
        let to = if number % 2 == 0 { "oci" } else { "xserver" };
        let asked = Instant::now();
        assert!(xserver.command(&["pin", to]).0);
        let next = world.door.open_at(to, asked);
        let before = world.door.sessions().into_iter().rfind(|s| s.begin < next.begin).unwrap();
        gaps.push(next.begin - before.end.unwrap_or(next.begin));
    }
    world.door.no_overlap();
    gaps.sort_unstable();
    println!(
        "from the old bot's end to the new bot's login: median {:?}, p99 {:?}, max {:?}",
        gaps[50], gaps[98], gaps[99]
    );
}
