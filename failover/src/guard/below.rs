//! The entrances of the processes below a supervisor, which are this very binary.

use std::process::ExitCode;

use ::config::exit::{Failure, leave};
use clap::{Parser, Subcommand};

use super::contain::try_containment;
use super::init::{Init, Launch};
use super::{BELOW, Containment, Guard};

#[derive(Debug, Parser)]
#[command(name = BELOW)]
struct Below {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Guard a bot.
    Guard(Guard),
    /// Be the first process in a container.
    Init(Init),
    /// Become the bot.
    Launch(Launch),
    /// Find out whether a containment works here.
    Try { containment: Containment },
    /// Only start and end.
    Nothing,
}

/// Does the work of a guard, or of what stands below it, if this process was started for that; the first thing in `main` of
/// every program that runs [`crate::Failover`], before there is a runtime or a second thread.
#[must_use]
pub fn below() -> Option<ExitCode> {
    if std::env::args_os().next()? != BELOW {
        return None;
    }
    let result = match Below::parse().part {
        Part::Guard(guard) => guard.run(),
        Part::Init(init) => match init.run() {
            Ok(code) => return Some(ExitCode::from(u8::try_from(code).unwrap_or(1))),
            Err(error) => Err(error),
        },
        Part::Launch(launch) => launch.run(),
        Part::Try { containment } => try_containment(containment),
        Part::Nothing => Ok(()),
    };
    Some(leave(result.map_err(Failure::from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Below::command().debug_assert();
    }
}
