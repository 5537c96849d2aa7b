//! `noroshi pushgateway`: the embedded Pushgateway alone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::SectionError;
use ::config::exit::Failure;
use ::pushgateway::{Config, Pushgateway};
use anyhow::Context;
use clap::{Args, Subcommand};
use daemon::{Admin, Lifecycle};
use prometheus_client::registry::Registry;

pub mod import;

/// What differs by machine; the rest stands in the section `pushgateway:` of the file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = false)]
pub struct Arguments {
    /// Where hosts push to and Prometheus scrapes [default: 127.0.0.1:9091]
    #[arg(long, env = "NOROSHI_PUSHGATEWAY_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where this program's own /metrics, /-/healthy and /-/ready are [default: 127.0.0.1:9092]
    #[arg(long, env = "NOROSHI_PUSHGATEWAY_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// Directory for what was pushed; without one, a restart begins with an empty store
    #[arg(long, env = "NOROSHI_PUSHGATEWAY_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Check the configuration, say what is wrong, and leave
    #[arg(long)]
    pub check: bool,
    /// Something else than serving.
    #[command(subcommand)]
    pub command: Option<Other>,
}

/// What can be done beside serving.
#[derive(Debug, Subcommand)]
pub enum Other {
    /// Take over the groups of another Pushgateway, with the times of their pushes
    Import(import::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  noroshi pushgateway --data /var/lib/noroshi/pushgateway
  echo 'backup_done 1' | curl --data-binary @- http://127.0.0.1:9091/metrics/job/backup
  noroshi pushgateway import http://old-gateway:9091 --data /var/lib/noroshi/pushgateway

Routes, limits and durability (route_prefix, body_limit, sync, expire_after, …) stand in the configuration file.";

/// Serves until asked to stop.
///
/// # Errors
/// When the configuration does not hold, the store cannot be opened, or something breaks while running.
#[expect(clippy::print_stdout, reason = "the result of --check")]
pub fn run(arguments: Arguments, file: Option<&Path>) -> Result<(), Failure> {
    let check = arguments.check;
    let (config, command) = arguments.settings(file).map_err(Failure::configuration)?;
    if let Some(Other::Import(arguments)) = command {
        return import::run(&arguments, config);
    }
    if check {
        println!("{}", Pushgateway::check(&config).map_err(Failure::configuration)?);
        return Ok(());
    }
    // One thread, with the store's own beside it: several would wake each other for every push, which costs more than the
    // push. Long bodies and what takes long before a scrape are looked at on threads that may block.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut registry = Registry::default();
    // A moment longer than the gateway's own, so that it is the gateway that ends the last requests.
    let mut lifecycle = Lifecycle::new(config.grace.saturating_add(Duration::from_secs(5)));
    let admin_listen = config.admin_listen;

    let pushgateway = Pushgateway::build(config, registry.sub_registry_with_prefix("noroshi_pushgateway")).await?;
    // The admin page comes last: by now everything has registered its metrics.
    let admin = Admin::build(admin_listen, registry, lifecycle.readiness()).await?;
    lifecycle.spawn("the Pushgateway", |stop| pushgateway.run(stop));
    lifecycle.spawn("admin", |stop| admin.run(stop));
    Ok(lifecycle.run().await?)
}

impl Arguments {
    /// Reads the file and lays flags and environment over it.
    fn settings(self, file: Option<&Path>) -> Result<(Config, Option<Other>), SectionError> {
        let mut config: Config = ::config::section::load("pushgateway", file)?;
        config.listen = self.listen.unwrap_or(config.listen);
        config.admin_listen = self.admin_listen.unwrap_or(config.admin_listen);
        config.data = self.data.or(config.data);
        Ok((config, self.command))
    }
}

#[cfg(test)]
mod tests {

    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn flags_win_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "pushgateway:\n  listen: 1.2.3.4:5\n  data: a\n  sync: never\n").unwrap();
        let line = ["noroshi", "pushgateway", "--data", "b"];
        let Command::Pushgateway(arguments) = Cli::try_parse_from(line).unwrap().command else {
            panic!("another command")
        };

        let (config, _) = arguments.settings(Some(file.path())).unwrap();

        assert_eq!(config.listen.to_string(), "1.2.3.4:5");
        assert_eq!((config.data, config.sync), (Some("b".into()), ::pushgateway::Sync::Never));
    }
}
