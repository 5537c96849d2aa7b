//! Commands that are run when the lease comes and goes, bounded in time.

use std::process::Stdio;
use std::time::Duration;

use tracing::warn;

use crate::clock;
use crate::core::clock::Moment;

/// One command, which gets `FAILOVER_EPOCH`, `FAILOVER_HOOK` and `SITE_ID` in its environment.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub name: &'static str,
    pub command: Vec<String>,
    pub timeout: Duration,
    pub site: String,
}

impl Hook {
    /// Runs it, if there is one; returns whether all is well. It is killed at `deadline` at the latest.
    pub async fn run(&self, epoch: u64, deadline: Moment) -> bool {
        let Some((program, arguments)) = self.command.split_first() else { return true };
        let left = (deadline - clock::now()).to_duration();
        let child = tokio::process::Command::new(program)
            .args(arguments)
            .env("FAILOVER_EPOCH", epoch.to_string())
            .env("FAILOVER_HOOK", self.name)
            .env("SITE_ID", &self.site)
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .kill_on_drop(true)
            .process_group(0)
            .status();
        match tokio::time::timeout(self.timeout.min(left), child).await {
            Ok(Ok(status)) if status.success() => return true,
            Ok(Ok(status)) => warn!("the {} hook failed: {status}", self.name),
            Ok(Err(error)) => warn!("the {} hook cannot be run: {error}", self.name),
            Err(_) => warn!("the {} hook took too long and was killed", self.name),
        }
        false
    }
}
