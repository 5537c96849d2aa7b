//! Bots that tell of themselves in JSON.
//!
//! ```json
//! {"status": "ok", "uptime": 86400.5, "memory": {"rss": 104857600}, "guilds": 1234}
//! ```
//!
//! No two bots spell this alike, so each figure is looked for under the names that are in use, and one that is not there
//! is left out. What makes a bot well is its status.

use exposition::Families;
use serde_json::Value;

use super::config::Bot;
use super::fetch::{Page, fetch};
use super::labels::labels;
use super::reply::Trace;
use super::trust::Trusts;

/// How a bot says that it is well.
const WELL: [&str; 12] =
    ["ok", "okay", "up", "healthy", "ready", "online", "connected", "running", "alive", "pass", "active", "good"];

/// What a bot says of itself.
#[derive(Debug, Default, PartialEq)]
pub struct Health {
    is_up: bool,
    uptime_seconds: Option<f64>,
    memory_bytes: Option<f64>,
    guilds: Option<f64>,
}

impl Health {
    /// Asks a bot, within its own time. One that does not answer is not up.
    pub async fn ask(bot: &Bot, trusts: &Trusts) -> Self {
        let page = Page {
            url: &bot.health,
            redirects: 0,
            ca_file: None,
            is_insecure: false,
            limit: bot.timeout.as_duration(),
        };
        match fetch(&page, trusts, &mut Trace::default()).await {
            Ok((status, body)) => Self::read(status, &body),
            Err(_) => Self::default(),
        }
    }

    fn read(status: u16, body: &[u8]) -> Self {
        let Ok(said @ Value::Object(_)) = serde_json::from_slice(body) else { return Self::default() };
        let first =
            |places: &[(&str, f64)]| places.iter().find_map(|(place, unit)| Some(number(said.pointer(place)?)? * unit));
        let is_well = match said.get("status").or_else(|| said.get("ok")).or_else(|| said.get("healthy")) {
            Some(Value::Bool(is_well)) => *is_well,
            Some(Value::String(word)) => WELL.contains(&word.to_lowercase().as_str()),
            Some(Value::Number(status)) => status.as_f64().is_some_and(|status| (200.0..300.0).contains(&status)),
            Some(_) => false,
            // It answers with JSON and a good status, and has no more to say about it.
            None => true,
        };
        Self {
            is_up: (200..300).contains(&status) && is_well,
            uptime_seconds: first(&[
                ("/uptime_seconds", 1.0),
                ("/uptimeSeconds", 1.0),
                ("/uptime_ms", 1e-3),
                ("/uptimeMs", 1e-3),
                ("/uptime", 1.0),
            ]),
            memory_bytes: first(&[
                ("/memory_bytes", 1.0),
                ("/memoryBytes", 1.0),
                ("/memory_mb", 1e6),
                ("/memoryMb", 1e6),
                ("/memory/rss", 1.0),
                ("/memory/used", 1.0),
                ("/memory", 1.0),
            ]),
            guilds: first(&[("/guilds", 1.0), ("/guild_count", 1.0), ("/guildCount", 1.0), ("/servers", 1.0)]),
        }
    }
}

/// Reads a number that is none below zero; of a list, how long it is.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::Array(list) => Some(list.len() as f64),
        _ => None,
    };
    number.filter(|number| *number >= 0.0)
}

/// Puts what the bots say onto a page.
pub fn write(bots: &[Bot], healths: &[Health], bot: Option<&str>) -> anyhow::Result<Families> {
    let mut page = Families::new();
    for (watch, health) in bots.iter().zip(healths) {
        let bot = watch.bot.as_deref().or(bot).unwrap_or(&watch.name);
        let own = labels(&[("name", &watch.name)], Some(bot));
        page.gauge("noroshi_exporter_bot_up", "Whether the bot answers and says that it is well.")?
            .add(own.clone(), f64::from(u8::from(health.is_up)))?;
        for (name, help, value) in [
            ("noroshi_exporter_bot_guilds", "Guilds that the bot is in, as it says.", health.guilds),
            (
                "noroshi_exporter_bot_uptime_seconds",
                "How long the bot has been running, as it says.",
                health.uptime_seconds,
            ),
            ("noroshi_exporter_bot_memory_bytes", "Memory that the bot takes, as it says.", health.memory_bytes),
        ] {
            if let Some(value) = value {
                page.gauge(name, help)?.add(own.clone(), value)?;
            }
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_says_the_same_in_many_ways() {
        let whole = Health { is_up: true, uptime_seconds: Some(90.0), memory_bytes: Some(5e6), guilds: Some(2.0) };
        for body in [
            r#"{"status":"ok","uptime":90,"memory":5000000,"guilds":2}"#,
            r#"{"status":"Healthy","uptime_ms":90000,"memory":{"rss":5000000,"heapUsed":1},"guilds":["a","b"]}"#,
            r#"{"ok":true,"uptimeSeconds":90.0,"memory_mb":5,"guildCount":2,"more":null}"#,
            r#"{"uptime":90,"memory_bytes":5e6,"guild_count":2}"#,
        ] {
            assert_eq!(Health::read(200, body.as_bytes()), whole, "{body}");
        }
    }

    #[test]
    fn a_bot_that_is_not_well_still_tells_its_figures() {
        for (status, body) in [
            (503, r#"{"status":"ok","guilds":2}"#),
            (200, r#"{"status":"reconnecting","guilds":2}"#),
            (200, r#"{"status":null,"guilds":2}"#),
            (200, r#"{"ok":false,"guilds":2}"#),
        ] {
            let health = Health::read(status, body.as_bytes());
            assert_eq!((health.is_up, health.guilds), (false, Some(2.0)), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_no_sign_of_life() {
        let deep = "[".repeat(100_000);
        for body in ["", "ok", "[]", "{", "null", "\"ok\"", &deep] {
            assert_eq!(Health::read(200, body.as_bytes()), Health::default());
        }
        let odd = Health::read(200, br#"{"uptime":"90","memory":{},"guilds":-1}"#);
        assert_eq!((odd.uptime_seconds, odd.memory_bytes, odd.guilds), (None, None, None));
    }
}
