//! The command line: what all subcommands share, and the list of them.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::command::{pushgateway, rules, silence};

/// The hub: keeps what hosts push, and looks after it.
#[derive(Debug, Parser)]
#[command(name = "noroshi", version, subcommand_required = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Configuration file; each subcommand reads its own section
    #[arg(long, env = "NOROSHI_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands. Each has a file below `command/` with its arguments and its `run`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep the last push of each group for Prometheus, as a Pushgateway does
    Pushgateway(pushgateway::Arguments),
    /// Check rule files, and run their tests as `promtool test rules` does
    Rules(rules::Arguments),
    /// Keep people from being told of a host for a while
    Silence(silence::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  noroshi pushgateway --data /var/lib/noroshi/pushgateway
  noroshi rules test alert-rules/tests/*.yml
  noroshi silence web-1 10m --comment \"kernel update\"

Exit codes: 0 done, 1 failed while running, 2 wrong usage, 78 wrong configuration.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_subcommand_is_asked_for() {
        assert!(Cli::try_parse_from(["noroshi"]).is_err());
    }
}
