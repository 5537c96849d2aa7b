//! Planned hand-overs, one after the other. `bench/failover/peers` times a hundred of them beside other programs.
#![expect(clippy::disallowed_methods, reason = "there is no runtime here to be blocked")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of the world")]

mod world;

use std::time::Instant;

use world::World;

#[test]
fn ten_planned_hand_overs_never_double() {
    hand_over(10);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_planned_hand_overs_never_double() {
    hand_over(100);
}

fn hand_over(times: usize) {
    let world = World::start();
    let budget = "  budget: {hourly: 100000, daily: 100000}\n";
    let xserver = world.site("xserver", budget);
    let mut last = world.door.wait("a session", |s| s.end.is_none());
    let _oci = world.site("oci", budget);
    for number in 0..times {
        let to = if number % 2 == 0 { "oci" } else { "xserver" };
        let asked = Instant::now();
        assert!(xserver.command(&["pin", to]).0);
        let next = world.door.open_at(to, asked);
        assert!(next.epoch > last.epoch, "{last:?} {next:?}");
        last = next;
    }
    world.door.no_overlap();
}
