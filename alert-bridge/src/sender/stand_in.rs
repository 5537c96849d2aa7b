//! Others tell what a receiver cannot be told: because it is gone, or has been out of reach for too long.

use tracing::{info, warn};

use super::Sender;
use crate::outbox::Trouble;
use crate::outbox::card::Agenda;

impl Sender {
    /// Gives what waits to be posted to those who stand in for this receiver; whether that was anything.
    pub(super) async fn hand_on(&mut self, agenda: &Agenda) -> Result<bool, Trouble> {
        let others = self.intake.routing().fallback(&self.name).to_vec();
        let now = self.clock.now();
        let due = [agenda.post, agenda.notice].into_iter().flatten().any(|due| due <= now);
        if others.is_empty() || !due {
            return Ok(false);
        }
        let count = self.outbox.hand_on(&self.name, &others, now).await?;
        info!(bridge.receiver = %self.name, "{count} messages for `{}` go to `{}` instead", self.name, others.join("`, `"));
        for other in &others {
            self.intake.wake(other).notify_one();
        }
        Ok(count > 0)
    }

    /// Says once, to those who stand in, that this receiver has been out of reach for too long.
    pub(super) async fn announce_outage(&mut self) -> Result<(), Trouble> {
        let others = self.intake.routing().fallback(&self.name).to_vec();
        if self.is_replaced || others.is_empty() {
            return Ok(());
        }
        self.is_replaced = true;
        let lasts = self.backoff.lasts();
        warn!(bridge.receiver = %self.name, "`{}` stands in for `{}`, which has been out of reach for {} s", others.join("`, `"), self.name, lasts.as_secs());
        let note = self.language.receiver_is_away(&self.name, lasts, self.clock.now());
        self.intake.note_to(&note, others).await.map(drop)
    }

    /// Says to those who stood in that they need not any more.
    pub(super) async fn announce_return(&mut self) -> Result<(), Trouble> {
        if std::mem::take(&mut self.is_replaced) {
            let others = self.intake.routing().fallback(&self.name).to_vec();
            let note = self.language.receiver_is_back(&self.name, self.clock.now());
            self.intake.note_to(&note, others).await?;
        }
        Ok(())
    }
}
