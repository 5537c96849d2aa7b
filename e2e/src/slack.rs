//! A double of Slack's incoming webhooks: as strict as the real ones, and as unreliable as a test wants it.
//!
//! ```text
//! request ─▶ fault? ─▶ budget (1 in 1 s, a few at once) ─▶ check: form, blocks, lengths ─▶ kept: a Post
//! ```
//!
//! Answers are Slack's: `ok`, or a word as `invalid_payload`, in plain text. There is no id in them, so nothing can be edited.
//! What a reader sees and who is pinged is worked out from the markup, as Slack does.

mod check;
mod markup;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::door::{Door, Knocked, Reply, reply};

/// How many messages may come at once after a pause; Slack speaks of "short bursts".
const BURST: usize = 3;
/// One message in this time, in the long run.
const PACE: Duration = Duration::from_secs(1);

/// A Slack of one's own.
pub struct Slack {
    door: Door,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    posts: Vec<Post>,
    taken: usize,
    script: VecDeque<SlackFault>,
    outage: Option<SlackFault>,
    /// When the budget is full again.
    full_at: Option<Instant>,
    refused_until: Option<Instant>,
    early_retries: usize,
    requests: usize,
}

/// What may go wrong.
#[derive(Clone, Debug)]
pub enum SlackFault {
    /// An answer of this status with this word.
    Answer(u16, &'static str),
    /// Too many: ask again after so many seconds.
    RateLimited(u64),
    /// The connection breaks before the message is kept.
    Drop,
    /// The message is kept, and the connection breaks before the answer.
    DropAfter,
}

/// One message that stands in the channel.
#[derive(Clone, Debug)]
pub struct Post {
    /// As it was posted.
    pub body: Value,
    /// What a reader sees, markup resolved, one line for each line.
    pub text: String,
    /// Who was pinged: `!here`, `!subteam^S1`, `@U1`.
    pub pings: Vec<String>,
    /// The colours of the bars.
    pub colors: Vec<String>,
}

impl Slack {
    /// Starts on a free port.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start() -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let held = Arc::clone(&state);
        let door = Door::open(move |knocked| {
            let answer = lock(&held).answer(&knocked);
            async move { answer }
        });
        Ok(Self { door: door.await?, state })
    }

    /// Returns the URL of the webhook with this token, in the form that people copy.
    #[must_use]
    pub fn webhook(&self, token: &str) -> String {
        format!("{}/services/T00000000/B00000000/{token}", self.door.url())
    }

    /// Returns the oldest message that was not taken yet.
    #[must_use]
    pub fn take_post(&self) -> Option<Post> {
        let mut state = lock(&self.state);
        let post = state.posts.get(state.taken).cloned()?;
        state.taken += 1;
        Some(post)
    }

    /// Returns all messages, oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.state).posts.clone()
    }

    /// Returns how many requests came in.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.state).requests
    }

    /// Returns how many requests came although an earlier 429 had said to wait longer.
    #[must_use]
    pub fn early_retries(&self) -> usize {
        lock(&self.state).early_retries
    }

    /// Lets the next requests meet these faults, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = SlackFault>) {
        lock(&self.state).script.extend(faults);
    }

    /// Lets every request meet this fault from now on, or none any more.
    pub fn outage(&self, fault: Option<SlackFault>) {
        lock(&self.state).outage = fault;
    }
}

impl State {
    fn answer(&mut self, knocked: &Knocked) -> Reply {
        self.requests += 1;
        let now = Instant::now();
        if self.refused_until.take_if(|until| *until > now).is_some() {
            self.early_retries += 1;
        }
        let fault = self.script.pop_front().or_else(|| self.outage.clone());
        match fault {
            Some(SlackFault::Answer(status, word)) => return Some(reply(status, word)),
            Some(SlackFault::RateLimited(seconds)) => return Some(self.too_many(now, seconds)),
            Some(SlackFault::Drop) => return None,
            Some(SlackFault::DropAfter) | None => {}
        }
        let full_at = self.full_at.unwrap_or(now).max(now);
        let budget = PACE * u32::try_from(BURST).expect("a small number");
        if full_at + PACE > now + budget {
            return Some(self.too_many(now, 1));
        }
        self.full_at = Some(full_at + PACE);
        match check::post(knocked) {
            Err((status, word)) => Some(reply(status, word)),
            Ok(body) => {
                self.posts.push(markup::read(body));
                if fault.is_some() { None } else { Some(reply(200, "ok")) }
            }
        }
    }

    fn too_many(&mut self, now: Instant, seconds: u64) -> hyper::Response<String> {
        self.refused_until = Some(now + Duration::from_secs(seconds));
        let mut answer = reply(429, "rate_limited");
        answer.headers_mut().insert("retry-after", seconds.into());
        answer
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
