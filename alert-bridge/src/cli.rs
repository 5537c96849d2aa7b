//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use alert_bridge::outbox::queue::Item;
use alert_bridge::{Label, Language, Level};
use clap::{Args, Parser, Subcommand};
use url::Url;

const EXAMPLES: &str = "\
Examples:
  alert-bridge                                    print alerts to this terminal
  DISCORD_ALERT_WEBHOOK_URL=https://discord.com/api/webhooks/… alert-bridge --language ja
  alert-bridge send --level warning \"disk almost full on oci\" --field free=3GiB
  alert-bridge queue list                         what waits to be told
  df -h | alert-bridge send --level info --title \"Disks\" -

Alertmanager finds the bridge through its own configuration:
  receivers:
    - name: people
      webhook_configs: [{ url: 'http://127.0.0.1:9096/alertmanager', send_resolved: true }]

Environment:
  DISCORD_ALERT_WEBHOOK_URL    the webhook of a channel (or DISCORD_ALERT_WEBHOOK_URL_FILE, a file that holds it);
                               not set: alerts are printed to standard output
  RUST_LOG                     what is logged to standard error (info, debug, …)

Exit codes: 0 done, 1 failed while running, 2 wrong usage, 78 bad configuration.";

const QUEUE_EXAMPLES: &str = "\
Examples:
  alert-bridge queue list                 what waits, for whom, since when
  alert-bridge queue retry                the webhook is mended: tell what waits
  alert-bridge queue drop c12             nobody has to hear of this one";

const SEND_EXAMPLES: &str = "\
Examples:
  alert-bridge send \"backup of db-1 is done\"
  alert-bridge send --level critical --title \"Failover\" \"active site is now oci\" --field from=xserver --field to=oci
  journalctl -u bot -n 20 | alert-bridge send --level error --title \"bot died\" -

The bridge that runs gets it (at NOROSHI_BRIDGE_URL; NOROSHI_BRIDGE_TOKEN or bridge.notify.token_file is the proof it may
ask for). If none is there, the configured receivers are told directly. If they cannot be reached either, the note waits on
this machine, one line on standard error says so, and it goes out with the next note, with `--flush`, or when a bridge
starts that has the same directory as bridge.notify.spool. Silent on success; the exit code is 0 unless the note is lost.";

const REPORT_EXAMPLES: &str = "\
Examples:
  alert-bridge report                             print it here
  alert-bridge report --to report.png             … and look at its picture
  alert-bridge report --demo 12 --to demo.png     … with hosts that are made up
  alert-bridge report --now --config noroshi.yaml send it

Reports come by themselves with bridge.report.schedule in noroshi.yaml, as in `0 9 * * *`.";

/// Turns Alertmanager's webhooks into messages for people in Discord.
///
/// Alertmanager is answered 200 only once its webhook is on disk. From there it is told: through restarts, rate limits and
/// outages, many in one message when many wait. Without a webhook URL, alerts are printed to standard output.
#[derive(Debug, Parser)]
#[command(name = "alert-bridge", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Configuration file; the section `bridge:` is ours.
    #[arg(long, env = "NOROSHI_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Language of the messages [default: en].
    #[arg(long, env = "NOROSHI_BRIDGE_LANGUAGE", value_name = "LANGUAGE", global = true)]
    pub language: Option<Language>,
    /// What differs when serving.
    #[command(flatten)]
    pub serve: Serve,
    /// Something else than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The flags for serving.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address for Alertmanager's webhooks [default: 127.0.0.1:9096].
    #[arg(long, env = "NOROSHI_BRIDGE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Address for /metrics, /-/healthy and /-/ready [default: 127.0.0.1:9097].
    #[arg(long, env = "NOROSHI_BRIDGE_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// Directory for what waits to be told [default: $STATE_DIRECTORY; else /var/lib/noroshi/alert-bridge for root,
    /// $XDG_STATE_HOME/noroshi/alert-bridge or ~/.local/state/noroshi/alert-bridge for others].
    #[arg(long, env = "NOROSHI_BRIDGE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Check the configuration, say whether it holds, and leave.
    #[arg(long)]
    pub check: bool,
}

/// Something else than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send one message and leave.
    Send(Send),
    /// Make a report now, and leave.
    Report(Report),
    /// Look at what waits to be told, try it now, or give it up; also while the bridge runs.
    Queue(Queue),
}

/// A report.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub struct Report {
    /// Send it to the channel now, whatever the schedule says.
    #[arg(long)]
    pub now: bool,
    /// Write its picture to this file.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Make up so many hosts instead of asking Prometheus, to see what a report looks like.
    #[arg(long, value_name = "HOSTS", conflicts_with_all = ["now", "prometheus"], value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub demo: Option<u16>,
    /// Where the figures are [default: bridge.prometheus_url, or http://127.0.0.1:9090].
    #[arg(long, env = "NOROSHI_BRIDGE_PROMETHEUS_URL", value_name = "URL")]
    pub prometheus: Option<Url>,
}

/// What waits to be told.
#[derive(Debug, Args)]
#[command(after_help = QUEUE_EXAMPLES)]
pub struct Queue {
    /// Directory of the bridge [default: as for serving].
    #[arg(long = "data", env = "NOROSHI_BRIDGE_DATA", value_name = "DIR", id = "queue_data")]
    pub data: Option<PathBuf>,
    /// What to do with it.
    #[command(subcommand)]
    pub deed: QueueDeed,
}

/// What to do with what waits.
#[derive(Debug, Subcommand)]
pub enum QueueDeed {
    /// Show what waits, oldest first, and which receivers take no messages any more.
    List {
        /// As one JSON object a line, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Try everything now that waits, and receivers that were given up.
    Retry {
        /// Only for this receiver.
        #[arg(value_name = "RECEIVER")]
        receiver: Option<String>,
    },
    /// Give up telling these.
    Drop {
        /// What `queue list` shows in its first column: c12, e5.
        #[arg(value_name = "ITEM", required = true)]
        items: Vec<Item>,
    },
}

/// One message.
#[derive(Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct Send {
    /// How bad it is: decides the colour and, if roles are configured, who is pinged.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub level: Level,
    /// One line above the text.
    #[arg(long, value_name = "TITLE", default_value = "", hide_default_value = true)]
    pub title: String,
    /// A name with a value, shown as a table; may be repeated. Routes match on them as on labels.
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = field)]
    pub fields: Vec<Label>,
    /// What the note is recognised by: one with the same key is told once, however often it is sent [default: a new one].
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The bridge that shall tell it [default: where this configuration has it listen].
    #[arg(long, env = "NOROSHI_BRIDGE_URL", value_name = "URL")]
    pub bridge: Option<String>,
    /// Directory in which it waits when it cannot be sent [default: /var/lib/noroshi/spool, or ~/.local/state/noroshi/spool].
    #[arg(long, env = "NOROSHI_SPOOL", value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// Send nothing new, only what waits.
    #[arg(long, conflicts_with_all = ["text", "title", "fields", "key"])]
    pub flush: bool,
    /// The text; `-` reads it from standard input.
    #[arg(value_name = "TEXT", required_unless_present = "flush", default_value = "", hide_default_value = true)]
    pub text: String,
}

fn field(text: &str) -> Result<Label, &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok(Label { name: name.trim().to_owned(), value: value.trim().to_owned() })
        }
        _ => Err("a field is NAME=VALUE, and neither may be empty"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn send_takes_its_message_from_the_line() {
        let line =
            ["alert-bridge", "send", "--level", "warning", "disk full", "--title", "T", "--field", "free=3 GiB=x"];
        let Some(Command::Send(send)) = Cli::try_parse_from(line).unwrap().command else { panic!("not send") };
        assert_eq!((send.level, send.text.as_str(), send.title.as_str()), (Level::Warning, "disk full", "T"));
        assert_eq!(send.fields, [Label { name: "free".into(), value: "3 GiB=x".into() }]);
        assert!(Cli::try_parse_from(["alert-bridge", "send", "x", "--field", "free"]).is_err());
        assert!(Cli::try_parse_from(["alert-bridge", "send"]).is_err());
        assert!(Cli::try_parse_from(["alert-bridge", "send", "-"]).is_ok());
    }

    #[test]
    fn queue_names_its_directory_and_what_to_do() {
        let line = ["alert-bridge", "queue", "--data", "/d", "drop", "c1", "e2"];
        let Some(Command::Queue(queue)) = Cli::try_parse_from(line).unwrap().command else { panic!("not queue") };
        assert_eq!(queue.data, Some("/d".into()));
        assert!(matches!(queue.deed, QueueDeed::Drop { items } if items == [Item::Card(1), Item::Event(2)]));
        for wrong in [
            &["alert-bridge", "queue"][..],
            &["alert-bridge", "queue", "drop"],
            &["alert-bridge", "queue", "drop", "1"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err());
        }
    }
}
