//! Getting a page to the gateway although the way is not always there.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use ::config::Environment;
use exposition::Families;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::buffer::{Buffer, Moment};
use crate::config::Config;
use crate::gateway::{ConfigError, Gateway, Hold, Link, Parcel, PushError};

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

/// The way to a gateway: a link that is tried again, and a buffer for what does not get through.
pub struct Delivery {
    link: Link,
    /// How long after the first try another one may begin.
    retry_budget: Duration,
    compress: Compress,
    takes_gzip: bool,
    buffer: Option<Buffer>,
}

impl Delivery {
    /// Puts together what a push of one process needs.
    ///
    /// # Errors
    /// When the configuration leads to no gateway. A buffer that cannot be used is only told to `warn`: pushes do without.
    pub fn build(
        config: &Config,
        environment: &Environment,
        warn: &mut dyn FnMut(String),
    ) -> Result<Self, ConfigError> {
        let gateway = Gateway::build(config, environment, warn)?;
        let backfill = gateway.backfill(config, environment)?;
        let group = gateway.group();
        let buffer = config.buffer.as_ref().zip(backfill).and_then(|(buffer, backfill)| {
            // Both requests of a batch and those of many batches go over one connection, also from cron.
            Buffer::open(buffer, Link::new(backfill, Hold::Open), group)
                .inspect_err(|error| warn(format!("nothing is kept when a push fails: {error:#}")))
                .ok()
        });
        Ok(Self {
            link: Link::new(gateway, Hold::Never),
            retry_budget: config.retry_budget.as_duration(),
            compress: config.compress,
            takes_gzip: false,
            buffer,
        })
    }

    /// Makes it a delivery of every `interval`: the connection is held open, and a push that fails has failed before the
    /// next one is due.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        let Self { link, retry_budget, compress, takes_gzip, buffer } = self;
        Self {
            link: link.held_open().within(interval * 2 / 3),
            retry_budget: retry_budget.min(interval / 3),
            compress,
            takes_gzip,
            buffer: buffer.map(|buffer| buffer.within(interval / 3)),
        }
    }

    /// Returns whom pages go to.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        self.link.gateway()
    }

    /// Puts onto `page` what there is to say about the way.
    ///
    /// # Errors
    /// When the page has these metrics already.
    pub fn describe(&self, page: &mut Families) -> anyhow::Result<()> {
        self.buffer.as_ref().map_or(Ok(()), |buffer| buffer.describe(page))
    }

    /// Pushes `page`, which was taken at `moment`: again and again within the budget, and into the buffer, where there is
    /// one, when all of that was in vain. What waited there follows a push that went well.
    ///
    /// # Errors
    /// When the gateway did not take the page, whether or not it is kept.
    pub async fn deliver(
        &mut self,
        page: String,
        moment: Moment,
        warn: &mut dyn FnMut(String),
    ) -> Result<(), PushError> {
        let result = self.push(&page).await;
        if let Some(buffer) = &mut self.buffer {
            buffer.settle(&result, &page, moment, warn).await;
        }
        result
    }

    async fn push(&mut self, page: &str) -> Result<(), PushError> {
        let plain = Parcel::page(page.to_owned());
        let is_packed = match self.compress {
            Compress::Always => true,
            Compress::Auto => self.takes_gzip,
            Compress::Never => false,
        };
        let parcel = if is_packed { plain.packed() } else { plain };
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.link.send(parcel.clone()).await {
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
            sleep(wait).await;
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
