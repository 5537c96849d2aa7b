//! An alert as Alertmanager holds it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// Names and their values.
pub type Labels = BTreeMap<String, String>;

/// One alert that Alertmanager holds. It holds those that fire, and those that ended some minutes ago.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Equal for all that Alertmanager ever says of an alert with these labels; also stands in its webhooks.
    pub fingerprint: String,
    /// What it is and where.
    pub labels: Labels,
    /// What it says to people.
    #[serde(default)]
    pub annotations: Labels,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when, unless somebody says again that it fires: it lies ahead while the alert fires.
    pub ends_at: Timestamp,
    /// When somebody said last that it fires.
    pub updated_at: Timestamp,
    /// Whether people are told of it.
    pub status: AlertStatus,
}

/// Whether people are told of an alert, and what keeps them from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// In one word.
    pub state: AlertState,
    /// The ids of the silences that hold it back.
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// The fingerprints of the alerts that hold it back.
    #[serde(default)]
    pub inhibited_by: Vec<String>,
}

/// Whether people are told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Alertmanager has not looked at it yet.
    Unprocessed,
    /// They are.
    Active,
    /// A silence or another alert holds it back.
    Suppressed,
}

impl Alert {
    /// Returns whether it fires at `now`.
    #[must_use]
    pub fn is_firing(&self, now: Timestamp) -> bool {
        self.ends_at > now
    }

    /// Returns whether a silence holds it back.
    #[must_use]
    pub fn is_silenced(&self) -> bool {
        !self.status.silenced_by.is_empty()
    }

    /// Returns whether another alert holds it back.
    #[must_use]
    pub fn is_inhibited(&self) -> bool {
        !self.status.inhibited_by.is_empty()
    }
}

/// Which alerts to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that Alertmanager holds.
    All,
    /// Only those that nothing holds back.
    Told,
}
