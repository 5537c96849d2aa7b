//! Where messages go. One file for each kind of place below this one.
//!
//! A receiver posts and edits, and says what the answer means. When it is asked, in which order, how often, and what
//! becomes of a message that did not arrive is the affair of [`sender`](crate::sender), the same for all of them.

pub mod build;
pub mod discord;
pub mod email;
pub mod endpoint;
mod fit;
pub mod hook;
mod pace;
mod plain;
pub mod settings;
pub mod slack;
pub mod terminal;

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::kind::{Level, State};
use crate::message::Message;

/// An answer is a word or a message of ours with a few ids; what is longer is none.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// An answer under way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// A place that messages can be told at. Only one deed is under way at a time.
pub trait Receiver: Send + Sync {
    /// Returns the kind of place, as a label value.
    fn kind(&self) -> &'static str;

    /// Returns whether what was posted can be edited. Where it cannot, every change is posted as a message of its own.
    fn edits(&self) -> bool {
        false
    }

    /// Returns the earliest moment at which the place will take such a deed, as far as we know.
    fn opens_at(&self, _deed: Deed) -> Instant {
        Instant::now()
    }

    /// Returns how many of `messages`, from the first on, can be posted as one without leaving an alert unnamed; at least 1.
    fn fits(&self, _messages: &[Message]) -> usize {
        1
    }

    /// Learns how long ago messages were posted by the process before this one.
    fn remember(&self, _ages: &[Duration]) {}

    /// Posts `messages` as one, once.
    fn post<'a>(&'a self, messages: &'a [Message]) -> Answering<'a>;

    /// Makes the posted message `id` tell `messages`, once.
    fn edit<'a>(&'a self, _id: &'a str, _messages: &'a [Message]) -> Answering<'a> {
        Box::pin(ready(Answer::Gone))
    }
}

/// What a receiver is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Post a new message.
    Post,
    /// Edit a message.
    Edit,
    /// Edit a message that is older than an hour.
    EditOld,
}

/// What became of a deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// People can read it.
    Done {
        /// The message's id, if it can be edited.
        id: Option<String>,
        /// How it looks.
        form: Form,
    },
    /// Not now: too many were asked for. [`Receiver::opens_at`] knows when.
    Wait,
    /// Nobody knows: no answer, or the place is in trouble. It may have arrived.
    Trouble(String),
    /// Never in this form. Fewer messages in one may pass, or the same ones another day.
    Refused(String),
    /// The message to be edited is gone.
    Gone,
    /// The message is too old to be edited so often; later perhaps.
    TooOld(Duration),
    /// The place is gone, or does not want us any more.
    Dead(String),
}

/// How a message looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it was meant to.
    AsComposed,
    /// In bare words, because the place did not take it otherwise.
    PlainText,
}

/// Returns the sign by which a state is known at a glance.
pub(crate) fn mark(state: State, level: Level) -> &'static str {
    match (state, level) {
        (State::Resolved, _) => "✅",
        (State::PartlyResolved, _) => "☑️",
        (State::Lost, _) => "⚪",
        (_, Level::Critical) => "🔴",
        (_, Level::Error) => "🟠",
        (_, Level::Warning) => "🟡",
        (_, Level::Info) => "🔵",
    }
}

/// Reads the body of an answer. One that breaks off halfway is still an answer: its status is what counts.
async fn answer_body(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    body
}

/// Says that some of `messages` come late, if they do.
fn late(messages: &[Message]) -> String {
    let late = messages.iter().filter_map(|message| message.late.map(|late| (late, message.language)));
    late.max_by_key(|(late, _)| *late).map(|(late, language)| language.late(late)).unwrap_or_default()
}
