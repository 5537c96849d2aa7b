//! Questions to the kernel that it may never answer, asked on a thread of their own.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// One question at a time: whoever comes meanwhile waits for its turn. Once a question has hung, nobody waits any more and no
/// other is asked until it is answered, or a daemon would gather threads that hang.
#[derive(Debug)]
pub struct Aside {
    turns: Arc<Semaphore>,
    is_stuck: AtomicBool,
}

impl Default for Aside {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(1)), is_stuck: AtomicBool::new(false) }
    }
}

/// An answer, and the turn that it was asked in: while it is kept, no other question is asked.
#[derive(Debug)]
pub struct Answer<T> {
    value: T,
    _turn: OwnedSemaphorePermit,
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Answer<T> {
    /// Returns the answer and ends the turn.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl Aside {
    /// Returns the answer to `question`.
    ///
    /// # Errors
    /// When there is none within `limit`, the wait for a turn included, or one before still hangs.
    pub async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<Answer<T>> {
        const STUCK: &str = "the kernel has not answered since an earlier push";
        if self.is_stuck.load(Ordering::Acquire) && self.turns.available_permits() == 0 {
            bail!(STUCK);
        }
        let ask = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.context(STUCK)?;
            self.is_stuck.store(false, Ordering::Release);
            // The turn goes with the thread and comes back with the answer. It ends wherever either of them does: when
            // the question panics, or nobody waits for the answer any more.
            let thread = spawn_blocking(move || Answer { value: question(), _turn: turn });
            thread.await.context("the thread that asked has failed")
        };
        timeout(limit, ask).await.unwrap_or_else(|_| {
            self.is_stuck.store(true, Ordering::Release);
            bail!("the kernel did not answer within {limit:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn what_hangs_is_waited_for_once_and_not_asked_again_until_it_answers() {
        let aside = Aside::default();
        let (release, hang) = channel::<()>();
        let error = aside.run(Duration::from_millis(20), move || hang.recv()).await.unwrap_err();
        assert_eq!(error.to_string(), "the kernel did not answer within 20ms");
        let error = aside.run(PATIENCE, || ()).await.unwrap_err();
        assert_eq!(error.to_string(), "the kernel has not answered since an earlier push");
        drop(release);
        while aside.turns.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*aside.run(PATIENCE, || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn two_that_ask_at_the_same_moment_both_get_their_answer() {
        let aside = Aside::default();
        let (release, hang) = channel::<()>();
        let first = aside.run(PATIENCE, move || hang.recv().is_err());
        let second = async {
            let second = aside.run(PATIENCE, || true);
            tokio::task::yield_now().await;
            drop(release);
            second.await
        };
        let (first, second) = tokio::join!(async { first.await.map(Answer::into_value) }, second);
        assert!(first.unwrap() && *second.unwrap());
    }

    #[tokio::test]
    async fn an_answer_that_is_kept_keeps_the_next_question_waiting() {
        let aside = Aside::default();
        let kept = aside.run(PATIENCE, || 1).await.unwrap();
        let mut next = std::pin::pin!(aside.run(PATIENCE, || 2));
        assert!(timeout(Duration::from_millis(20), &mut next).await.is_err());
        drop(kept);
        assert_eq!(*next.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_question_that_panics_or_that_nobody_waits_for_ends_its_turn() {
        let aside = Aside::default();
        let error = aside.run(PATIENCE, || -> u8 { panic!("meant") }).await.unwrap_err();
        assert_eq!(error.to_string(), "the thread that asked has failed");
        let (release, hang) = channel::<()>();
        let asked = aside.run(PATIENCE, move || hang.recv().is_err());
        assert!(timeout(Duration::from_millis(20), asked).await.is_err());
        drop(release);
        assert_eq!(*aside.run(PATIENCE, || 7).await.unwrap(), 7);
    }
}
