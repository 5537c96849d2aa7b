//! Every state of a small model. The larger bounds take minutes and gigabytes: `cargo test -p failover-simulator -- --ignored`.

#![allow(clippy::print_stdout, reason = "a person who runs the search reads how far it went")]

use failover::core::rules::{Mutant, Rules};
use failover_simulator::{Bounds, Exhaustive};
use stateright::{Checker as _, Model as _};

const NONE: Bounds = Bounds { terms: 2, renewals: 1, restarts: 0, flushes: 0, crashes: 0 };

/// Visits every state; returns how many there are.
fn complete(bounds: Bounds) -> usize {
    let model = Exhaustive { bounds, rules: Rules::WHOLE };
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!("{bounds:?}: {states} states, complete, never two bots");
    states
}

fn is_caught(mutant: Mutant, bounds: Bounds) {
    let model = Exhaustive { bounds, rules: Rules::broken(mutant) };
    let checker = model.checker().threads(2).spawn_bfs().join();
    let path = checker.discovery("never two bots").unwrap_or_else(|| panic!("{} is not caught", mutant.name()));
    println!("{}: two bots after {} steps", mutant.name(), path.into_actions().len());
}

#[test]
fn a_restart_of_redis_that_keeps_rolls_back_or_empties() {
    assert!(complete(Bounds { restarts: 1, ..NONE }) > 500_000);
}

#[test]
fn a_crash_and_a_lost_record() {
    assert!(complete(Bounds { crashes: 1, flushes: 1, ..NONE }) > 500_000);
}

#[test]
fn mutants_have_counter_examples() {
    is_caught(Mutant::TrustAbsence, Bounds { flushes: 1, ..NONE });
    is_caught(Mutant::AbsentNoCas, Bounds { terms: 3, flushes: 2, ..NONE });
    is_caught(Mutant::NoRunId, Bounds { restarts: 1, ..NONE });
    is_caught(Mutant::NoDriftMargin, NONE);
}

#[test]
#[ignore = "minutes and gigabytes"]
fn all_larger_bounds() {
    for bounds in [
        Bounds { flushes: 1, restarts: 1, ..NONE },
        Bounds { renewals: 2, flushes: 1, ..NONE },
        Bounds { terms: 3, ..NONE },
        Bounds { terms: 3, crashes: 1, ..NONE },
        Bounds { terms: 3, flushes: 1, ..NONE },
        Bounds { terms: 3, restarts: 1, ..NONE },
    ] {
        complete(bounds);
    }
}
