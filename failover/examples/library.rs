//! A program of one's own that runs a bot under failover: `SITE_ID=oci cargo run --example library -- node bot.js`.
//!
//! The bot is a process here too. A Rust bot that must never be double should be one: inside one process nothing could end it
//! while it hangs.

use std::process::ExitCode;

use failover::{Config, Failover, guard};

fn main() -> ExitCode {
    // Guards are this program, started anew: this comes before everything else.
    if let Some(code) = guard::below() {
        return code;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be started");
    config::exit::leave(runtime.block_on(run()).map_err(Into::into))
}

async fn run() -> anyhow::Result<()> {
    daemon::telemetry::init();
    daemon::tls::install_provider();
    let config = Config::load(None, &config::Environment::of_process())?;
    let command = std::env::args_os().skip(1).collect();
    let failover = Failover::build(config, command).await?;
    let mut lifecycle = daemon::Lifecycle::new(std::time::Duration::from_secs(30));
    lifecycle.spawn("failover", |stop| failover.run(stop));
    lifecycle.run().await
}
