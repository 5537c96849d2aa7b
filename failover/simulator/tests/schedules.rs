//! Random schedules in which no two bots may ever run, and after which all must be well.

#![allow(clippy::print_stdout, reason = "a person who runs the search reads how far it went")]

use failover::core::timing::Pace;
use failover_simulator::{Plan, Tally, run};

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn schedules(plan: &Plan, count: u64) -> Tally {
    let tally = run(plan, 0, count, threads(), |_| ());
    println!("{tally}");
    assert_eq!(tally.violations, 0, "two bots ran at once: failover-simulator trace --seed N shows how; {tally}");
    assert_eq!(tally.unsettled, 0, "the bot did not come to rest where it belongs: {tally}");
    let wait = plan.timing.wait.as_micros();
    assert!(tally.leader_after.max() <= wait * 12 / 10, "no leader within 1.2 W: {tally}");
    let home = wait + plan.timing.preempt.as_micros();
    assert!(tally.settled_after.max() <= home, "not back on the preferred site within W + D: {tally}");
    tally
}

#[test]
fn eighty_thousand_schedules_never_run_two_bots() {
    schedules(&Plan::new(&Pace::FAST), 80_000);
}

#[test]
fn with_the_documented_times_neither() {
    schedules(&Plan::new(&Pace::DOC), 4_000);
}

#[test]
fn three_sites_neither() {
    schedules(&Plan { sites: 3, ..Plan::new(&Pace::FAST) }, 8_000);
}

#[test]
fn two_supervisors_with_one_name_neither() {
    schedules(&Plan { double: true, ..Plan::new(&Pace::FAST) }, 6_000);
}

#[test]
fn operators_who_pin_and_prefer_and_step_down_cannot_bring_it_about() {
    schedules(&Plan { operators: true, ..Plan::new(&Pace::FAST) }, 6_000);
}

#[test]
fn after_a_crash_the_other_site_takes_over_within_the_wait_and_hands_back_in_a_moment() {
    for pace in [Pace::FAST, Pace::DOC] {
        let plan = Plan { one_crash: true, ..Plan::new(&pace) };
        let tally = schedules(&plan, 500);
        assert!(tally.take_over.max() <= plan.timing.wait.as_micros() + 2_000_000, "{tally}");
        assert!(tally.hand_back.quantile(990) <= 300_000 + 300_000, "{tally}");
    }
}
