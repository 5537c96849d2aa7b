//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, SiteName};

/// Runs a bot on exactly one of several sites, and moves it when its site fails.
#[derive(Debug, Parser)]
#[command(name = "failover", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run COMMAND while this site leads, and only then.
    Run {
        /// Say whether the configuration holds, and leave.
        #[arg(long)]
        check: bool,
        /// Start the command's process early; it waits for a line GO on its standard input before it logs in.
        #[arg(long)]
        prestart: bool,
        /// Where things are.
        #[command(flatten)]
        places: Places,
        /// The bot and its arguments.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Show who leads and how the sites are.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Show the times of this configuration, and what happens when.
    Explain {
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Check Redis, its rights and its settings, the clock and the containment.
    Doctor {
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Say that no bot runs anywhere, so that the first start need not wait.
    Init {
        /// Yes, I have looked: no bot runs.
        #[arg(long)]
        nothing_runs: bool,
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Prefer SITE over all others, until told otherwise.
    Prefer {
        /// The site; none: as listed.
        site: Option<SiteName>,
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Let the bot run on SITE and nowhere else, until told otherwise.
    Pin {
        /// The site.
        site: SiteName,
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Leave the bot where it is; it still moves when its site fails.
    Pause {
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Take back prefer, pin and pause.
    Resume {
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
    /// Let the site that leads give the bot to another one now.
    #[command(alias = "release")]
    Stepdown {
        /// Where things are.
        #[command(flatten)]
        places: Places,
    },
}

/// Flags that differ by machine; each wins over its key in the file.
#[derive(Args, Clone, Debug)]
pub struct Places {
    /// Configuration file of all parts; ours is its section `failover:`.
    #[arg(long, env = "NOROSHI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the side-car listens [default: 127.0.0.1:9098].
    #[arg(long, env = "NOROSHI_FAILOVER_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// File that remembers the epoch and the bot's starts.
    #[arg(long, env = "NOROSHI_FAILOVER_STATE", value_name = "FILE")]
    pub state: Option<PathBuf>,
}

impl Places {
    /// Returns `config` with what was said on the command line.
    #[must_use]
    pub fn over(&self, mut config: Config) -> Config {
        config.listen = self.listen.unwrap_or(config.listen);
        config.state = self.state.clone().or(config.state);
        config
    }
}

const EXAMPLES: &str = "\
Examples:
  SITE_ID=xserver REDIS_HOST=10.0.0.1 failover run -- node bot.js
  failover run --config /etc/noroshi/noroshi.yaml -- /srv/bot/.venv/bin/python bot.py
  failover status
  failover pin oci        while xserver is being worked on;  failover resume  afterwards

Environment (wins over the file): FAILOVER_ENABLED, SITE_ID, FAILOVER_SITES (preferred first), REDIS_HOST, REDIS_PORT,
REDIS_USER, REDIS_PASSWORD or REDIS_PASSWORD_FILE, REDIS_URL, REDIS_CACERT, BOT_NAME. The bot is given SITE_ID and
FAILOVER_EPOCH, which rises with every change.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
