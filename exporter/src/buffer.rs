//! What could not be pushed, kept on disk until there is a way again.
//!
//! ```text
//! page ── push ──✗ no way          push ──▶ taken
//!   └─ lines with job and instance ─▶ Spool ─▶ batches with timestamps ── POST ──▶ backfill_url
//!                                       └─ oldest dropped beyond max_bytes and max_age, and counted
//! ```
//!
//! A Pushgateway knows only the present and refuses timestamps, so the past goes to a store of series by another
//! door: VictoriaMetrics' import of the text format. A page leaves the disk only after the store has said yes to it.
//! The buffer never makes a push fail: a full disk costs pages and a warning.

mod lines;
mod moment;
mod spool;

use std::path::PathBuf;
use std::time::Duration;

use exposition::Families;
use http::Method;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::moment::Moment;
use self::spool::{Record, Spool};
use crate::gateway::{BackfillUrl, Link, Parcel, PushError, StoreSettings};
use crate::pack;

/// How much text goes into one request. What is more stays on disk, so that the past costs little memory.
const BATCH_BYTES: usize = 256 * 1024;
/// How many requests one push may be followed by: some 150 pages.
const BATCHES: usize = 16;
/// The largest page that is kept, as text. The watches' limits are far below.
const PAGE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// How long a store that does not answer is left alone, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// The `exporter.buffer:` section: where pages wait while there is no way to the gateway. Without it none are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory for the pages, of this exporter alone.
    pub dir: PathBuf,
    /// How much of the disk they may take; the oldest make room. Default: `67108864` (64 MiB, some 15,000 pages).
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// How old they may become. Default: `24h`.
    #[serde(default = "max_age", with = "humantime_serde")]
    pub max_age: Duration,
    /// Where they go afterwards: VictoriaMetrics' `https://host:8428`, or with a path, by default
    /// `/api/v1/import/prometheus`.
    pub backfill_url: BackfillUrl,
    /// Which pages go there. Default: `missed`.
    #[serde(default)]
    pub pages: Pages,
    /// Name for Basic Auth there. Default: as for pushes when it is the same host, otherwise none.
    pub user: Option<String>,
    /// File that holds its password. Its content is never logged.
    pub password_file: Option<PathBuf>,
    /// PEM file with the only certificates to trust there. Default: as for pushes.
    pub ca_file: Option<PathBuf>,
}

impl Config {
    /// Returns what is said about the store.
    #[must_use]
    pub fn store(&self) -> StoreSettings {
        StoreSettings {
            url: self.backfill_url.clone(),
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            ca_file: self.ca_file.clone(),
        }
    }
}

/// Which pages go to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pages {
    /// Those that found no way to the gateway.
    #[default]
    Missed,
    /// All: the store has every page with its own time, and needs nothing from the Pushgateway.
    All,
}

fn max_bytes() -> u64 {
    64 * 1024 * 1024
}

fn max_age() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}

/// The pages on disk, and the door that they leave by.
pub struct Buffer {
    directory: PathBuf,
    max_bytes: u64,
    /// `None` until it is opened.
    spool: Option<Spool>,
    link: Link,
    pages: Pages,
    max_age: Duration,
    /// Labels of the group, which a Pushgateway would add.
    group: Vec<(String, String)>,
    rest: Rest,
}

/// How long the store is left alone.
#[derive(Default)]
struct Rest {
    until: Option<Instant>,
    pause: Duration,
}

impl Buffer {
    /// Touches nothing yet.
    #[must_use]
    pub fn build(config: &Config, link: Link, group: Vec<(String, String)>) -> Self {
        let Config { pages, max_age, max_bytes, .. } = *config;
        let directory = config.dir.clone();
        Self { directory, max_bytes, spool: None, link, pages, max_age, group, rest: Rest::default() }
    }

    /// Opens the directory unless it is open, and makes it where it is missing. Nobody else may be at work in it.
    ///
    /// # Errors
    /// When it cannot be used. No reason not to push; the next push may try again.
    pub fn open(&mut self) -> anyhow::Result<()> {
        if self.spool.is_none() {
            self.spool = Some(Spool::open(&self.directory, self.max_bytes)?);
        }
        Ok(())
    }

    /// Bounds what one request to the store may take.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { link: self.link.within(limit), ..self }
    }

    /// Puts onto `page` how full the buffer is, if it is open.
    ///
    /// # Errors
    /// When the page has these metrics already.
    pub fn describe(&self, page: &mut Families) -> anyhow::Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        page.gauge("noroshi_exporter_buffer_bytes", "Bytes of pages that wait on disk for a way to the store.")?
            .set(spool.waiting_bytes() as f64)?;
        page.counter(
            "noroshi_exporter_buffer_dropped_total",
            "Pages that were lost because the buffer was full, too old or unreadable.",
        )?
        .set(spool.dropped() as f64)?;
        Ok(())
    }

    /// Keeps `page`, of the time `moment`, when it must be kept after its push failed with `error` or did not, and sends what
    /// waits when there is a way, until `stop`. Troubles are told to `warn`.
    pub async fn settle(
        &mut self,
        error: Option<&PushError>,
        page: &[u8],
        moment: Moment,
        stop: &CancellationToken,
        warn: &mut dyn FnMut(String),
    ) {
        if error.is_some_and(PushError::is_lack_of_a_way) || self.pages == Pages::All {
            self.keep(page, moment, warn);
        }
        if error.is_none() || self.pages == Pages::All {
            // A batch whose answer we do not wait for stays and comes again: the same samples at the same times.
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.replay(moment, warn) => {}
            }
        }
    }

    fn keep(&mut self, page: &[u8], moment: Moment, warn: &mut dyn FnMut(String)) {
        let Some(spool) = &mut self.spool else { return };
        let lines = lines::with_labels(&String::from_utf8_lossy(page), &self.group);
        let record = Record { moment, content: pack::deflate(lines.as_bytes()) };
        if let Err(error) = spool.append(&record) {
            warn(format!("this page is not kept in {}: {error}", spool.place().display()));
        }
    }

    async fn replay(&mut self, now: Moment, warn: &mut dyn FnMut(String)) {
        if self.rest.until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        for _ in 0..BATCHES {
            match self.replay_batch(now).await {
                Ok(true) => self.rest = Rest::default(),
                Ok(false) => return,
                Err(error) => {
                    let (first, most) = PAUSES;
                    self.rest.pause = (self.rest.pause * 2).clamp(first, most);
                    self.rest.until = Some(Instant::now() + self.rest.pause);
                    warn(format!("what the buffer holds stays there: {error:#}"));
                    return;
                }
            }
        }
    }

    /// Sends the oldest pages; returns whether there were any.
    async fn replay_batch(&mut self, now: Moment) -> anyhow::Result<bool> {
        let Some(spool) = &mut self.spool else { return Ok(false) };
        let oldest = now.wall_ms().saturating_sub_unsigned(self.max_age.as_millis().try_into().unwrap_or(u64::MAX));
        spool.drop_while(|moment| moment.told_at(now) < oldest);
        let mut text = String::new();
        let batch = spool.read(|record| {
            // What cannot be unpacked has a right checksum, so it is ours and yet not; nobody misses it.
            let lines = pack::inflate(&record.content, PAGE_LIMIT_BYTES).unwrap_or_default();
            lines::stamp(&String::from_utf8_lossy(&lines), record.moment.told_at(now), &mut text);
            text.len() < BATCH_BYTES
        })?;
        let Some(end) = batch else { return Ok(false) };
        let parcel = Parcel { method: Method::POST, content: text.into(), is_gzip: false }.packed();
        match self.link.send(parcel).await {
            Ok(_) => spool.forget(end)?,
            Err(PushError::BadPage(reason)) => {
                // Sent again it would be refused again, and everything behind it would wait for ever.
                spool.drop_until(end)?;
                anyhow::bail!("some pages were refused and are lost: {reason}");
            }
            Err(error) => anyhow::bail!("the store at exporter.buffer.backfill_url does not take it: {error}"),
        }
        Ok(true)
    }
}
