//! What an operator decides about how incidents are followed.

use std::time::Duration;

use serde::Deserialize;

/// How incidents are followed: the `incidents:` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Following {
    /// What arrives again within this time is a retry, or what the other of two Alertmanagers says; later it is a reminder.
    #[serde(with = "humantime_serde")]
    pub same_within: Duration,
    /// How long the other of two Alertmanagers may lag behind: within this time after a recovery, its word that an alert
    /// still fires is old.
    #[serde(with = "humantime_serde")]
    pub stale_within: Duration,
    /// An alert that fires again so soon after its recovery belongs to the same incident.
    #[serde(with = "humantime_serde")]
    pub flap_window: Duration,
    /// An alert that fired again is told by a message of its own only if it still fires after this time.
    #[serde(with = "humantime_serde")]
    pub flap_hold: Duration,
    /// Whether a recovery is told by a short message of its own, beside the edited card.
    pub calm_notice: bool,
    /// An alert that its group is told without is given up after this time: it was silenced or inhibited.
    #[serde(with = "humantime_serde")]
    pub missing_after: Duration,
    /// An alert that nobody tells of at all is given up after this time. Longer than Alertmanager's `repeat_interval`, or
    /// cards of what still fires would be closed.
    #[serde(with = "humantime_serde")]
    pub forget_after: Duration,
}

impl Default for Following {
    fn default() -> Self {
        Self {
            same_within: Duration::from_secs(45),
            stale_within: Duration::from_secs(300),
            flap_window: Duration::from_secs(900),
            flap_hold: Duration::from_secs(120),
            calm_notice: false,
            missing_after: Duration::from_secs(900),
            forget_after: Duration::from_secs(86_400),
        }
    }
}
