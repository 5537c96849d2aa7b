//! Cards that would stay red for ever. Alertmanager says nothing when an alert ends while it is silenced or inhibited: its
//! group is told without it, or not at all any more.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Sender;
use crate::incident::Known;
use crate::outbox::Trouble;
use crate::outbox::card::{Beside, Content};

/// So often forgotten cards are looked for.
const PAUSE: Duration = Duration::from_secs(60);
/// Whoever knows what fires is asked about cards that were silent for so long: what is on its way needs less.
const QUIET: Duration = Duration::from_secs(120);
const CARDS_LIMIT: usize = 500;

/// Somebody who knows what fires: Alertmanager, by its API.
pub trait Source: Send + Sync {
    /// Returns the fingerprints of all alerts that fire, silenced and inhibited ones too.
    fn firing(&self) -> Pin<Box<dyn Future<Output = anyhow::Result<BTreeSet<String>>> + Send + '_>>;
}

impl Sender {
    /// Gives up alerts that nobody will tell of any more, now and then.
    pub(super) async fn forget_now_and_then(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.swept.is_some_and(|swept| now < swept + PAUSE) {
            return Ok(());
        }
        self.swept = Some(now);
        self.outbox.prune(self.clock.now()).await?;
        let quiet_since = self.clock.now().checked_sub(QUIET).unwrap_or_default();
        let mut cards = self.outbox.going_on(&self.name, quiet_since, self.swept_to, CARDS_LIMIT).await?;
        // The next time goes on from here, and begins anew once it has come to the end.
        let last = cards.last().map_or(0, |card| card.id);
        self.swept_to = if cards.len() < CARDS_LIMIT { 0 } else { last };
        if cards.is_empty() {
            return Ok(());
        }
        let firing = match &self.source {
            Some(source) => source.firing().await.map_err(|error| warn!("cannot ask what fires: {error:#}")).ok(),
            None => None,
        };
        let (moment, following) = (self.clock.now(), self.following);
        let is_over = |known: &Known| {
            let since = |then: Timestamp| Duration::try_from(moment.duration_since(then)).unwrap_or_default();
            let fingerprint = &known.alert.fingerprint;
            match &firing {
                Some(firing) if !fingerprint.is_empty() => !firing.contains(fingerprint) && since(known.heard) > QUIET,
                _ => {
                    known.missing.is_some_and(|missing| since(missing) > following.missing_after)
                        || since(known.heard) > following.forget_after
                }
            }
        };
        cards.retain_mut(|card| match &mut card.content {
            Content::Incident(incident) => {
                // Of what Alertmanager hides nobody can say that it is over, but a group that is silent for so long is none.
                let silent = moment.duration_since(incident.heard);
                let silent = Duration::try_from(silent).is_ok_and(|silent| silent > following.forget_after);
                let hidden = silent && std::mem::take(&mut incident.unseen) > 0;
                incident.give_up(is_over) > 0 || hidden
            }
            Content::Note(_) => false,
        });
        if cards.is_empty() {
            return Ok(());
        }
        info!(bridge.receiver = %self.name, "{} cards have alerts of which nobody tells any more", cards.len());
        for card in &mut cards {
            card.changed = moment;
        }
        self.outbox.save(&self.name, cards, Beside::Nothing, moment).await
    }
}
