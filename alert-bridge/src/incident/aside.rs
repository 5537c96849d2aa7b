//! What is kept from a receiver's people for a while or for good, and what others are told in their stead.

use serde_json::{Value, json};

use super::{Incident, Known};
use crate::webhook::Alert;

impl Incident {
    /// Returns the alerts of which there is something to tell.
    pub fn untold(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|known| known.has_news(self.remind)).map(|known| &known.alert)
    }

    /// Keeps to itself the alerts that `is_muted`, unless they go on for longer. Of what people know already they shall also hear
    /// the end.
    pub fn mute(&mut self, is_muted: impl Fn(&Alert) -> bool) {
        for known in self.alerts.iter_mut().filter(|known| known.shown.is_none()) {
            known.muted |= is_muted(&known.alert);
        }
    }

    /// Returns what others have still to be told in this receiver's stead, as a webhook; nothing when they know it all.
    #[must_use]
    pub fn for_others(&self, group_key: &str) -> Option<Value> {
        let alerts: Vec<&Alert> =
            self.alerts.iter().filter(|known| known.is_for_others(self.remind)).map(|known| &known.alert).collect();
        (!alerts.is_empty()).then(|| {
            json!({
                "receiver": self.receiver, "groupKey": group_key, "externalURL": self.external_url,
                "truncatedAlerts": self.unseen, "alerts": alerts,
            })
        })
    }

    /// Notes that others have been told all of it. What stands in the channel is still edited, once the channel is back.
    pub fn handed_on(&mut self, nothing_stands: bool) {
        for known in &mut self.alerts {
            known.handed = Some(known.to_show());
        }
        if nothing_stands { self.posted() } else { self.noticed() }
    }
}

impl Known {
    /// Whether it came and went while nobody wanted to hear of it.
    pub(super) fn is_hushed(&self) -> bool {
        self.muted && !self.fires() && self.shown.is_none()
    }

    fn has_news(&self, remind: bool) -> bool {
        (remind && self.fires()) || !self.is_shown() || self.notify.is_some() || self.calm_notice
    }

    fn is_for_others(&self, remind: bool) -> bool {
        !self.is_hushed() && self.has_news(remind) && (self.handed != Some(self.to_show()) || (remind && self.fires()))
    }
}
