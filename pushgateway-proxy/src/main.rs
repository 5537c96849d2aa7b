//! `pushgateway-proxy`: the gate in front of a Pushgateway. What it does stands in the library.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use config::exit::{Failure, leave};
use daemon::{Admin, Lifecycle};
use prometheus_client::registry::Registry;
use pushgateway_proxy::cli::Cli;
use pushgateway_proxy::{Config, Proxy};

fn main() -> ExitCode {
    let cli = Cli::parse();
    daemon::telemetry::init();
    leave(start(cli))
}

#[expect(clippy::print_stdout, reason = "the result of --check")]
fn start(cli: Cli) -> Result<(), Failure> {
    let check = cli.check;
    let config = cli.settings().map_err(Failure::configuration)?;
    if check {
        println!("{}", Proxy::check(&config).map_err(Failure::configuration)?);
        return Ok(());
    }
    // One thread: several would wake each other for every push, which costs more than the push. Passwords, and bodies that
    // take long, are looked at on threads of their own.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> Result<(), Failure> {
    let mut registry = Registry::default();
    // A moment longer than the gate's own, so that it is the gate that ends the last requests.
    let mut lifecycle = Lifecycle::new(config.grace.saturating_add(Duration::from_secs(5)));
    let admin_listen = config.admin_listen;

    let there = lifecycle.readiness().condition("nothing answers behind the gate");
    let proxy = Proxy::build(config, registry.sub_registry_with_prefix("noroshi_proxy"), there).await?;
    // The admin page comes last: by now everything has registered its metrics.
    let admin = Admin::build(admin_listen, registry, lifecycle.readiness()).await?;
    lifecycle.spawn("the gate", |stop| proxy.run(stop));
    lifecycle.spawn("admin", |stop| admin.run(stop));
    Ok(lifecycle.run().await?)
}
