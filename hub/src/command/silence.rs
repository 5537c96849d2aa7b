//! `noroshi silence`: nobody is told of a host's alerts for a while.
//!
//! A silence is Alertmanager's own: it shows on its page, `amtool` knows it, and it outlives this command and the hub.

mod request;
mod words;

use alertmanager::{Client, Silence, SilenceState, Which};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use config::Environment;
use config::exit::Failure;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use self::request::Request;
use crate::language::Language;

const EXAMPLES: &str = "\
Examples:
  noroshi silence web-1 10m --comment \"kernel update\"
  noroshi silence game-2 --from 03:00 2h                a window that begins later
  noroshi silence db-1 --until 06:30
  noroshi silence 1h --matcher 'alertname=HostHighCPU' --matcher 'instance=~\"web-.*\"'
  noroshi silence list
  noroshi silence end web-1

In a script:
  id=$(noroshi silence -q web-1 1h --comment deploy) && ./deploy; noroshi silence end \"$id\"

Exit codes: 0 done, 1 Alertmanager does not answer or refuses, or there is nothing to end, 2 wrong usage.";

/// What is to be silenced.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    request: request::Words,
    /// Where Alertmanager is
    #[arg(
        long,
        env = "NOROSHI_ALERTMANAGER_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:9093",
        global = true
    )]
    alertmanager: Url,
    /// Print ids only, for scripts
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Language of the answer [default: that of the locale]
    #[arg(long, value_name = "LANGUAGE", global = true)]
    language: Option<Language>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the silences that hold, and those that begin later
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
    },
    /// End silences now
    End {
        /// The id of a silence, or its beginning, or a host: all that silences it
        #[arg(value_name = "ID|HOST")]
        target: String,
    },
}

/// Asks Alertmanager for it, and says what came of it.
///
/// # Errors
/// When Alertmanager cannot be asked or refuses, and when there is nothing to end.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let language = arguments.language.unwrap_or_else(|| Language::of_locale(&Environment::of_process()));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let answer = runtime.block_on(answer(arguments, language))?;
    print(&answer);
    Ok(())
}

async fn answer(arguments: Arguments, language: Language) -> Result<String, Failure> {
    let http = daemon::http::client(concat!("noroshi/", env!("CARGO_PKG_VERSION")))?;
    let client =
        Client::new(http, arguments.alertmanager).context("--alertmanager cannot be used").map_err(Failure::Usage)?;
    let person = Person { language, zone: TimeZone::system(), quiet: arguments.quiet };
    let now = Timestamp::now();
    match arguments.command {
        None => {
            let request = arguments.request.read(now, &person.zone).map_err(Failure::Usage)?;
            Ok(person.begin(&client, request).await?)
        }
        Some(Command::List { all }) => Ok(person.list(&client, all).await?),
        Some(Command::End { target }) => Ok(person.end(&client, &target).await?),
    }
}

/// Whoever reads the answer.
struct Person {
    language: Language,
    zone: TimeZone,
    quiet: bool,
}

impl Person {
    async fn begin(&self, client: &Client, request: Request) -> anyhow::Result<String> {
        let id = client.silence(&request.silence).await?;
        if self.quiet {
            return Ok(id);
        }
        // The silence holds; what it holds back is only good to know.
        let firing = client.alerts(Which::All, &request.silence.matchers).await.ok();
        let names = firing.map(|alerts| {
            let firing = alerts.iter().filter(|alert| alert.is_firing(Timestamp::now()));
            let names = firing.map(|alert| alert.labels.get("alertname").map_or("?", String::as_str).to_owned());
            names.collect::<std::collections::BTreeSet<_>>()
        });
        Ok(self.language.begun(&request, &id, names.as_ref(), &self.zone))
    }

    async fn list(&self, client: &Client, all: bool) -> anyhow::Result<String> {
        let mut silences = client.silences().await?;
        silences.retain(|silence| all || silence.state() != SilenceState::Expired);
        silences.sort_by_key(|silence| (silence.state(), silence.ends_at));
        if self.quiet {
            return Ok(silences.into_iter().map(|silence| silence.id).collect::<Vec<_>>().join("\n"));
        }
        Ok(self.language.table(&silences, &self.zone))
    }

    async fn end(&self, client: &Client, target: &str) -> anyhow::Result<String> {
        let silences = client.silences().await?;
        let ended = meant(&silences, target);
        if ended.is_empty() {
            bail!(self.language.nothing_to_end(target));
        }
        for silence in &ended {
            client.end(&silence.id).await?;
        }
        let ids = ended.iter().map(|silence| silence.id.as_str()).collect::<Vec<_>>();
        if self.quiet {
            return Ok(ids.join("\n"));
        }
        Ok(ended.iter().map(|silence| self.language.ended(silence)).collect::<Vec<_>>().join("\n"))
    }
}

/// Returns the silences that `target` means, none of which is over: an id goes before a host, and the beginning of an id
/// counts only when it is that of a single one.
fn meant<'a>(silences: &'a [Silence], target: &str) -> Vec<&'a Silence> {
    let alive: Vec<_> = silences.iter().filter(|silence| silence.state() != SilenceState::Expired).collect();
    let by = |is: &dyn Fn(&Silence) -> bool| alive.iter().copied().filter(|silence| is(silence)).collect::<Vec<_>>();
    let by_id = by(&|silence| silence.id == target);
    if !by_id.is_empty() {
        return by_id;
    }
    let of_host = by(&|silence| silence.is_of("instance", target));
    if !of_host.is_empty() {
        return of_host;
    }
    let beginning = by(&|silence| target.len() >= 4 && silence.id.starts_with(target));
    if beginning.len() == 1 { beginning } else { Vec::new() }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn print(answer: &str) {
    if !answer.is_empty() {
        println!("{answer}");
    }
}

#[cfg(test)]
mod tests;
