//! Figures of others that travel along: player counts, guild counts, what a script has written.
//!
//! ```text
//! DIR/*.prom ────────────────▶ textfile ─┐
//! GET http://127.0.0.1:9101/metrics ─▶ source ─▶ merge ─▶ the host's page
//!     beside each other, each with its own time-out and its own limits
//! ```
//!
//! Whoever writes these figures cannot harm the push: a source that is late, endless, malformed or in conflict with
//! what is on the page already is left out alone, with a reason, and `noroshi_exporter_join_success` says 0 for it.
//! A gateway would refuse the whole push for any of it.

mod config;
mod http;
mod merge;
mod source;
mod textfile;
mod url;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::config::Environment;
use exposition::{Families, Refused};
use tokio::task::JoinSet;

pub use self::config::{Config, Metrics};
use self::merge::Joined;
use self::source::Source;
use self::textfile::Directory;
pub use self::url::{InvalidUrl, MetricsUrl};

/// Everything that is joined to the host's page.
#[derive(Debug, Default)]
pub struct Joins {
    textfile: Option<Directory>,
    sources: Vec<Arc<Source>>,
}

/// How it went with one source.
struct Outcome {
    source: String,
    succeeded: bool,
    joined: Joined,
    took: Duration,
}

impl Joins {
    /// Takes from `config` whom to ask. Touches nothing yet.
    #[must_use]
    pub fn build(config: &Config, environment: &Environment) -> Self {
        let bot = environment.path("BOT_NAME").map(|name| name.to_string_lossy().into_owned());
        let mut sources: Vec<Arc<Source>> = Vec::with_capacity(config.metrics.len());
        for metrics in &config.metrics {
            let taken = |name: &str| name == TEXTFILE || sources.iter().any(|source| source.name == name);
            sources.push(Arc::new(Source::build(metrics, bot.as_deref(), taken)));
        }
        Self { textfile: config.textfile.clone().map(Directory::at), sources }
    }

    /// Puts onto `page` what the others say, and how that went. What is left out is told to `warn`, in words. Returns the page
    /// as it is without them, for a gateway that refuses what they say; nothing when there is nobody to ask.
    ///
    /// The host's own metrics must be on `page` by now: they have the older right to their names.
    pub async fn fetch(&self, page: &mut Families, warn: &mut dyn FnMut(String)) -> Option<Families> {
        if self.textfile.is_none() && self.sources.is_empty() {
            return None;
        }
        let mut without = page.clone();
        let mut fetches = JoinSet::new();
        for (place, source) in self.sources.iter().enumerate() {
            let source = Arc::clone(source);
            fetches.spawn(async move {
                let began = Instant::now();
                (place, source.fetch().await, began.elapsed())
            });
        }
        let mut outcomes = Vec::with_capacity(self.sources.len() + 1);
        if let Some(directory) = &self.textfile {
            let began = Instant::now();
            let (succeeded, joined) = directory.read().await.join(page, warn);
            outcomes.push(Outcome { source: TEXTFILE.to_owned(), succeeded, joined, took: began.elapsed() });
        }
        let mut answers: Vec<_> = self.sources.iter().map(|_| None).collect();
        while let Some(fetched) = fetches.join_next().await {
            if let Ok((place, answer, took)) = fetched {
                answers[place] = Some((answer, took));
            }
        }
        for (source, answer) in self.sources.iter().zip(answers) {
            let (answer, took) = answer.unwrap_or_else(|| (Err(anyhow::anyhow!("its page broke us")), Duration::ZERO));
            let joined = answer.and_then(|own| merge::bot(page, own, source.bot.as_deref()));
            let succeeded = joined.is_ok();
            let joined = joined.unwrap_or_else(|error| {
                warn(format!("{source} is left out of this push: {error:#}"));
                Joined::default()
            });
            outcomes.push(Outcome { source: source.name.clone(), succeeded, joined, took });
        }
        let told = tell(&outcomes, page);
        // Should that page be the one that is taken, none of it is in the push.
        let refused: Vec<_> = outcomes.into_iter().map(Outcome::refused).collect();
        if let Err(error) = told.and_then(|()| tell(&refused, &mut without)) {
            warn(format!("nothing tells how it went with the joined metrics: {error}"));
        }
        Some(without)
    }
}

/// The name of the directory among the sources.
const TEXTFILE: &str = "textfile";

impl Outcome {
    /// Returns what came of it when the gateway does not take it.
    fn refused(self) -> Self {
        let Joined { series, left_out } = self.joined;
        Self { succeeded: false, joined: Joined { series: 0, left_out: left_out + series }, ..self }
    }
}

/// Puts onto `page` how it went.
fn tell(outcomes: &[Outcome], page: &mut Families) -> Result<(), Refused> {
    type Figure = fn(&Outcome) -> f64;
    let figures: [(&str, &str, Figure); 4] = [
        (
            "noroshi_exporter_join_success",
            "Whether the source could be read for this push and fits onto its page.",
            |outcome| f64::from(u8::from(outcome.succeeded)),
        ),
        ("noroshi_exporter_join_series", "Series of the source that are in this push.", |outcome| {
            merge::figure(outcome.joined.series)
        }),
        (
            "noroshi_exporter_join_left_out_series",
            "Series of a source that were left out of this push, because they do not go with the rest of it.",
            |outcome| merge::figure(outcome.joined.left_out),
        ),
        ("noroshi_exporter_join_duration_seconds", "How long the source took for this push.", |outcome| {
            outcome.took.as_secs_f64()
        }),
    ];
    for (name, help, figure) in figures {
        let family = page.gauge(name, help)?;
        for outcome in outcomes {
            family.add([("source", outcome.source.as_str())], figure(outcome))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
