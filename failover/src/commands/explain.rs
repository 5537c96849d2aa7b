//! The timeline of the configuration at hand.

use std::fmt::Write as _;

use crate::config::Config;
use crate::core::clock::{Moment, Span};

/// Returns what happens when, in this configuration's own numbers.
///
/// # Errors
/// When the times do not fit together.
pub fn explain(config: &Config) -> anyhow::Result<String> {
    let t = config.timing()?;
    let zero = Moment::from_micros(0);
    let end = zero + t.lease;
    let (stop, kill) = (t.stop_at(end) - zero, t.kill_at(end) - zero);
    let mut page = String::new();
    let drift = f64::from(config.pace().drift_ppm) / 10_000.0;
    writeln!(
        page,
        "namespace {}, profile {}: a lease of {}, allowing clocks a rate error of {drift} %\n",
        config.namespace,
        format!("{:?}", config.profile).to_lowercase(),
        t.lease
    )?;
    writeln!(page, "The leader, counted from just before a renewal left:")?;
    for (at, what) in [
        (Span::ZERO, "the renewal leaves; if it is answered, the lease runs from here"),
        (t.renew, "the next renewal leaves"),
        (stop, "without any answer since: SIGTERM to the bot"),
        (kill, "SIGKILL by the guard, even if the supervisor hangs"),
        (t.lease, "the lease is over; the last process of the bot is gone"),
    ] {
        writeln!(page, "  {:>9}  {what}", at.to_string())?;
    }
    writeln!(page, "\nAnother site, counted from the last change that it saw in Redis:")?;
    for (at, what) in [
        (t.poll, "it looks again, and so on; heartbeats are no reason to act, only to queue"),
        (t.wait, "nothing has changed: it takes the lease and starts the bot"),
    ] {
        writeln!(page, "  {:>9}  {what}", at.to_string())?;
    }
    writeln!(page, "\nThe preferred site is back:")?;
    for (at, what) in [
        (t.preempt, "it has been well without a break: it is offered the bot (every failed try doubles this)"),
        (t.preempt + t.poll, "it has accepted: SIGTERM to the old bot"),
        (
            t.preempt + t.poll + t.grace,
            "SIGKILL to the old bot, had it not ended; then the lease is given to the preferred site by name",
        ),
    ] {
        writeln!(page, "  {:>9}  {what}", at.to_string())?;
    }
    writeln!(page)?;
    writeln!(
        page,
        "A crash of the leader's host: the bot runs elsewhere after {} to {}.",
        t.wait - t.renew,
        t.wait + t.poll + t.request
    )?;
    writeln!(
        page,
        "Redis out of the leader's reach: its bot is stopped after {} at the latest, so that it cannot run twice.",
        t.lease
    )?;
    writeln!(page, "Redis out of everybody's reach: no bot after {}, until it is back.", t.lease)?;
    Ok(page)
}
