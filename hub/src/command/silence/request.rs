//! What somebody wants silenced, and for how long.

use alertmanager::{Matcher, NewSilence, Operator};
use anyhow::{Context, bail};
use clap::Args;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, ToSpan as _};

/// Longer than this is a mistake, or a rule that should be changed.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);
/// The dead man's switch: silenced, it would call people.
const WATCHDOG: &str = "Watchdog";

/// The words of the command line.
#[derive(Debug, Args)]
pub struct Words {
    /// The host (its label `instance`); not needed with --matcher
    #[arg(value_name = "HOST")]
    first: Option<String>,
    /// How long: 10m, 2h30m, 1d
    #[arg(value_name = "DURATION")]
    second: Option<String>,
    /// Until when, instead of a duration: 06:30, 2026-12-01T06:30 (by this machine's clock) or with an offset
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// From when on, for a window that begins later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Of the alerts, only those with such a label: NAME=VALUE, !=, =~ or !~; may be repeated
    #[arg(long = "matcher", short, value_name = "MATCHER")]
    matchers: Vec<Matcher>,
    /// Why
    #[arg(long, short, value_name = "TEXT", default_value = "noroshi silence")]
    comment: String,
    /// Who [default: the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What is asked of Alertmanager.
#[derive(Clone, Debug)]
pub struct Request {
    /// The host, where it is about one.
    pub host: Option<String>,
    /// The silence.
    pub silence: NewSilence,
    /// Whether it begins later than now.
    pub begins_later: bool,
}

impl Words {
    /// Reads it, at `now` and by the clocks of `zone`.
    ///
    /// # Errors
    /// When it does not say what or for how long, with what is missing.
    pub fn read(self, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Request> {
        let (host, duration) = match (self.first, self.second) {
            (Some(duration), None) if self.until.is_none() && !self.matchers.is_empty() => (None, Some(duration)),
            (host, duration) => (host, duration),
        };
        let host = host.map(|host| host.trim().to_owned());
        if host.as_deref() == Some("") {
            bail!("the host has no name");
        }
        if host.is_none() && self.matchers.is_empty() {
            bail!("say what: `noroshi silence HOST 10m`, or --matcher");
        }
        let starts_at = match &self.from {
            Some(time) => moment(time, now, zone).with_context(|| format!("--from {time}"))?,
            None => now,
        };
        let ends_at = match (&duration, &self.until) {
            (Some(_), Some(_)) => bail!("a duration and --until are two answers to one question: keep one"),
            (Some(text), None) => starts_at.checked_add(length(text)?).context("that is too long")?,
            (None, Some(time)) => moment(time, starts_at, zone).with_context(|| format!("--until {time}"))?,
            (None, None) => {
                bail!("say for how long: `noroshi silence {} 10m`, or --until", host.as_deref().unwrap_or("HOST"))
            }
        };
        if ends_at <= starts_at || ends_at <= now {
            bail!("it would be over before it begins");
        }
        if ends_at.duration_since(starts_at) > LONGEST {
            bail!("more than a year: change the rule instead");
        }
        let mut matchers: Vec<_> = host.iter().map(|host| Matcher::equal("instance", host)).collect();
        matchers.extend(self.matchers);
        let names_one = matchers.iter().any(|matcher| {
            matcher.operator == Operator::Equal && ["instance", "alertname"].contains(&matcher.name.as_str())
        });
        if !names_one {
            let (name, value) = ("alertname".to_owned(), WATCHDOG.to_owned());
            matchers.push(Matcher { name, operator: Operator::NotEqual, value });
        }
        let created_by = self.by.unwrap_or_else(user);
        let silence = NewSilence { matchers, starts_at, ends_at, created_by, comment: self.comment };
        Ok(Request { host, silence, begins_later: starts_at > now })
    }
}

/// Reads `10m`, `2h30m`, `1d`: a day has 24 hours.
fn length(text: &str) -> anyhow::Result<SignedDuration> {
    let span: Result<Span, _> = text.parse();
    let length = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    match length {
        Ok(length) if length.is_positive() => Ok(length),
        _ => bail!("`{text}` is no duration: write 10m, 2h30m or 1d"),
    }
}

/// Reads a time of day, which is the next one after `after`, or a date with a time.
fn moment(text: &str, after: Timestamp, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(moment) =
        text.parse::<DateTime>().map_err(drop).and_then(|moment| if text.len() > 10 { Ok(moment) } else { Err(()) })
    {
        return Ok(zone.to_timestamp(moment)?);
    }
    let Ok(time) = text.parse::<Time>() else { bail!("`{text}` is no time: write 06:30 or 2026-12-01T06:30") };
    let after = after.to_zoned(zone.clone());
    let today = zone.to_timestamp(after.date().to_datetime(time))?;
    if today > after.timestamp() {
        return Ok(today);
    }
    Ok(zone.to_timestamp(after.date().checked_add(1.day())?.to_datetime(time))?)
}

/// Whoever called sudo stands behind it.
fn user() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    user.unwrap_or_else(|| "noroshi".to_owned())
}
