//! `failover`: see the library for what it does.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use ::config::Environment;
use ::config::exit::{Failure, leave};
use anyhow::{Context as _, anyhow};
use clap::Parser as _;
use daemon::{Lifecycle, telemetry, tls};
use failover::cli::{Cli, Command, Places};
use failover::core::record::{Order, Site, Standing};
use failover::{Config, Failover, commands};

fn main() -> ExitCode {
    // The guard and what stands below it have no runtime, no logger and no second thread.
    if let Some(code) = failover::guard::below() {
        return code;
    }
    let command = Cli::parse().command;
    tls::install_provider();
    // One thread: a supervisor has little to do, and memory is dear on small hosts.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    leave(runtime.context("cannot start the runtime").map_err(Failure::from).and_then(|runtime| {
        let result = runtime.block_on(start(command));
        // A look-up of a name that hangs has a thread of its own, which nobody waits for.
        runtime.shutdown_background();
        result
    }))
}

async fn start(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run { check, prestart, places, command } => {
            let mut config = load(&places)?;
            config.prestart |= prestart;
            run(config, check, command).await
        }
        Command::Status { json, places } => say(&commands::status(&load(&places)?, json).await?),
        Command::Explain { places } => say(&commands::explain(&load(&places)?)?),
        Command::Doctor { places } => {
            let (page, well) = commands::doctor(&load(&places)?).await?;
            say(&page)?;
            if well { Ok(()) } else { Err(anyhow!("not all is well").into()) }
        }
        Command::Init { nothing_runs: false, .. } => {
            Err(anyhow!("look first that no bot runs anywhere, then say --nothing-runs").into())
        }
        Command::Init { places, .. } => say(&commands::init(&load(&places)?).await?),
        Command::Prefer { site: Some(site), places } => order(&places, Order::Prefer, site.as_str()).await,
        Command::Pin { site, places } => order(&places, Order::Pin, site.as_str()).await,
        Command::Pause { places } => say(&commands::order(&load(&places)?, |_| Ok(Order::Pause)).await?),
        Command::Prefer { site: None, places } | Command::Resume { places } => {
            say(&commands::order(&load(&places)?, |_| Ok(Order::Listed)).await?)
        }
        Command::Stepdown { places } => say(&commands::step_down(&load(&places)?).await?),
    }
}

/// Builds everything before the lease is asked for: what is wrong stops us here, while nothing runs yet.
async fn run(config: Config, check: bool, command: Vec<OsString>) -> Result<(), Failure> {
    if !config.enabled {
        telemetry::init();
        return without_lease(&config, command).await;
    }
    let sites = config.sites().map_err(Failure::configuration)?;
    if check {
        return say(&format!("the configuration holds: this is site {} of {}\n", sites.my_name(), sites.names().len()));
    }
    telemetry::init();
    let pace = config.pace();
    let mut lifecycle = Lifecycle::new(pace.grace + pace.kill + pace.request * 4 + config.hooks.timeout);
    let failover = Failover::build(config, command).await?;
    lifecycle.spawn("failover", |stop| failover.run(stop));
    Ok(lifecycle.run().await?)
}

/// FAILOVER_ENABLED=false: nothing decides, so somebody must have. Refuses what would be a second login.
async fn without_lease(config: &Config, command: Vec<OsString>) -> Result<(), Failure> {
    tracing::warn!("FAILOVER_ENABLED is false: nothing keeps a second bot from running elsewhere");
    match commands::leader(config).await {
        Ok(Some((site, Standing::Held))) => {
            return Err(anyhow!(
                "site {site} leads by the record in Redis: a start here would log the bot in twice. Stop it there first, \
                 or set FAILOVER_ENABLED=true"
            )
            .into());
        }
        Ok(_) => {}
        Err(error) => tracing::warn!("and whether another site leads cannot be told: {error:#}"),
    }
    let mut command = command.into_iter();
    let program = command.next().unwrap_or_default();
    let error = std::process::Command::new(&program).args(command).exec();
    Err(anyhow::Error::new(error).context(format!("cannot run {}", program.display())).into())
}

async fn order(places: &Places, order: impl Fn(Site) -> Order, name: &str) -> Result<(), Failure> {
    let named = |sites: &failover::config::Sites| match sites.named(name) {
        Site::UNLISTED => Err(anyhow!("there is no site `{name}` in failover.sites")),
        site => Ok(order(site)),
    };
    say(&commands::order(&load(places)?, named).await?)
}

fn load(places: &Places) -> Result<Config, Failure> {
    let config = Config::load(places.config.as_deref(), &Environment::of_process()).map_err(Failure::configuration)?;
    Ok(places.over(config))
}

/// Writes a result to stdout. Whoever has read enough (`| head`) may leave.
fn say(result: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(result.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout")?,
        _ => Ok(()),
    }
}
