//! What fires, as Alertmanager knows it: asked about cards that no webhook speaks of any more.

use std::collections::BTreeSet;
use std::pin::Pin;

use alertmanager::{Client, Which};
use anyhow::Context;
use url::Url;

use crate::clock::Clock;
use crate::sender::Source;

/// The Alertmanager that posts here.
pub struct Fires {
    client: Client,
    clock: Clock,
}

impl Fires {
    /// Prepares to ask the Alertmanager at `url`.
    ///
    /// # Errors
    /// When that cannot be an address of one.
    pub fn new(url: Url, clock: Clock) -> anyhow::Result<Self> {
        let http = daemon::http::client(concat!("noroshi-alert-bridge/", env!("CARGO_PKG_VERSION")))?;
        Ok(Self { client: Client::new(http, url).context("bridge.alertmanager_url cannot be used")?, clock })
    }
}

impl Source for Fires {
    fn firing(&self) -> Pin<Box<dyn Future<Output = anyhow::Result<BTreeSet<String>>> + Send + '_>> {
        Box::pin(async {
            // Silenced and inhibited ones fire too: nobody is told of them, and yet they are not over.
            let alerts = self.client.alerts(Which::All, &[]).await?;
            let now = self.clock.now();
            Ok(alerts.into_iter().filter(|alert| alert.is_firing(now)).map(|alert| alert.fingerprint).collect())
        })
    }
}
