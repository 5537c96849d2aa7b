//! A host of the fleet, with the real exporter on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::pretence::Pretence;
use super::process::{Ended, Launch, run};
use super::{PASSWORD, USER};

/// A host that can push.
#[derive(Clone)]
pub struct Host {
    url: String,
    ca: PathBuf,
    state: PathBuf,
    interval: Duration,
    troubles: Arc<Mutex<Vec<String>>>,
    /// None when it is the machine that runs the test.
    pretence: Option<Pretence>,
}

impl Host {
    pub(super) fn new(
        url: String,
        ca: PathBuf,
        folder: &Path,
        interval: Duration,
        troubles: Arc<Mutex<Vec<String>>>,
    ) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let state = folder.join(format!("exporter-state-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        Self { url, ca, state, interval, troubles, pretence: None }
    }

    /// Returns this with a pretended machine below it, whose CPU is busy for `load` of its time (0 to 1).
    ///
    /// For tests of alerts: what they expect must not depend on the machine that runs them.
    #[must_use]
    pub fn pretending(self, load: f64) -> Self {
        let pretence = Pretence::new(self.state.with_extension("proc"), load);
        Self { pretence: Some(pretence), ..self }
    }

    /// Returns how the exporter is started by this host's cron, for tests that change something of it.
    #[must_use]
    pub fn cron_line(&self) -> Launch {
        let mut arguments = vec!["push".to_owned(), "--state".to_owned(), self.state.display().to_string()];
        if let Some(pretence) = &self.pretence {
            pretence.go_on();
            let procfs = pretence.procfs.display().to_string();
            arguments.extend(["--procfs".to_owned(), procfs.clone(), "--sysfs".to_owned(), procfs]);
        }
        Launch::with(arguments)
            .env("PUSHGATEWAY_URL", &self.url)
            .env("PUSHGATEWAY_USER", USER)
            .env("PUSHGATEWAY_PASSWORD", PASSWORD)
            .env("PUSHGATEWAY_CACERT", self.ca.display().to_string())
    }

    /// Pushes once.
    pub async fn push(&self) -> Ended {
        run("noroshi-exporter", self.cron_line()).await
    }

    /// Pushes at once and then every minute of the world's own time, until the returned value is dropped.
    ///
    /// A push that fails fails the test at its next wait.
    #[must_use]
    pub fn keeps_pushing(&self) -> Pushing {
        let host = self.clone();
        Pushing(tokio::spawn(async move {
            let mut minutes = interval(host.interval);
            minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                minutes.tick().await;
                let ended = host.push().await;
                if ended.code != Some(0) {
                    let trouble = format!("a push to {} failed: {}", host.url, ended.stderr);
                    host.troubles.lock().unwrap_or_else(PoisonError::into_inner).push(trouble);
                }
            }
        }))
    }
}

/// A host that pushes while this lives.
pub struct Pushing(JoinHandle<()>);

impl Pushing {
    /// Stops pushing, as a host does that lost its power.
    pub fn falls_silent(self) {}
}

impl Drop for Pushing {
    fn drop(&mut self) {
        self.0.abort();
    }
}
