//! `alert-bridge queue`: what waits to be told, for an operator.

use std::path::PathBuf;

use alert_bridge::outbox::queue::{Entry, Queue};
use anyhow::anyhow;
use jiff::{Timestamp, Unit};
use serde_json::json;

use crate::cli::QueueDeed;

/// Does `deed` to the outbox in `directory`.
#[expect(clippy::print_stdout, reason = "the result of the command")]
pub fn run(directory: Option<PathBuf>, deed: QueueDeed) -> anyhow::Result<()> {
    let directory = directory.ok_or_else(|| anyhow!("--data must name the directory of the bridge"))?;
    let mut queue = Queue::open(&directory)?;
    match deed {
        QueueDeed::List { json } => {
            let entries = queue.list()?;
            for (receiver, since, reason) in queue.dead()? {
                if json {
                    println!("{}", json!({"dead": receiver, "since": since.to_string(), "reason": reason}));
                } else {
                    println!("{receiver} takes no messages any more since {since}: {reason}");
                }
            }
            for entry in &entries {
                println!("{}", if json { object(entry) } else { line(entry) });
            }
            if !json {
                println!("{} wait", entries.len());
            }
        }
        QueueDeed::Retry { receiver } => {
            let count = queue.retry(receiver.as_deref())?;
            println!("{count} are tried now");
        }
        QueueDeed::Drop { items } => {
            for item in items {
                queue.drop_item(item)?;
                println!("{item} is dropped");
            }
        }
    }
    Ok(())
}

fn line(entry: &Entry) -> String {
    let waits = Timestamp::now().duration_since(entry.since).as_secs().max(0);
    let waits = jiff::Span::new().seconds(waits).round(jiff::SpanRound::new().largest(Unit::Hour));
    let waits = waits.map(|waits| format!("{waits:#}")).unwrap_or_default();
    let Entry { item, receiver, deed, firing, resolved, about, .. } = entry;
    format!(
        "{item:<8} {receiver:<12} {deed:<8} {waits:>12}  {firing} firing, {resolved} resolved  {}",
        about.escape_debug()
    )
}

fn object(entry: &Entry) -> String {
    json!({
        "item": entry.item.to_string(), "receiver": entry.receiver, "deed": entry.deed, "since": entry.since.to_string(),
        "due": entry.due.to_string(), "firing": entry.firing, "resolved": entry.resolved, "about": entry.about,
    })
    .to_string()
}
