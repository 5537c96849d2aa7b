//! Where messages go. One file for each kind of place below this one.

pub mod discord;
pub mod terminal;

use std::future::Future;
use std::time::Duration;

use daemon::CancellationToken;
use tokio::time::{Instant, sleep_until};

use self::discord::Discord;
use self::terminal::Terminal;
use crate::message::Message;

/// A place that messages can be delivered to.
pub enum Receiver {
    /// A Discord channel.
    Discord(Box<Discord>),
    /// Whoever looks at our standard output.
    Terminal(Terminal),
}

impl Receiver {
    /// Returns the kind of place, as a label value.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Discord(_) => "discord",
            Self::Terminal(_) => "terminal",
        }
    }

    /// Delivers `message`, trying again as long as `patience` lasts.
    ///
    /// # Errors
    /// When it was not delivered, as far as we know.
    pub async fn deliver(&self, message: &Message, patience: &Patience) -> Result<Delivered, Undelivered> {
        match self {
            Self::Discord(discord) => discord.deliver(message, patience).await,
            Self::Terminal(terminal) => terminal.deliver(message),
        }
    }
}

/// How a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// As it was meant to look.
    AsComposed,
    /// In bare words, because the receiver did not take it as it was meant to look.
    AsPlainText,
}

/// Why a message did not arrive. All of these may be over at the next try.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// Others were before it, and there was no time left for it.
    #[error("too many messages are waiting for Discord")]
    Crowded,
    /// The receiver will not take it in time.
    #[error("Discord asks to wait {} s", .0.as_secs_f64().ceil())]
    RateLimited(Duration),
    /// The receiver did not answer, or is in trouble itself.
    #[error("Discord could not be reached: {0}")]
    Unreachable(String),
    /// The receiver is gone.
    #[error("Discord does not know this webhook any more: {0}")]
    Dead(String),
    /// The receiver took neither form of it.
    #[error("Discord refused the message: {0}")]
    Refused(String),
    /// Standard output is closed.
    #[error("cannot write to standard output")]
    Closed(#[source] std::io::Error),
    /// This process is about to end.
    #[error("the bridge is shutting down")]
    Stopping,
}

/// How long a delivery may go on.
pub struct Patience {
    until: Instant,
    stop: CancellationToken,
}

/// Why waiting came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    TooLate,
    Stopping,
}

impl Patience {
    /// Lasts for `time` from now; a wait also ends with `stop`.
    #[must_use]
    pub fn new(time: Duration, stop: CancellationToken) -> Self {
        Self { until: Instant::now() + time, stop }
    }

    fn until(&self) -> Instant {
        self.until
    }

    /// Waits until `moment`, or says at once that this would be too late.
    async fn sleep_until(&self, moment: Instant) -> Result<(), Ended> {
        if moment <= Instant::now() {
            return Ok(());
        }
        if moment > self.until {
            return Err(Ended::TooLate);
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopping),
            () = sleep_until(moment) => Ok(()),
        }
    }

    /// Waits for one's turn.
    async fn lasts_for<T>(&self, turn: impl Future<Output = T>) -> Result<T, Undelivered> {
        tokio::select! {
            biased;
            turn = turn => Ok(turn),
            () = self.stop.cancelled() => Err(Undelivered::Stopping),
            () = sleep_until(self.until) => Err(Undelivered::Crowded),
        }
    }
}

impl Ended {
    fn because(self, trouble: String) -> Undelivered {
        match self {
            Self::TooLate => Undelivered::Unreachable(trouble),
            Self::Stopping => Undelivered::Stopping,
        }
    }

    fn for_limit(self, open_at: Instant) -> Undelivered {
        match self {
            Self::TooLate => Undelivered::RateLimited(open_at.saturating_duration_since(Instant::now())),
            Self::Stopping => Undelivered::Stopping,
        }
    }
}
