//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::settings::{Interval, Loopback, duration};

/// Pushes this host's metrics, under node_exporter's names, to a Pushgateway.
#[derive(Debug, Parser)]
#[command(name = "noroshi-exporter", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect once, push, and leave; silent on success, as cron likes it.
    #[command(after_help = ENVIRONMENT)]
    Push {
        /// Say whether the configuration holds, and leave without a push.
        #[arg(long)]
        check: bool,
        /// Wait first, for a part of this time that is always the same for this host: a fleet whose cron jobs start at
        /// the same second is spread over it.
        #[arg(long, env = "NOROSHI_EXPORTER_SPLAY", value_name = "DURATION", value_parser = duration)]
        splay: Option<Duration>,
        /// What to read and where to keep things.
        #[command(flatten)]
        places: Places,
    },
    /// Push again and again, as a service; SIGHUP reads the configuration anew, SIGTERM sends a last push that says so.
    #[command(after_help = ENVIRONMENT)]
    Run {
        /// Say whether the configuration holds, and leave without a push.
        #[arg(long)]
        check: bool,
        /// Pause between two pushes [default: 15s].
        #[arg(long, env = "NOROSHI_EXPORTER_INTERVAL", value_name = "DURATION")]
        interval: Option<Interval>,
        /// Give the page to whoever scrapes this address of this machine, such as 127.0.0.1:9100 [default: none].
        #[arg(long, env = "NOROSHI_EXPORTER_LISTEN", value_name = "ADDRESS")]
        listen: Option<Loopback>,
        /// What to read and where to keep things.
        #[command(flatten)]
        places: Places,
    },
    /// Write what would be pushed to stdout; leaves no trace.
    Print {
        /// What to read and where to keep things.
        #[command(flatten)]
        places: Places,
    },
}

/// Flags that differ by machine; each wins over its key in the file.
#[derive(Args, Clone, Debug)]
pub struct Places {
    /// Configuration file of all parts; ours is its section `exporter:`.
    #[arg(long, env = "NOROSHI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// File that remembers the last successful push [default: /var/lib/noroshi/exporter.json for root,
    /// $XDG_STATE_HOME/noroshi/exporter.json or ~/.local/state/noroshi/exporter.json for others].
    #[arg(long, env = "NOROSHI_EXPORTER_STATE", value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Where procfs is mounted [default: /proc].
    #[arg(long, env = "NOROSHI_EXPORTER_PROCFS", value_name = "DIR")]
    pub procfs: Option<PathBuf>,
    /// Where sysfs is mounted [default: /sys].
    #[arg(long, env = "NOROSHI_EXPORTER_SYSFS", value_name = "DIR")]
    pub sysfs: Option<PathBuf>,
    /// The root of the host's files, when we see them in a container [default: /].
    #[arg(long, env = "NOROSHI_EXPORTER_ROOTFS", value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
}

impl Places {
    /// Returns `config` with what was said on the command line.
    #[must_use]
    pub fn over(self, mut config: Config) -> Config {
        config.state = self.state.or(config.state);
        config.procfs = self.procfs.or(config.procfs);
        config.sysfs = self.sysfs.or(config.sysfs);
        config.rootfs = self.rootfs.or(config.rootfs);
        config
    }
}

const EXAMPLES: &str = "\
Examples:
  noroshi-exporter print                      what this host would tell
  PUSHGATEWAY_URL=https://hub.example.org:9443 PUSHGATEWAY_CACERT=/etc/noroshi/ca.pem \\
  PUSHGATEWAY_USER=prom PUSHGATEWAY_PASSWORD_FILE=/etc/noroshi/password noroshi-exporter push
  * * * * * . /etc/noroshi/exporter.env; noroshi-exporter push      in a crontab (export the names in that file)
  noroshi-exporter push --config /etc/noroshi/noroshi.yaml --check
  noroshi-exporter push --splay 50s           in a crontab of many hosts
  noroshi-exporter run --interval 15s         as a service: deploy/systemd/noroshi-exporter.service

A push that finds another one of the same state file at work leaves at once, and silently, with 0.

Exit codes: 0 done, 1 the push failed, 2 wrong usage, 78 wrong configuration.";

const ENVIRONMENT: &str = "\
Environment (wins over the configuration file):
  PUSHGATEWAY_URL            https://host:9443, or with a group: https://host:9443/metrics/job/web/instance/web-1
                             [default: https://localhost:9443/metrics/job/xserver-bot]
  PUSHGATEWAY_USER           name for Basic Auth
  PUSHGATEWAY_PASSWORD       its password; better in a file:
  PUSHGATEWAY_PASSWORD_FILE  file that holds the password alone
  PUSHGATEWAY_CACERT         PEM file with the only certificates to trust, such as the gateway's own
  PUSHGATEWAY_INSECURE       true: push to whoever answers (for a first try, never for good)";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let cli = Cli::try_parse_from(["noroshi-exporter", "print", "--procfs", "/flag"]).unwrap();
        let Command::Print { places } = cli.command else { panic!("not print") };
        let file = Config { procfs: Some("/file".into()), sysfs: Some("/file".into()), ..Config::default() };
        let config = places.over(file);
        assert_eq!(config.procfs, Some("/flag".into()));
        assert_eq!(config.sysfs, Some("/file".into()));
    }
}
