//! Logs for people, or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging to stderr: `info` and above, unless `RUST_LOG` says otherwise (`RUST_LOG=debug`).
///
/// Colour only on a terminal; `NOROSHI_LOG_FORMAT=json` writes one JSON object a line for log collectors.
/// Under systemd (`JOURNAL_STREAM` is set) the time is left out, because the journal has its own.
/// A second call changes nothing, so tests may call it too.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let _ = if std::env::var_os("NOROSHI_LOG_FORMAT").is_some_and(|format| format == "json") {
        lines.json().flatten_event(true).try_init()
    } else if std::env::var_os("JOURNAL_STREAM").is_some() {
        lines.without_time().try_init()
    } else {
        lines.try_init()
    };
}
