//! `failover-simulator`: see the library for what it does.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use failover::core::rules::Mutant;
use failover::core::timing::Pace;
use failover_simulator::{FaultKind, Outside, Plan, World, run};

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
    /// One crash of the preferred host and nothing else.
    #[arg(long)]
    one_crash: bool,
}

fn mutant(name: &str) -> Result<Mutant, String> {
    Mutant::ALL.into_iter().find(|mutant| mutant.name() == name).ok_or_else(|| {
        format!("there are: {}", Mutant::ALL.map(Mutant::name).join(", "))
    })
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
        let mut plan = Plan::new(if self.doc { &Pace::DOC } else { &Pace::FAST });
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
