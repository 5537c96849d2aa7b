//! `failover-simulator`: see the library for what it does.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use failover::core::rules::{Mutant, Rules};
use failover::core::timing::Pace;
use failover_simulator::{Bounds, Exhaustive, FaultKind, Outside, Plan, World, run};
use stateright::{Checker as _, Model as _};

/// Tries to make the failover protocol run two bots at once.
#[derive(Debug, Parser)]
#[command(name = "failover-simulator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run many random schedules and count.
    Run {
        /// How many.
        #[arg(long, default_value_t = 100_000)]
        schedules: u64,
        /// The number of the first one.
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// On how many threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        #[command(flatten)]
        plan: Choice,
    },
    /// Visit every state of a small model.
    Check {
        /// Nonces that may be drawn.
        #[arg(long, default_value_t = 2)]
        terms: u8,
        /// Renewals in a term.
        #[arg(long, default_value_t = 1)]
        renewals: u8,
        /// Restarts of Redis.
        #[arg(long, default_value_t = 0)]
        restarts: u8,
        /// Losses of the record.
        #[arg(long, default_value_t = 0)]
        flushes: u8,
        /// Crashes of a supervisor.
        #[arg(long, default_value_t = 0)]
        crashes: u8,
        /// Break one rule.
        #[arg(long, value_parser = mutant)]
        mutant: Option<Mutant>,
    },
    /// Show every step of one schedule.
    Trace {
        /// Its number.
        #[arg(long)]
        seed: u64,
        #[command(flatten)]
        plan: Choice,
    },
}

#[derive(Debug, Args)]
struct Choice {
    /// The times of the profile `doc` (TTL 90 s) instead of `fast` (15 s).
    #[arg(long)]
    doc: bool,
    /// How many sites.
    #[arg(long, default_value_t = 2)]
    sites: usize,
    /// A second supervisor runs under the name of site 1.
    #[arg(long)]
    double: bool,
    /// Operators pin, prefer, pause and step down.
    #[arg(long)]
    operators: bool,
    /// Break one rule.
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
    /// Only these kinds of faults, by commas.
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    only: Vec<FaultKind>,
    /// Go outside the guarantee: suspend, pause or both-stopped.
    #[arg(long, value_parser = outside)]
    outside: Option<Outside>,
    /// Largest rate error of a clock, in millionths; the lease allows for it.
    #[arg(long, default_value_t = 10_000)]
    drift_ppm: u32,
    /// Time for one answer of Redis, in milliseconds [default: the profile's].
    #[arg(long)]
    request: Option<u64>,
    /// One crash of the preferred host and nothing else.
    #[arg(long)]
    one_crash: bool,
}

fn mutant(name: &str) -> Result<Mutant, String> {
    Mutant::ALL
        .into_iter()
        .find(|mutant| mutant.name() == name)
        .ok_or_else(|| format!("there are: {}", Mutant::ALL.map(Mutant::name).join(", ")))
}

fn kind(name: &str) -> Result<FaultKind, String> {
    FaultKind::named(name).ok_or_else(|| "see FaultKind::named for the names".to_owned())
}

fn outside(name: &str) -> Result<Outside, String> {
    match name {
        "suspend" => Ok(Outside::Suspend),
        "pause" => Ok(Outside::Pause),
        "both-stopped" => Ok(Outside::BothStopped),
        _ => Err("there are: suspend, pause, both-stopped".to_owned()),
    }
}

impl Choice {
    fn plan(&self) -> Plan {
        let mut pace = if self.doc { Pace::DOC } else { Pace::FAST };
        pace.drift_ppm = self.drift_ppm;
        pace.request = self.request.map_or(pace.request, Duration::from_millis);
        let mut plan = Plan::new(&pace);
        plan.sites = self.sites;
        plan.double = self.double;
        plan.operators = self.operators;
        plan.only.clone_from(&self.only);
        plan.outside = self.outside;
        plan.one_crash = self.one_crash;
        match self.mutant {
            Some(mutant) => plan.broken(mutant),
            None => plan,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the results")]
fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run { schedules, first, threads, plan } => {
            let tally = run(&plan.plan(), first, schedules, threads, |sum| {
                if sum.schedules % 100_000 == 0 {
                    println!("{sum}");
                }
            });
            println!("{tally}");
            if tally.violations > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Command::Check { terms, renewals, restarts, flushes, crashes, mutant } => {
            let bounds = Bounds { terms, renewals, restarts, flushes, crashes };
            let model = Exhaustive { bounds, rules: mutant.map_or(Rules::WHOLE, Rules::broken) };
            let checker = model.checker().threads(2).spawn_bfs().join();
            let counter_example = checker.discovery("never two bots");
            let verdict = if counter_example.is_some() { "two bots" } else { "complete: never two bots" };
            println!("{bounds:?}: {} states, {verdict}", checker.unique_state_count());
            let Some(path) = counter_example else { return ExitCode::SUCCESS };
            for (state, step) in path.into_vec() {
                println!("  {state:?}\n      {step:?}");
            }
            ExitCode::FAILURE
        }
        Command::Trace { seed, plan } => {
            let mut plan = plan.plan();
            plan.trace = true;
            let mut world = World::new(&plan, seed);
            let outcome = world.run();
            for line in &world.log {
                println!("{line}");
            }
            println!("{outcome:?}");
            if outcome.overlaps > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}
