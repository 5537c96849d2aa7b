//! Where messages go. One file for each kind of place below this one.

pub mod discord;
pub mod terminal;

use std::future::Future;
use std::time::Duration;

use daemon::CancellationToken;
use tokio::time::{Instant, sleep_until};

use self::discord::Discord;
use self::terminal::Terminal;
pub use crate::delivery::{Delivered, Undelivered};
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
