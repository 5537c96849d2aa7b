//! `noroshi-exporter`: see [`exporter`].

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use config::Environment;
use config::exit::{Failure, leave};
use exporter::cli::{Cli, Command, Places};
use exporter::{Config, Exporter, Gateway};

fn main() -> ExitCode {
    let environment = Environment::of_process();
    leave(match Cli::parse().command {
        Command::Push { check, places } => push(places, check, &environment),
        Command::Print { places } => print(places, &environment),
    })
}

/// Builds everything before the first byte leaves: what is wrong with the configuration stops us here.
fn push(places: Places, check: bool, environment: &Environment) -> Result<(), Failure> {
    let config = load(places)?;
    let gateway = Gateway::build(&config, environment, &mut warn).map_err(Failure::configuration)?;
    if check {
        return say(&format!("the configuration holds: a push goes to {gateway}\n"));
    }
    let exporter = Exporter::build(&config, environment);
    Ok(wait_for(exporter.push(&gateway, &mut warn))??)
}

fn print(places: Places, environment: &Environment) -> Result<(), Failure> {
    let exporter = Exporter::build(&load(places)?, environment);
    say(&wait_for(exporter.print(&mut warn))??)
}

/// Runs `work` on this thread.
fn wait_for<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
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
