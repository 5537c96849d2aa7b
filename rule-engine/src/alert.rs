//! An alert, and what happens to it.

use std::collections::BTreeMap;

use series::Labels;

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is over. It is remembered for 15 minutes, so that those who are told of it can be told again.
    Inactive,
    /// Something is wrong, but not for long enough.
    Pending,
    /// Something is wrong.
    Firing,
}

impl State {
    /// Returns the word that Prometheus has for it, as in `ALERTS{alertstate="firing"}`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// An alert. Moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Where it is.
    pub state: State,
    /// What tells it from others, `alertname` among them.
    pub labels: Labels,
    /// Texts for people, as they were at the last evaluation at which it was so. An empty text stays one.
    pub annotations: BTreeMap<String, String>,
    /// What the query returned when it was last so.
    pub value: f64,
    /// Since when it is so.
    pub active_at: i64,
    /// Since when it fires; none if it never did.
    pub fired_at: Option<i64>,
    /// Since when it is over; none while it is not.
    pub resolved_at: Option<i64>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<i64>,
}

/// What an evaluation did to an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The state before; a new alert was inactive.
    pub from: State,
    /// The alert as it is now. One that was pending and is over is inactive, without ever having fired.
    pub alert: Alert,
}
