//! What must outlive the supervisor: the highest epoch, and when the bot was started.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::core::clock::{Moment, Span};
use crate::core::{Core, Starts};

/// The state file, and the lock that keeps a second supervisor of this site off this host.
pub(crate) struct Memory {
    path: PathBuf,
    _lock: File,
    kept: Kept,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    epoch: u64,
    /// Seconds since 1970.
    starts: Vec<u64>,
}

impl Memory {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let lock = path.with_extension("lock");
        let lock_file = File::options().create(true).truncate(false).write(true).open(&lock);
        let lock_file = lock_file.with_context(|| format!("cannot open {}", lock.display()))?;
        flock(&lock_file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            anyhow::anyhow!("another supervisor of this site runs on this host: it holds {}", lock.display())
        })?;
        // A state file that is gone or broken costs a little memory of starts; the epoch also stands in Redis.
        let kept = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self { path: path.to_owned(), _lock: lock_file, kept })
    }

    /// A file beside the state file, for what else must be kept.
    pub fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    pub fn epoch(&self) -> u64 {
        self.kept.epoch
    }

    pub fn starts(&self) -> Starts {
        let (now, unix) = (clock::now(), unix_now());
        let ago = |start: &u64| Span::from(Duration::from_secs(unix.saturating_sub(*start)));
        Starts::remembered(self.kept.starts.iter().map(|start| now - ago(start)))
    }

    /// Writes what has changed.
    pub fn keep(&mut self, core: &Core) -> anyhow::Result<()> {
        let (now, unix) = (clock::now(), unix_now());
        let at = |start: Moment| unix.saturating_sub((now - start).to_duration().as_secs());
        let starts: Vec<u64> = core.starts().times().map(at).collect();
        if self.kept.epoch == core.highest_epoch() && self.kept.starts.len() == starts.len() {
            return Ok(());
        }
        self.kept = Kept { epoch: core.highest_epoch(), starts };
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self.kept)?)?;
        file.sync_all()?;
        Ok(fs::rename(&new, &self.path)?)
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
