//! `noroshi-exporter`: see [`exporter`].

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Parser as _;
use config::Environment;
use config::exit::{Failure, leave};
use exporter::cli::{Cli, Command, Places};
use exporter::daemon::{Daemon, Plan};
use exporter::{Config, Delivery, Exporter, Interval, Lock, Loopback, splay};

fn main() -> ExitCode {
    let environment = Environment::of_process();
    leave(match Cli::parse().command {
        Command::Push { check, splay, places } => push(places, check, splay, &environment),
        Command::Run { check, interval, listen, places } => {
            run(&Paced { places, interval, listen }, check, &environment)
        }
        Command::Print { places } => print(places, &environment),
    })
}

/// Builds everything before the first byte leaves: what is wrong with the configuration stops us here.
fn push(places: Places, check: bool, splay: Option<Duration>, environment: &Environment) -> Result<(), Failure> {
    let config = load(places)?;
    let mut delivery = Delivery::build(&config.delivery(), environment, &mut warn).map_err(Failure::configuration)?;
    if check {
        return say(&format!("the configuration holds: a push goes to {}\n", delivery.gateway()));
    }
    let exporter = Exporter::build(&config, environment);
    let work = async {
        if let Some(splay) = splay {
            tokio::time::sleep(splay::pause(splay, &delivery.gateway().to_string())).await;
        }
        let Some(_lock) = exporter.lock() else {
            // Should it hang, the age of the last push tells. Under cron this is no news.
            if std::io::stderr().is_terminal() {
                warn("another exporter with this state file is at work, so this one did nothing".to_owned());
            }
            return Ok(());
        };
        exporter.push(&mut delivery, &mut warn).await
    };
    Ok(block_on(work)??)
}

/// Builds everything before the service is ready. Holds the lock, so that a push from cron beside it has nothing to do.
fn run(paced: &Paced, check: bool, environment: &Environment) -> Result<(), Failure> {
    let plan = paced.plan(environment, &mut warn).map_err(Failure::configuration)?;
    if check {
        return say(&format!("the configuration holds: pushes go to {}\n", plan.delivery.gateway()));
    }
    let _lock = block_on(take_lock(&plan.exporter))?
        .ok_or_else(|| anyhow!("another exporter with this state file is running"))?;
    let mut reload = |warn: &mut dyn FnMut(String)| paced.plan(environment, warn);
    let service = async { Daemon::build(plan).await?.run(&mut reload, &mut log).await };
    Ok(block_on(tokio::task::LocalSet::new().run_until(service))??)
}

/// Waits a moment for a push that is at work, or for one that was killed and is not gone yet.
async fn take_lock(exporter: &Exporter) -> Option<Lock> {
    for _ in 0..20 {
        if let Some(lock) = exporter.lock() {
            return Some(lock);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

/// What `run` is told on the command line, which a reload must find again.
struct Paced {
    places: Places,
    interval: Option<Interval>,
    listen: Option<Loopback>,
}

impl Paced {
    fn plan(&self, environment: &Environment, warn: &mut dyn FnMut(String)) -> anyhow::Result<Plan> {
        let config = self.places.clone().over(config::section::load("exporter", self.places.config.as_deref())?);
        Ok(Plan {
            delivery: Delivery::build(&config.delivery(), environment, warn)?,
            exporter: Exporter::build(&config, environment),
            interval: self.interval.unwrap_or(config.interval).as_duration(),
            listen: self.listen.or(config.listen),
        })
    }
}

/// Runs `work` on this thread.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(work);
    // A look-up of a name that hangs has a thread of its own, which nobody waits for.
    runtime.shutdown_background();
    Ok(result)
}

fn print(places: Places, environment: &Environment) -> Result<(), Failure> {
    let exporter = Exporter::build(&load(places)?, environment);
    say(&block_on(exporter.print(&mut warn))??)
}

fn load(places: Places) -> Result<Config, Failure> {
    let file = config::section::load("exporter", places.config.as_deref()).map_err(Failure::configuration)?;
    Ok(places.over(file))
}

/// Writes a result to stdout. Whoever has read enough (`| head`) may leave.
fn say(result: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(result.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout")?,
        _ => Ok(()),
    }
}

/// Writes to stderr, which is the log of a one-shot command.
fn warn(warning: String) {
    // Not `eprintln!`, which panics when stderr is a log on a full disk: this host must still push then.
    let _ = writeln!(std::io::stderr(), "warning: {warning}");
}

/// Writes a line of a service's log, where warnings say that they are.
fn log(line: String) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
