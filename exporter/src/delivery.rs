//! Getting a page to the gateway although the way is not always there.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use ::config::Environment;
use exposition::Families;
use hyper::body::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::buffer::{self, Buffer, Moment};
use crate::gateway::{self, ConfigError, Gateway, Hold, Link, Parcel, PushError};
use crate::settings::RetryBudget;
use crate::text;

/// The first pause before another try; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// What a pause grows to.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// When a page is packed with gzip on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compress {
    /// Once an answer has said `Accept-Encoding: gzip`. Nobody else is known to unpack it, so a single push is not packed.
    #[default]
    Auto,
    /// Always: a Pushgateway since 1.5 unpacks it.
    Always,
    /// Never.
    Never,
}

/// What the configuration file says about the way to a gateway.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The gateway itself.
    pub gateway: gateway::Settings,
    /// How long after the first try of a push another one may begin.
    pub retry_budget: RetryBudget,
    /// Whether pages are packed.
    pub compress: Compress,
    /// Where pages wait.
    pub buffer: Option<buffer::Config>,
}

/// What the gateway took.
#[derive(Debug)]
pub enum Taken {
    /// The page.
    Whole,
    /// The page without what others say, since it refused the whole one for this reason.
    Own(PushError),
}

/// The way to a gateway: a link that is tried again, and a buffer for what does not get through.
pub struct Delivery {
    link: Link,
    /// How long after the first try another one may begin.
    retry_budget: Duration,
    compress: Compress,
    takes_gzip: bool,
    buffer: Option<Buffer>,
    /// Cancelled when nobody is to wait for a gateway any more.
    stop: CancellationToken,
}

impl Delivery {
    /// Puts together what a push of one process needs.
    ///
    /// # Errors
    /// When the configuration leads to no gateway.
    pub fn build(
        settings: &Settings,
        environment: &Environment,
        warn: &mut dyn FnMut(String),
    ) -> Result<Self, ConfigError> {
        let gateway = Gateway::build(&settings.gateway, environment, warn)?;
        let buffer = match &settings.buffer {
            Some(buffer) => {
                let store = gateway.backfill(&buffer.store(), &settings.gateway, environment)?;
                // Both requests of a batch and those of many batches go over one connection, also from cron.
                Some(Buffer::build(buffer, Link::new(store, Hold::Open), gateway.group()))
            }
            None => None,
        };
        Ok(Self {
            link: Link::new(gateway, Hold::Never),
            retry_budget: settings.retry_budget.as_duration(),
            compress: settings.compress,
            takes_gzip: false,
            buffer,
            stop: CancellationToken::new(),
        })
    }

    /// Makes it a delivery of every `interval`: the connection is held open, and a push that fails has failed before the
    /// next one is due.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        Self {
            link: self.link.held_open().within(interval * 2 / 3),
            retry_budget: self.retry_budget.min(interval / 3),
            buffer: self.buffer.map(|buffer| buffer.within(interval / 3)),
            ..self
        }
    }

    /// Ends all waiting, for gateway and store, once `stop` is cancelled. A page that is under way is kept in the buffer then,
    /// where there is one.
    pub fn stop_with(&mut self, stop: CancellationToken) {
        self.stop = stop;
    }

    /// Returns once nobody is to wait any more.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Returns whom pages go to.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        self.link.gateway()
    }

    /// Opens the buffer, where there is one. Only then is the disk touched: whoever pushes holds the lock by now, and no other
    /// exporter is at work in the same directory. A buffer that cannot be used is only told to `warn`: pushes do without.
    pub fn open(&mut self, warn: &mut dyn FnMut(String)) {
        if let Some(buffer) = &mut self.buffer
            && let Err(error) = buffer.open()
        {
            warn(format!("nothing is kept when a push fails: {error:#}"));
        }
    }

    /// Puts onto `page` what there is to say about the way.
    ///
    /// # Errors
    /// When the page has these metrics already.
    pub fn describe(&self, page: &mut Families) -> anyhow::Result<()> {
        self.buffer.as_ref().map_or(Ok(()), |buffer| buffer.describe(page))
    }

    /// Pushes `page`, which was taken at `moment`: again and again within the budget, and into the buffer, where there is
    /// one, when all of that was in vain. When the gateway finds fault with it, `own`, if there is one, goes in its place. What
    /// waited in the buffer follows a push that went well.
    ///
    /// # Errors
    /// When the gateway took neither, whether or not the page is kept.
    pub async fn deliver(
        &mut self,
        page: Families,
        own: Option<Families>,
        moment: Moment,
        warn: &mut dyn FnMut(String),
    ) -> Result<Taken, PushError> {
        if let Some(buffer) = &mut self.buffer {
            // What keeps it closed is told by `open`.
            let _ = buffer.open();
        }
        let mut text = Bytes::from(text::of(&page));
        // What the connection takes of our memory finds room where the page was.
        drop(page);
        let mut result = self.push(&text).await.map(|()| Taken::Whole);
        if let (Err(PushError::BadPage(_)), Some(own)) = (&result, own) {
            text = text::of(&own).into();
            let second = self.push(&text).await;
            // A metric of a bot that has another type elsewhere in the fleet, for one. The host itself is alive.
            result = match (second, result) {
                (Ok(()), Err(reason)) => Ok(Taken::Own(reason)),
                (Err(error), _) => Err(error),
                (Ok(()), Ok(taken)) => Ok(taken),
            };
        }
        if let Some(buffer) = &mut self.buffer {
            // Once for both: of one moment there is one page.
            buffer.settle(result.as_ref().err(), &text, moment, &self.stop, warn).await;
        }
        result
    }

    async fn push(&mut self, page: &Bytes) -> Result<(), PushError> {
        let plain = Parcel::page(page.clone());
        let is_packed = match self.compress {
            Compress::Always => true,
            Compress::Auto => self.takes_gzip,
            Compress::Never => false,
        };
        let parcel = if is_packed { plain.packed() } else { plain };
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = tokio::select! {
                sent = self.link.send(parcel.clone()) => sent,
                () = self.stop.cancelled() => Err(self.link.gateway().cut_short()),
            };
            let error = match sent {
                Ok(takes_gzip) => {
                    self.takes_gzip = takes_gzip;
                    return Ok(());
                }
                Err(error) => error,
            };
            // Another gateway may stand there now, which does not.
            self.takes_gzip = false;
            let wait = jittered(pause);
            if !error.is_passing() || began.elapsed() + wait >= self.retry_budget {
                return Err(error);
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stop.cancelled() => return Err(error),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Returns between half of `pause` and all of it, so that a fleet does not come back in one wave.
fn jittered(pause: Duration) -> Duration {
    // The keys of a hash map are random; that is all the chance we need.
    let chance = RandomState::new().build_hasher().finish();
    pause.mul_f64(0.5 + (chance >> 11) as f64 / (1_u64 << 53) as f64 / 2.0)
}

#[cfg(test)]
mod tests;
