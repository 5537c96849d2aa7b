//! The double of Discord, to play with by hand and for scripts.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use e2e::discord::{Discord, Limits, Rate};

/// A double of Discord's webhook API: checks what it is sent as Discord would, and prints what it accepts.
///
/// Every webhook URL works; its first use makes it. One JSON object is printed for each accepted message.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  discord-double --port 23100 &\n  DISCORD_ALERT_WEBHOOK_URL=http://127.0.0.1:23100/api/webhooks/1/token alert-bridge send --level warning hello"
)]
struct Cli {
    /// Port of loopback to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 23100, value_name = "PORT")]
    port: u16,
    /// Requests for each webhook and method, or `off`.
    #[arg(long, default_value = "5/2", value_name = "N/SECONDS", value_parser = rate)]
    limit: Limit,
    /// Requests in all, or `off`.
    #[arg(long, default_value = "50/1", value_name = "N/SECONDS", value_parser = rate)]
    global_limit: Limit,
    /// New messages for each channel, or `off`; 30/60 is seen in the wild.
    #[arg(long, default_value = "off", value_name = "N/SECONDS", value_parser = rate)]
    channel_limit: Limit,
}

/// A rate that may be switched off. Named, because clap takes a bare `Option` for a flag that may be left out.
type Limit = std::sync::Arc<Option<Rate>>;

fn rate(text: &str) -> Result<Limit, String> {
    if text == "off" { Ok(Limit::default()) } else { Ok(Limit::new(Some(text.parse()?))) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let limits =
        Limits { webhook: *cli.limit, global: *cli.global_limit, channel: *cli.channel_limit, ..Limits::default() };
    let discord = Discord::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, cli.port)), limits).await?;
    let mut out = std::io::stdout();
    writeln!(out, "discord double on {}", discord.url())?;
    loop {
        while let Some(message) = discord.take_message() {
            writeln!(out, "{}", message.body).context("nobody reads what is accepted")?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        assert_eq!(*Cli::parse_from(["discord-double", "--limit", "off"]).limit, None);
    }
}
