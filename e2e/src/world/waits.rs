//! Every wait of a test, so that none of them stands in the tests.

use std::fmt::Write;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Sample, World};
use crate::discord::Message;

/// Long enough for a loaded machine; a wait that succeeds takes no longer than it must.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

impl World {
    /// Waits until `probe` finds something.
    ///
    /// # Panics
    /// After a minute, or when a process of the world ended.
    pub async fn eventually<T>(&self, what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check();
            if let Some(found) = probe().await {
                return found;
            }
            if Instant::now() > deadline {
                self.fail(&format!("waited {PATIENCE:?} in vain for {what}"));
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until a query has an answer, and returns its first sample.
    pub async fn eventually_query(&self, query: &str) -> Sample {
        self.eventually(query, async || self.query(query).await.into_iter().next()).await
    }

    /// Waits for the next message in Discord.
    pub async fn next_message(&self) -> Message {
        self.eventually("a message in Discord", async || self.discord.take_message()).await
    }

    /// Makes sure that nothing more arrives in Discord for so many minutes of the world's own time.
    pub async fn stays_quiet(&self, minutes: u32) {
        let until = Instant::now() + self.minutes(minutes);
        while Instant::now() < until {
            self.check();
            if let Some(message) = self.discord.take_message() {
                self.fail(&format!("one message too many:\n{}", message.text()));
            }
            sleep(PAUSE).await;
        }
    }

    /// Lets so many minutes of the world's own time pass.
    pub async fn minutes_pass(&self, minutes: u32) {
        sleep(self.minutes(minutes)).await;
        self.check();
    }

    fn minutes(&self, minutes: u32) -> Duration {
        Duration::from_secs(60) * minutes / self.speedup
    }

    /// Fails when a process has ended by itself or a host could not push.
    fn check(&self) {
        let ended = self.processes().iter_mut().find_map(|process| Some((process.name, process.ended()?)));
        if let Some((name, status)) = ended {
            self.fail(&format!("{name} ended by itself ({status})"));
        }
        let trouble = self.troubles.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
        if let Some(trouble) = trouble {
            self.fail(&trouble);
        }
    }

    pub(super) fn fail(&self, why: &str) -> ! {
        let mut report = format!("{why}\n");
        for process in self.processes().iter() {
            report.push_str(&process.last_words());
        }
        for seen in self.discord.requests() {
            // The path holds the token.
            let _ = writeln!(report, "--- discord: {} from {}, {:?}", seen.method, seen.user_agent, seen.status);
        }
        panic!("{report}");
    }
}
