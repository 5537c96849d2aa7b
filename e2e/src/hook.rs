//! A receiver of our own webhooks, as a user would write it from the documentation: it trusts nothing that is not signed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::hmac;
use serde_json::Value;

use crate::door::{Door, Knocked, Reply, reply};

/// How old a message may be: what is older was recorded by somebody and played again.
const TOLERANCE_SECONDS: i64 = 300;

/// A webhook receiver of one's own.
pub struct Hook {
    door: Door,
    state: Arc<Mutex<State>>,
}

struct State {
    key: hmac::Key,
    calls: Vec<Call>,
    taken: usize,
    refused: Vec<String>,
    script: VecDeque<HookFault>,
    outage: Option<HookFault>,
}

/// What may go wrong.
#[derive(Clone, Debug)]
pub enum HookFault {
    /// An answer of this status.
    Status(u16),
    /// An answer of this status that says when to ask again, in seconds.
    Wait(u16, u64),
    /// The message is taken, and the connection breaks before the answer.
    DropAfter,
}

/// One message, its signature found good.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id, the same for every repetition.
    pub id: String,
    /// What it says.
    pub body: Value,
    /// As it came in.
    pub request: Knocked,
}

impl Hook {
    /// Starts on a free port, sharing `secret` (the bytes, not their text form) with the sender.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start(secret: &[u8]) -> anyhow::Result<Self> {
        let state = State {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            calls: Vec::new(),
            taken: 0,
            refused: Vec::new(),
            script: VecDeque::new(),
            outage: None,
        };
        let state = Arc::new(Mutex::new(state));
        let held = Arc::clone(&state);
        let door = Door::open(move |knocked| {
            let answer = lock(&held).answer(knocked);
            async move { answer }
        });
        Ok(Self { door: door.await?, state })
    }

    /// Returns the address to post to; `token` is a part of it that must not be seen.
    #[must_use]
    pub fn url(&self, token: &str) -> String {
        format!("{}/hooks/{token}", self.door.url())
    }

    /// Returns the oldest message that was not taken yet.
    #[must_use]
    pub fn take_call(&self) -> Option<Call> {
        let mut state = lock(&self.state);
        let call = state.calls.get(state.taken).cloned()?;
        state.taken += 1;
        Some(call)
    }

    /// Returns all messages, repetitions included, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state).calls.clone()
    }

    /// Returns why requests were turned away.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.state).refused.clone()
    }

    /// Lets the next requests meet these faults, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = HookFault>) {
        lock(&self.state).script.extend(faults);
    }

    /// Lets every request meet this fault from now on, or none any more.
    pub fn outage(&self, fault: Option<HookFault>) {
        lock(&self.state).outage = fault;
    }
}

impl State {
    fn answer(&mut self, request: Knocked) -> Reply {
        let fault = self.script.pop_front().or_else(|| self.outage.clone());
        match fault {
            Some(HookFault::Status(status)) => return Some(reply(status, "as the test wished")),
            Some(HookFault::Wait(status, seconds)) => {
                let mut answer = reply(status, "later");
                answer.headers_mut().insert("retry-after", seconds.into());
                return Some(answer);
            }
            Some(HookFault::DropAfter) | None => {}
        }
        match self.check(request) {
            Ok(call) => self.calls.push(call),
            Err(why) => {
                self.refused.push(why);
                return Some(reply(401, "wrong signature"));
            }
        }
        if fault.is_some() { None } else { Some(reply(204, "")) }
    }

    /// Reads what stands in docs/receivers.md, step by step.
    fn check(&self, request: Knocked) -> Result<Call, String> {
        let (id, sent) = (request.header("webhook-id").to_owned(), request.header("webhook-timestamp").to_owned());
        let at: i64 = sent.parse().map_err(|_| format!("webhook-timestamp is `{sent}`"))?;
        if id.is_empty() || (jiff::Timestamp::now().as_second() - at).abs() > TOLERANCE_SECONDS {
            return Err(format!("id `{id}`, timestamp {at}"));
        }
        let signed = [id.as_bytes(), b".", sent.as_bytes(), b".", &request.body].concat();
        let good = request.header("webhook-signature").split(' ').any(|signature| {
            let bytes = signature.strip_prefix("v1,").and_then(|text| BASE64_STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| hmac::verify(&self.key, &signed, &bytes).is_ok())
        });
        if !good {
            return Err(format!("`{}` is not the signature", request.header("webhook-signature")));
        }
        let body = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
        Ok(Call { id, body, request })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
