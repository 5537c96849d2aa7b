//! `alert-bridge`: see the library for what it does.

mod cli;
mod queue;

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use ::config::Environment;
use ::config::exit::{Failure, leave};
use alert_bridge::receiver::terminal::Terminal;
use alert_bridge::receiver::{Answer, Receiver};
use alert_bridge::send::{self, Note, send};
use alert_bridge::{AlertBridge, Config, Picture, Reporter, WEBHOOK_VARIABLE, data};
use anyhow::{Context, anyhow, bail};
use clap::Parser;
use daemon::{Admin, Lifecycle, telemetry, tls};
use jiff::Timestamp;
use prometheus_client::registry::Registry;

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
        Some(Command::Send(message)) => return say(config, message).await,
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
    let kept = || config.webhook_url.as_ref().and_then(|_| default_data(&environment));
    config.data = cli.serve.data.or_else(kept);
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

async fn say(config: Config, message: Send) -> Result<(), Failure> {
    let Some(url) = config.webhook_url.clone() else {
        return Err(Failure::configuration(anyhow!(
            "there is no webhook to send to; set {WEBHOOK_VARIABLE}, or {WEBHOOK_VARIABLE}_FILE to a file that holds it, or \
             bridge.webhook_url_file in the configuration"
        )));
    };
    let text = if message.text == "-" { standard_input()? } else { message.text };
    if text.trim().is_empty() && message.fields.is_empty() && message.title.trim().is_empty() {
        return Err(Failure::Running(anyhow!("there is nothing to send: text, title and fields are all empty")));
    }
    let note = Note { level: message.level, title: message.title, text, fields: message.fields };
    send(&config, url, note).await.context("cannot send the message")?;
    Ok(())
}

async fn make_report(mut config: Config, report: cli::Report) -> Result<(), Failure> {
    config.prometheus_url = report.prometheus.unwrap_or(config.prometheus_url);
    let url = config.webhook_url.clone();
    if report.now && url.is_none() {
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
    if let Some(url) = url.filter(|_| report.now) {
        send::deliver(&config, url, &note).await.context("cannot send the report")?;
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
    let receiver = config.webhook_url.as_ref().map_or_else(|| "standard output".to_owned(), ToString::to_string);
    println!("the configuration holds: webhooks at {}, messages to {receiver}", config.listen);
}
