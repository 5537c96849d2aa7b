//! What operators ask and say.

mod doctor;
mod explain;

use std::fmt::Write as _;

use anyhow::{Context as _, bail};

use crate::config::{Config, Sites};
use crate::core::Phase;
use crate::core::record::{Answer, Lock, Op, Order, Request, Standing};
use crate::redis::{Link, order_text, run_text};
use crate::status::Status;

pub use doctor::doctor;
pub use explain::explain;

/// Asks Redis for everything there is to know, and changes nothing.
pub(crate) async fn look(link: &Link) -> anyhow::Result<Answer> {
    let request = Request { run: None, op: Op::Sync, beat: None };
    link.call(&request).await.with_context(|| format!("Redis at {} cannot be asked", link.place()))
}

/// A table of all sites: from the supervisor on this machine, or, without one, from Redis.
///
/// # Errors
/// When neither can be asked.
pub async fn status(config: &Config, json: bool) -> anyhow::Result<String> {
    let sites = config.sites()?;
    let link = Link::new(config, &sites)?;
    let local = local_status(config).await;
    let alive = config.timing()?.alive().to_duration().as_secs_f64();
    if json && let Some(local) = &local {
        return Ok(serde_json::to_string_pretty(local)? + "\n");
    }
    let answer = look(&link).await;
    let mut page = String::new();
    match &answer {
        Ok(answer) => {
            let leader = answer.record.map_or_else(
                || "nothing is stored: nobody leads".to_owned(),
                |record| {
                    let site = sites.name(record.site);
                    let what = match record.standing {
                        Standing::Held => format!("held by {site}"),
                        Standing::Released => format!("released by {site}"),
                        Standing::Grace => "nobody has led yet; a candidate waits".to_owned(),
                    };
                    let to = record.to.map_or_else(String::new, |to| format!(", for {}", sites.name(to)));
                    format!("{what}{to}, epoch {}", record.epoch)
                },
            );
            writeln!(page, "lease    {leader}")?;
            if answer.lock == Lock::Foreign {
                writeln!(page, "warning  {} is held by a client of the plain lock", link.keys().leader())?;
            }
            if answer.wish.order != Order::Listed {
                writeln!(page, "wish     {}", order_text(answer.wish.order, &sites))?;
            }
        }
        Err(error) => writeln!(page, "redis    {error:#}")?,
    }
    if let Some(local) = &local {
        let left = local.lease_left_seconds.map_or_else(|| "-".to_owned(), |left| format!("{left:.1} s"));
        writeln!(
            page,
            "here     {}: {} for {:.0} s, lease left {left}; the bot is contained in a {}",
            local.site, local.state, local.since_seconds, local.containment
        )?;
    }
    if local.is_none() && answer.is_err() {
        bail!("neither the supervisor at {} nor Redis at {} answers", config.listen, link.place());
    }
    writeln!(page, "\n{:<16} {:<12} {:<6} heartbeat", "site", "state", "ready")?;
    for (index, site) in sites.all().enumerate() {
        let beat = answer.as_ref().ok().and_then(|answer| answer.beats.get(index).copied().flatten());
        let peer = local.as_ref().and_then(|local| local.sites.get(index));
        let stored = beat.and_then(|beat| Phase::ALL.get(usize::from(beat.phase))).map(|phase| phase.as_str());
        let state = stored.or(peer.and_then(|peer| peer.state.as_deref())).unwrap_or("-");
        let ready = beat.map(|beat| beat.ready).or(peer.and_then(|peer| peer.ready));
        let age = peer.and_then(|peer| peer.heartbeat_age_seconds);
        // What a silent site said last says nothing of it now.
        let silent = age.is_some_and(|age| age > alive);
        let (state, ready) = if silent { ("silent", Some(false)) } else { (state, ready) };
        let ready = ready.map_or("-", |ready| if ready { "yes" } else { "no" });
        let age = age.map_or_else(
            || if beat.is_some() { "less than a TTL old" } else { "none" }.to_owned(),
            |age| format!("moved {age:.1} s ago"),
        );
        writeln!(page, "{:<16} {state:<12} {ready:<6} {age}", sites.name(site))?;
    }
    Ok(page)
}

async fn local_status(config: &Config) -> Option<Status> {
    let client = daemon::http::client("noroshi-failover").ok()?;
    let answer = client.get(format!("http://{}/status", config.listen)).send().await.ok()?;
    serde_json::from_slice(&answer.bytes().await.ok()?).ok()
}

/// Returns the site that the record in Redis names, and how the record stands. Needs no `SITE_ID`.
///
/// # Errors
/// When Redis cannot be asked.
pub async fn leader(config: &Config) -> anyhow::Result<Option<(String, Standing)>> {
    let mut config = config.clone();
    let first = config.sites.first().cloned();
    config.site = config.site.or(first).or_else(|| "xserver".parse().ok());
    let sites = config.sites()?;
    let answer = look(&Link::new(&config, &sites)?).await?;
    Ok(answer.record.map(|record| (sites.name(record.site).to_owned(), record.standing)))
}

/// Says in Redis which site shall have the bot.
///
/// # Errors
/// When Redis cannot be told, or the site is not in the list.
pub async fn order(config: &Config, order: impl FnOnce(&Sites) -> anyhow::Result<Order>) -> anyhow::Result<String> {
    let sites = config.sites()?;
    let link = Link::new(config, &sites)?;
    let text = order_text(order(&sites)?, &sites);
    write_wish(&link, "order", &text).await?;
    Ok(if text.is_empty() { "as listed\n".to_owned() } else { format!("{text}\n") })
}

/// Asks the leader to give the bot away.
///
/// # Errors
/// When nobody leads, nobody else is ready, or Redis cannot be told.
pub async fn step_down(config: &Config) -> anyhow::Result<String> {
    let sites = config.sites()?;
    let link = Link::new(config, &sites)?;
    let answer = look(&link).await?;
    let Some(record) = answer.record.filter(|record| record.standing == Standing::Held) else {
        bail!("nobody leads, so nobody can step down");
    };
    let ready = |index: usize| answer.beats.get(index).copied().flatten().is_some_and(|beat| beat.ready);
    if !sites.all().any(|site| site != record.site && ready(site.index())) {
        bail!("no other site is ready to take the bot over");
    }
    write_wish(&link, "stepdown", &record.epoch.to_string()).await?;
    Ok(format!("{} is asked to give the bot away (epoch {})\n", sites.name(record.site), record.epoch))
}

/// Writes a record that says that the lease is free, where nothing stands yet.
///
/// # Errors
/// When a record stands already, or Redis cannot be told.
pub async fn init(config: &Config) -> anyhow::Result<String> {
    let sites = config.sites()?;
    let link = Link::new(config, &sites)?;
    let answer = look(&link).await?;
    if let Some(record) = answer.record.filter(|record| record.standing != Standing::Grace) {
        bail!("a record of epoch {} stands there already: nothing to do", record.epoch);
    }
    let mut command = redis::cmd("HSET");
    command.arg(link.keys().term()).arg("nonce").arg("0000000000000001").arg("seq").arg(0).arg("state").arg("released");
    command.arg("run").arg(run_text(answer.run)).arg("epoch").arg(0).arg("site").arg("-").arg("to").arg("");
    link.command::<i64>(&command).await?;
    Ok("the lease is free: the first site that asks has it\n".to_owned())
}

async fn write_wish(link: &Link, field: &str, value: &str) -> anyhow::Result<()> {
    let mut command = redis::cmd("HSET");
    command.arg(link.keys().wish()).arg(field).arg(value);
    link.command::<i64>(&command).await.with_context(|| format!("Redis at {} cannot be told", link.place()))?;
    let mut hint = redis::cmd("PUBLISH");
    hint.arg(link.keys().channel()).arg("wish");
    let _ = link.command::<i64>(&hint).await;
    Ok(())
}
