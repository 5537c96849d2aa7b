//! Quiet hours and planned work: what is not told yet, and what never will be.

use jiff::Timestamp;
use tracing::{debug, info};

use super::Sender;
use crate::outbox::Trouble;
use crate::outbox::card::{Beside, Card, Content};
use crate::routing::{Hold, Subject, Then};

impl Sender {
    /// Returns those of `cards` that may be told now. The others are put away until they may, or for good if that is what somebody
    /// wants.
    pub(super) async fn unless_held(&self, cards: Vec<Card>) -> Result<Vec<Card>, Trouble> {
        let mut told = Vec::with_capacity(cards.len());
        for card in cards {
            told.extend(self.unless_one_is_held(card).await?);
        }
        Ok(told)
    }

    async fn unless_one_is_held(&self, mut card: Card) -> Result<Option<Card>, Trouble> {
        let now = self.clock.now();
        let until = match &mut card.content {
            Content::Note(note) => {
                match Subject::note(note, |subject| self.intake.routing().hold(&self.name, subject, now)) {
                    Hold::Now => return Ok(Some(card)),
                    Hold::Until(_, Then::StillFiring) => {
                        info!(bridge.receiver = %self.name, "a note ({}) is not told: it came in quiet hours", note.level);
                        self.outbox.drop_card(card.id).await?;
                        return Ok(None);
                    }
                    Hold::Until(until, Then::All) => until,
                }
            }
            Content::Incident(incident) => {
                let hold =
                    |alert: &_| Subject::alert(alert, |subject| self.intake.routing().hold(&self.name, subject, now));
                let holds: Vec<Hold> = incident.untold().map(hold).collect();
                // One that is urgent takes the others of its group along.
                let Some(until) = first_end(&holds) else { return Ok(Some(card)) };
                incident.mute(|alert| matches!(hold(alert), Hold::Until(_, Then::StillFiring)));
                until
            }
        };
        debug!(bridge.receiver = %self.name, "what is new of card {} waits until {until}", card.id);
        card.hold = Some(until);
        self.outbox.save(&self.name, vec![card], Beside::Nothing, now).await?;
        Ok(None)
    }
}

/// When the first of them ends; nothing when one need not wait, or there are none.
fn first_end(holds: &[Hold]) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = holds
        .iter()
        .map(|hold| match hold {
            Hold::Now => None,
            Hold::Until(end, _) => Some(*end),
        })
        .collect();
    ends?.into_iter().min()
}
