//! `alert-bridge`: see the library for what it does.

mod cli;
mod queue;

use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use ::config::Environment;
use ::config::exit::{Failure, leave};
use alert_bridge::handover::Handover;
use alert_bridge::note::Note;
use alert_bridge::receiver::terminal::Terminal;
use alert_bridge::receiver::{Answer, Receiver};
use alert_bridge::send::{self, Sent, Way, flush, send};
use alert_bridge::spool::{self, Letter, Spool};
use alert_bridge::{AlertBridge, Config, Picture, Reporter, WEBHOOK_VARIABLE, data};
use anyhow::{Context, anyhow, bail};
use clap::Parser;
use daemon::{Admin, Lifecycle, telemetry, tls};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use url::Url;

use crate::cli::{Cli, Command, Send};

/// More than any message can show.
const STDIN_LIMIT_BYTES: u64 = 1024 * 1024;

// The work is waiting for others: two threads do, and each more costs memory.
#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tls::install_provider();
    leave(start(cli).await)
}

async fn start(cli: Cli) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let mut config = Config::load(cli.config.as_deref(), &environment).map_err(Failure::configuration)?;
    config.language = cli.language.unwrap_or(config.language);
    match cli.command {
        Some(Command::Send(message)) => return say(config, message, &environment).await,
        Some(Command::Report(report)) => return make_report(config, report).await,
        Some(Command::Queue(queue)) => {
            let directory = queue.data.or_else(|| default_data(&environment));
            return Ok(queue::run(directory, queue.deed)?);
        }
        None => {}
    }
    config.listen = cli.serve.listen.unwrap_or(config.listen);
    config.admin_listen = cli.serve.admin_listen.unwrap_or(config.admin_listen);
    // What is only printed here needs to be kept by nobody.
    let outlives_us = config.places.iter().any(|named| named.place.outlives_us());
    config.data = cli.serve.data.or_else(|| if outlives_us { default_data(&environment) } else { None });
    let spool = config.notify.spool.take().or_else(|| environment.path("NOROSHI_SPOOL"));
    config.notify.spool = spool.or_else(|| data::default_spool(&environment, rustix::process::geteuid().is_root()));
    if cli.serve.check {
        report(&config);
        return Ok(());
    }
    telemetry::init();
    Ok(serve(config).await?)
}

/// Where the outbox is when nobody says so.
fn default_data(environment: &Environment) -> Option<PathBuf> {
    data::default_directory(environment, rustix::process::geteuid().is_root())
}

/// Builds both doors before either opens: a port in use stops us here, while nothing runs yet.
async fn serve(config: Config) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let mut lifecycle = Lifecycle::new(config.grace);
    let admin_listen = config.admin_listen;
    let bridge = AlertBridge::build(config, registry.sub_registry_with_prefix("noroshi_bridge")).await?;
    let admin = Admin::build(admin_listen, registry, lifecycle.readiness()).await?;
    lifecycle.spawn("alert-bridge", |stop| bridge.run(stop));
    lifecycle.spawn("the admin page", |stop| admin.run(stop));
    lifecycle.run().await
}

async fn say(config: Config, message: Send, environment: &Environment) -> Result<(), Failure> {
    let is_root = rustix::process::geteuid().is_root();
    let spool = message.spool.clone().or_else(|| config.notify.spool.clone());
    let spool = spool.or_else(|| data::default_spool(environment, is_root)).ok_or_else(|| {
        Failure::configuration(anyhow!(
            "there is no directory for notes that have to wait; set NOROSHI_SPOOL or --spool"
        ))
    })?;
    let bridge = bridge_address(&config, &message)?;
    let way = Way { bridge, spool: Spool::new(spool) };
    if message.flush {
        let bridge = Handover::new(&way.bridge, config.token.clone())?;
        flush(&bridge, &way.spool).await;
        let left = way.spool.waiting().map_err(anyhow::Error::from)?.len();
        return if left == 0 {
            Ok(())
        } else {
            Err(anyhow!("{left} notes still wait in {}", way.spool.directory().display()).into())
        };
    }
    let nowhere = message.bridge.is_none() && !config.places.iter().any(|named| named.place.outlives_us());
    let letter = letter(message)?;
    match send(&config, &way, &letter).await.context("cannot send the message")? {
        Sent::ToTheBridge | Sent::ToReceivers(_) => Ok(()),
        Sent::Kept(path, why) if nowhere => {
            // Nobody would ever come for it.
            way.spool.remove(&path).map_err(anyhow::Error::from)?;
            Err(Failure::configuration(anyhow!(
                "there is no webhook to send to ({why}); start alert-bridge, name one that runs by --bridge or NOROSHI_BRIDGE_URL, or \
                 set {WEBHOOK_VARIABLE}, {WEBHOOK_VARIABLE}_FILE or bridge.receivers in the configuration"
            )))
        }
        Sent::Kept(path, why) => {
            // Not `eprintln!`, which panics when nobody reads.
            let _ = writeln!(std::io::stderr(), "kept in {} for later: {why}", path.display());
            Ok(())
        }
    }
}

fn bridge_address(config: &Config, message: &Send) -> Result<Url, Failure> {
    let here = match config.listen.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => (Ipv4Addr::LOCALHOST, config.listen.port()).into(),
        ip if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, config.listen.port()).into(),
        _ => config.listen,
    };
    let address = message.bridge.clone().unwrap_or_else(|| format!("http://{here}"));
    let url = Url::parse(address.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let bare = url.filter(|url| url.username().is_empty() && url.password().is_none());
    // Not quoted: it may hold a password.
    bare.ok_or_else(|| {
        Failure::configuration(anyhow!("NOROSHI_BRIDGE_URL (or --bridge) is not an address as http://127.0.0.1:9096"))
    })
}

fn letter(message: Send) -> Result<Letter, Failure> {
    let text = if message.text == "-" { standard_input()? } else { message.text };
    if text.trim().is_empty() && message.fields.is_empty() && message.title.trim().is_empty() {
        return Err(Failure::Running(anyhow!("there is nothing to send: text, title and fields are all empty")));
    }
    let note = Note { fields: message.fields, ..Note::new(message.level, message.title, text, Timestamp::now()) };
    Ok(Letter { key: message.key.filter(|key| !key.trim().is_empty()).unwrap_or_else(spool::new_key), note })
}

async fn make_report(mut config: Config, report: cli::Report) -> Result<(), Failure> {
    config.prometheus_url = report.prometheus.unwrap_or(config.prometheus_url);
    if report.now && !config.places.iter().any(|named| named.place.outlives_us()) {
        return Err(Failure::configuration(anyhow!("there is no webhook to send to; set {WEBHOOK_VARIABLE}")));
    }
    let reporter = Reporter::new(&config)?;
    let now = Timestamp::now();
    let note = match report.demo {
        Some(hosts) => reporter.demo(usize::from(hosts), now),
        None => reporter.report(now).await.context("cannot make the report")?,
    };
    if let Some(file) = &report.to {
        let picture = note.pictures.first().and_then(Picture::bytes);
        let picture = picture.with_context(|| format!("there is nothing to draw: {}", note.text))?;
        std::fs::write(file, picture).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if report.now {
        let letter = Letter { key: spool::new_key(), note };
        send::deliver(&config, &letter, config.report.receivers.as_deref()).await.context("cannot send the report")?;
    } else if report.to.is_none()
        && let Answer::Trouble(reason) = Terminal::stdout().post(&[note.message(config.language)]).await
    {
        return Err(Failure::Running(anyhow!("cannot print the report: {reason}")));
    }
    Ok(())
}

fn standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(STDIN_LIMIT_BYTES).read_to_end(&mut bytes);
    read.context("cannot read the text from standard input")?;
    if bytes.trim_ascii().is_empty() {
        bail!("there is nothing to send: standard input was empty");
    }
    // A log with a broken character in it is still worth sending.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[expect(clippy::print_stdout, reason = "the result of --check")]
fn report(config: &Config) {
    println!("the configuration holds: webhooks at {}", config.listen);
    for named in &config.places {
        println!("  messages to {}: {}", named.name, named.place);
    }
}
