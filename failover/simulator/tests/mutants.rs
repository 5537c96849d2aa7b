//! Each rule is needed: without it, two bots run. A mutant that is not caught means a hole in the net.

use std::time::Duration;

use failover::core::rules::Mutant;
use failover::core::timing::Pace;
use failover_simulator::FaultKind::{BotCrash, Cut, Flush, RedisRestart, Slow, SupervisorCrash, SupervisorStop};
use failover_simulator::{Plan, run};

/// The schedules that catch a mutant: the rare ones need faults that work together, and more of them.
fn net(mutant: Mutant) -> (Plan, u64) {
    let plan = Plan::new(&Pace::FAST);
    match mutant {
        Mutant::RedisTtl | Mutant::TrustAbsence | Mutant::ReleaseBeforeReap => (plan, 250),
        Mutant::NoGuard | Mutant::NoKillDeadline => (plan, 500),
        Mutant::AbsentNoCas => (plan.only(&[Flush, Cut, SupervisorStop]), 3_000),
        Mutant::NoRunId => (plan.only(&[RedisRestart, Cut, SupervisorCrash, SupervisorStop]), 6_000),
        Mutant::ReleaseAnySeq => (plan.only(&[Flush, Slow, Cut, BotCrash]), 6_000),
        Mutant::LateNonce => (plan.only(&[SupervisorStop, Flush, Cut]), 6_000),
        // An answer that may take longer makes the mutant's mistake larger.
        Mutant::LeaseFromReply => {
            let patient = Pace { request: Duration::from_secs(3), ..Pace::FAST };
            (Plan::new(&patient).only(&[Slow, Cut, SupervisorStop]), 12_000)
        }
        // Clocks that are worse, for which the rule allows and the mutant does not.
        Mutant::NoDriftMargin => {
            let drifting = Pace { drift_ppm: 50_000, ..Pace::FAST };
            (Plan::new(&drifting).only(&[Cut, SupervisorStop]), 1_000)
        }
    }
}

#[test]
fn every_broken_rule_is_caught() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut escaped = Vec::new();
    println!("{:<4} {:<20} {:>9} {:>9} {:>9}", "rule", "mutant", "schedules", "two bots", "longest");
    for mutant in Mutant::ALL {
        let (plan, count) = net(mutant);
        let broken = run(&plan.clone().broken(mutant), 0, count, threads, |_| ());
        let whole = run(&plan, 0, count.min(2_000), threads, |_| ());
        let longest = broken.worst_overlap / 1000;
        println!("{:<4} {:<20} {count:>9} {:>9} {longest:>6} ms", mutant.rule(), mutant.name(), broken.violations);
        assert_eq!(whole.violations, 0, "the same schedules under the whole rules: {whole}");
        if broken.violations == 0 {
            escaped.push(mutant.name());
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:?}");
}
