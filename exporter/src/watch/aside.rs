//! Questions to the kernel that it may never answer, asked on a thread of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// One question at a time: while one hangs no other is asked, or a daemon would gather threads that hang.
#[derive(Debug, Default)]
pub struct Aside {
    is_busy: Arc<AtomicBool>,
}

impl Aside {
    /// Returns the answer to `question`.
    ///
    /// # Errors
    /// When there is none within `limit`, or the one before still hangs.
    pub async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            bail!("the kernel has not answered since an earlier push");
        }
        let is_busy = Arc::clone(&self.is_busy);
        let answer = spawn_blocking(move || {
            let answer = question();
            is_busy.store(false, Ordering::Release);
            answer
        });
        timeout(limit, answer)
            .await
            .with_context(|| format!("the kernel did not answer within {limit:?}"))?
            .context("the thread that asked has failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn what_hangs_is_waited_for_once_and_not_asked_again_until_it_answers() {
        let aside = Aside::default();
        let (release, hang) = channel::<()>();
        let error = aside.run(Duration::from_millis(20), move || hang.recv()).await.unwrap_err();
        assert_eq!(error.to_string(), "the kernel did not answer within 20ms");
        let error = aside.run(Duration::from_secs(5), || ()).await.unwrap_err();
        assert_eq!(error.to_string(), "the kernel has not answered since an earlier push");
        drop(release);
        while aside.is_busy.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        assert_eq!(aside.run(Duration::from_secs(5), || 7).await.unwrap(), 7);
    }
}
