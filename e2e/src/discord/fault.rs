//! Troubles of Discord's, on demand.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;

use super::answer::Answer;
use super::budget::{Scope, too_many};

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Answers with this status and keeps nothing: 5xx as Discord writes them, 404 a webhook that was deleted,
    /// 401 a wrong token, 403 a missing permission, 400 a message that is not accepted.
    Status(u16),
    /// Answers 429, to be tried again after so long.
    RateLimited(Scope, Duration),
    /// Closes the connection and keeps nothing.
    Drop,
    /// Keeps the message, then closes the connection: the sender cannot know.
    DropAfter,
    /// Answers as usual, but only after so long.
    Slow(Duration),
}

impl Fault {
    /// The answer that this fault gives instead of Discord's, if it gives one.
    pub(super) fn answer(self) -> Option<Answer> {
        match self {
            Self::Status(404) => Some(Answer::error(404, 10015, "Unknown Webhook")),
            Self::Status(401) => Some(Answer::error(401, 50027, "Invalid Webhook Token")),
            Self::Status(403) => Some(Answer::error(403, 50013, "Missing Permissions")),
            Self::Status(400) => {
                let said =
                    json!({ "content": { "_errors": [{ "code": "BASE_TYPE_BAD_LENGTH", "message": "scripted" }] } });
                Some(Answer::new(400, json!({ "message": "Invalid Form Body", "code": 50035, "errors": said })))
            }
            Self::Status(status) => Some(Answer::error(status, 0, &format!("{status}: scripted"))),
            Self::RateLimited(scope, wait) => Some(too_many(scope, wait)),
            Self::Drop | Self::DropAfter | Self::Slow(_) => None,
        }
    }
}

/// What will go wrong next, and what goes wrong until it is mended.
#[derive(Default)]
pub(super) struct Script {
    next: VecDeque<Fault>,
    outage: Option<Fault>,
}

impl Script {
    pub(super) fn then(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.next.extend(faults);
    }

    pub(super) fn set_outage(&mut self, outage: Option<Fault>) {
        self.outage = outage;
    }

    /// The fault of the request that has just come in.
    pub(super) fn take(&mut self) -> Option<Fault> {
        self.next.pop_front().or(self.outage)
    }
}
