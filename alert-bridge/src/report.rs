//! Reports: how every host was, in figures and in a picture, at times that somebody chose.
//!
//! ```text
//! Schedule ── due ──▶ survey ── PromQL ──▶ Prometheus, VictoriaMetrics or the hub
//!                        └─▶ tell, chart ──▶ note with a picture ──▶ intake ──▶ every receiver, as anything else
//! ```
//!
//! That a report was made is written down in the same transaction as the report itself, so that it is told once, whatever
//! dies in between. One that was due while the bridge was not running is made when it is back, unless that is too late.

mod chart;
mod demo;
mod fleet;
mod prometheus;
mod queries;
mod schedule;
mod survey;
mod tell;

use std::time::Duration;

use anyhow::Context;
use daemon::CancellationToken;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tracing::{error, info, warn};

pub use self::fleet::Gauge;
use self::prometheus::{Prometheus, Unanswered};
use self::schedule::{Expression, Schedule, Zone};
use self::survey::{Survey, survey};
use self::tell::Manner;
use crate::clock::Clock;
use crate::intake::Intake;
use crate::language::Language;
use crate::message::Picture;
use crate::metrics::{Metrics, ReportOutcome};
use crate::note::Note;
use crate::outbox::kept::Kept;
use crate::outbox::{Outbox, Trouble};

/// What the picture is called on its way.
const PICTURE: &str = "report.png";
/// How often Prometheus is asked before a report says that it does not answer: it may be restarting.
const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_secs(20);
/// A clock may be set while we sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The `report:` settings below `bridge:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// When, as a cron expression; never, unless it is set.
    pub schedule: Option<Expression>,
    /// By whose clocks: the name of a time zone; this machine's, unless it is set.
    pub time_zone: Option<Zone>,
    /// What it tells of.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
    /// How long after its time a report is still made, when the bridge was not running then.
    #[serde(with = "humantime_serde")]
    pub late: Duration,
    /// Who gets it; everybody who gets notes of level `info`, unless it is set.
    pub receivers: Option<Vec<String>>,
}

impl Default for Config {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self { schedule: None, time_zone: None, period: hours(24), late: hours(12), receivers: None }
    }
}

impl Config {
    fn zone(&self) -> TimeZone {
        self.time_zone.clone().map_or_else(TimeZone::system, |zone| zone.0)
    }

    fn manner(&self, language: Language, late_since: Option<Timestamp>) -> Manner {
        let period = SignedDuration::try_from(self.period).unwrap_or(SignedDuration::from_hours(24));
        Manner { language, zone: self.zone(), period, late_since }
    }
}

/// Makes reports.
#[derive(Clone)]
pub struct Reporter {
    config: Config,
    prometheus: Prometheus,
    language: Language,
    watchdog: String,
}

impl Reporter {
    /// Prepares to ask the Prometheus that `config` names.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(config: &crate::Config) -> anyhow::Result<Self> {
        let http = daemon::http::client(concat!("noroshi-alert-bridge/", env!("CARGO_PKG_VERSION")));
        let prometheus =
            Prometheus::new(http.context("cannot prepare to talk to Prometheus")?, config.prometheus_url.clone());
        let (language, watchdog) = (config.language, config.watchdog.alertname.clone());
        Ok(Self { config: config.report.clone(), prometheus, language, watchdog })
    }

    /// Makes a report of the time until `now`, with its picture.
    ///
    /// # Errors
    /// When Prometheus does not answer, or answers something else.
    pub async fn report(&self, now: Timestamp) -> anyhow::Result<Note> {
        Ok(self.try_report(now, None).await?)
    }

    async fn try_report(&self, now: Timestamp, late_since: Option<Timestamp>) -> Result<Note, Unanswered> {
        let manner = self.config.manner(self.language, late_since);
        let survey = survey(&self.prometheus, now, manner.period, &self.watchdog).await?;
        Ok(self.draw(&manner, &survey))
    }

    /// Makes a report of `hosts` hosts that nobody has, to see what one looks like.
    #[must_use]
    pub fn demo(&self, hosts: usize, now: Timestamp) -> Note {
        let manner = self.config.manner(self.language, None);
        self.draw(&manner, &demo::survey(hosts, now, manner.period))
    }

    /// Tells `survey`, with its picture.
    fn draw(&self, manner: &Manner, survey: &Survey) -> Note {
        let mut note = manner.note(survey);
        if survey.fleet.hosts.is_empty() {
            return note;
        }
        match chart::png(&survey.fleet, &manner.zone) {
            Ok(png) => {
                let description = self.language.report_picture(survey.fleet.hosts.len());
                note.pictures.push(Picture::png(PICTURE, description, &png));
            }
            // The figures are worth telling without it.
            Err(error) => error!("{error}"),
        }
        note
    }

    /// Makes a report in any case, if need be one that says why it says nothing; none when it was told to stop.
    async fn insist(
        &self,
        clock: Clock,
        late_since: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Option<(Note, ReportOutcome)> {
        let mut attempt = 1;
        loop {
            match self.try_report(clock.now(), late_since).await {
                Ok(note) => return Some((note, ReportOutcome::Complete)),
                Err(error) if attempt >= ATTEMPTS => {
                    warn!("the report says nothing, because {error}");
                    let manner = self.config.manner(self.language, late_since);
                    return Some((manner.unanswered(&error, clock.now()), ReportOutcome::Unanswered));
                }
                Err(error) => warn!("the report waits for Prometheus: {error}"),
            }
            attempt += 1;
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

/// Makes reports when they are due.
pub struct Reports {
    schedule: Schedule,
    reporter: Reporter,
    intake: Intake,
    outbox: Outbox,
    clock: Clock,
    metrics: Metrics,
}

impl Reports {
    /// Prepares to make reports, if there is a time for them.
    pub fn new(reporter: Reporter, intake: Intake, outbox: Outbox, clock: Clock, metrics: Metrics) -> Option<Self> {
        let schedule = Schedule { expression: reporter.config.schedule.clone()?, zone: reporter.config.zone() };
        Some(Self { schedule, reporter, intake, outbox, clock, metrics })
    }

    /// Makes reports until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        info!("a report is due at `{}`", self.schedule.expression);
        loop {
            if let Err(trouble) = self.catch_up(&stop).await {
                // The disk may have room again later.
                warn!("a report cannot be made now: {trouble}");
            }
            let now = self.clock.now();
            let next = self.schedule.next(now).map_or(LONGEST_SLEEP, |next| next.duration_since(now).unsigned_abs());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(next.min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Makes the report that is due, if there is one that was not made.
    async fn catch_up(&self, stop: &CancellationToken) -> Result<(), Trouble> {
        let now = self.clock.now();
        let Some(due) = self.schedule.last(now) else { return Ok(()) };
        // Another schedule begins anew: what it had as its last time before now was not missed.
        let key = format!("report.last {}", self.schedule.expression);
        let kept = Kept { key: key.clone(), value: due.to_string() };
        let last = self.outbox.kept(&key).await?.and_then(|last| last.parse::<Timestamp>().ok());
        let Some(last) = last else {
            // The first start: what was due before is nobody's loss.
            return self.outbox.keep(&key, &kept.value).await;
        };
        let age = now.duration_since(due).unsigned_abs();
        if due <= last || age > self.reporter.config.late {
            return Ok(());
        }
        let late_since = (age > LONGEST_SLEEP + PAUSE).then_some(due);
        let Some((note, outcome)) = self.reporter.insist(self.clock, late_since, stop).await else { return Ok(()) };
        self.intake.note_keeping(&note, self.reporter.config.receivers.clone(), kept).await?;
        self.metrics.report(outcome, self.clock.now());
        info!("made the report of {due}");
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
