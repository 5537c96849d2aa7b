//! `noroshi`: what runs on the hub machine. What each subcommand does stands in its own file below [`command`].

mod cli;
mod command;
mod language;

use std::process::ExitCode;

use clap::Parser;
use config::exit::leave;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    daemon::telemetry::init();
    leave(match cli.command {
        Command::Pushgateway(arguments) => command::pushgateway::run(arguments, cli.config.as_deref()),
        Command::Rules(arguments) => command::rules::run(arguments),
        Command::Silence(arguments) => command::silence::run(arguments),
    })
}
