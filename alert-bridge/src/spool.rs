//! Notes that could not be handed over, one file each: the bridge was away, so they wait on this machine.
//!
//! A file appears whole or not at all, and goes only when somebody else has its content. Whoever sends next takes along what
//! waits; so does the bridge, when it uses the same directory. Each note bears a key, so a note that is handed over twice,
//! because somebody died in between, is told once.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::CancellationToken;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::intake::Intake;
use crate::note::Note;

/// Notes that wait at most.
pub const FILES_LIMIT: usize = 1000;
/// Bytes that they take at most.
pub const BYTES_LIMIT: u64 = 16 * 1024 * 1024;
/// A longer file is none of ours.
const FILE_LIMIT_BYTES: u64 = 4 * 1024 * 1024;
const ENDING: &str = "json";
/// How long a note may wait although the bridge is there.
const PICK_UP_INTERVAL: Duration = Duration::from_secs(5);

/// One note on its way, with what it is recognised by.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Letter {
    /// The same whenever this note is handed over again.
    pub key: String,
    /// What it says.
    pub note: Note,
}

/// Why a note cannot wait here.
#[derive(Debug, thiserror::Error)]
pub enum SpoolTrouble {
    /// No room.
    #[error("{0} is full: {FILES_LIMIT} notes or {mib} MiB wait there already", mib = BYTES_LIMIT / 1024 / 1024)]
    Full(PathBuf),
    /// The directory or a file in it.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The directory.
#[derive(Clone, Debug)]
pub struct Spool {
    directory: PathBuf,
}

impl Spool {
    /// Uses `directory`, which need not be there.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Returns where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts `letter` down, and returns once it is on disk. One with the same key that waits already is enough.
    ///
    /// # Errors
    /// When there is no room or the disk does not take it.
    pub fn put(&self, letter: &Letter) -> Result<PathBuf, SpoolTrouble> {
        // What is said here is for whoever may read the channel, so not for everybody on this machine.
        let made = DirBuilder::new().recursive(true).mode(0o750).create(&self.directory);
        made.map_err(|source| self.io("make", &self.directory, source))?;
        let mark = mark(&letter.key);
        let waiting = self.waiting()?;
        if let Some(same) = waiting.iter().find(|path| stem(path).ends_with(&mark)) {
            return Ok(same.clone());
        }
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let text = serde_json::to_vec(letter).map_err(|error| self.io("write", &self.directory, error.into()))?;
        if waiting.len() >= FILES_LIMIT || waiting.iter().map(size).sum::<u64>() + text.len() as u64 > BYTES_LIMIT {
            return Err(SpoolTrouble::Full(self.directory.clone()));
        }
        // By the time at which it was said: the oldest is told first.
        let name = format!("{:020}-{mark}", letter.note.said.as_nanosecond().max(0));
        let (path, part) =
            (self.directory.join(format!("{name}.{ENDING}")), self.directory.join(format!(".{name}.part")));
        let written = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&part)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        written().map_err(|source| self.io("write", &path, source))?;
        Ok(path)
    }

    /// Returns the files that wait, oldest first. No directory is an empty one.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn waiting(&self) -> Result<Vec<PathBuf>, SpoolTrouble> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| self.io("read", &self.directory, source))?,
        };
        let ours = |path: &PathBuf| path.extension() == Some(OsStr::new(ENDING)) && !stem(path).starts_with('.');
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(ours).collect();
        files.sort();
        Ok(files)
    }

    /// Reads a file that waits; nothing when it has gone meanwhile, or holds no note and was set aside for that.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &Path) -> Result<Option<Letter>, SpoolTrouble> {
        let long = fs::metadata(path).is_ok_and(|file| file.len() > FILE_LIMIT_BYTES);
        let text = match if long { Ok(Vec::new()) } else { fs::read(path) } {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| self.io("read", path, source))?,
        };
        match serde_json::from_slice(&text) {
            Ok(letter) => Ok(Some(letter)),
            Err(error) => {
                let aside = path.with_extension("bad");
                warn!("{} holds no note ({error}); it is called {} from now on", path.display(), aside.display());
                fs::rename(path, &aside).map_err(|source| self.io("rename", path, source))?;
                Ok(None)
            }
        }
    }

    /// Takes away a file whose content somebody else has now.
    ///
    /// # Errors
    /// When it cannot be removed; it will then be handed over again, and recognised by its key.
    pub fn remove(&self, path: &Path) -> Result<(), SpoolTrouble> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io("remove", path, error)),
            _ => Ok(()),
        }
    }

    /// Makes sure that nobody else empties it meanwhile; nothing when somebody does.
    #[must_use]
    pub fn lock(&self) -> Option<File> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o640)
            .open(self.directory.join(".lock"))
            .ok()?;
        file.try_lock().is_ok().then_some(file)
    }

    fn io(&self, doing: &'static str, path: &Path, source: io::Error) -> SpoolTrouble {
        SpoolTrouble::Io { doing, path: path.to_owned(), source }
    }
}

/// Takes notes that wait in `spool` into the bridge, now and whenever one has come, until `stop`.
pub async fn pick_up(spool: Spool, intake: Intake, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PICK_UP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => match take_in(&spool, &intake).await {
                Ok(0) => {}
                Ok(count) => info!("took in {count} notes that had waited in {}", spool.directory.display()),
                Err(trouble) => warn!("cannot take in what waits in {}: {trouble}", spool.directory.display()),
            },
        }
    }
}

async fn take_in(spool: &Spool, intake: &Intake) -> anyhow::Result<usize> {
    let waiting = spool.waiting()?;
    // Nothing waits, or somebody else is at it.
    let Some(_lock) = (if waiting.is_empty() { None } else { spool.lock() }) else { return Ok(0) };
    let mut taken = 0;
    for path in waiting {
        let Some(letter) = spool.read(&path)? else { continue };
        // Should we end before it is removed, its key tells that we have it.
        intake.note_with(&letter.note, Some(&letter.key)).await?;
        spool.remove(&path)?;
        taken += 1;
    }
    Ok(taken)
}

/// Returns a key that no other note has.
#[must_use]
pub fn new_key() -> String {
    let mut bytes = [0; 16];
    // Without randomness it is the moment that tells notes apart.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = jiff::Timestamp::now().as_nanosecond().to_le_bytes();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(OsStr::to_str).unwrap_or_default()
}

/// A key may hold anything, and a file's name not.
fn mark(key: &str) -> String {
    let digest = digest::digest(&digest::SHA256, key.as_bytes());
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Level;
    use jiff::Timestamp;

    fn letter(key: &str, second: i64) -> Letter {
        let said = Timestamp::from_second(second).unwrap();
        Letter { key: key.to_owned(), note: Note::new(Level::Warning, "T", "text", said) }
    }

    #[test]
    fn what_waits_comes_out_as_it_went_in_oldest_first() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(parent.path().join("a/b"));
        assert!(spool.waiting().unwrap().is_empty());
        spool.put(&letter("b", 2)).unwrap();
        spool.put(&letter("a", 1)).unwrap();

        let waiting = spool.waiting().unwrap();
        let read: Vec<_> = waiting.iter().map(|path| spool.read(path).unwrap().unwrap()).collect();
        assert_eq!(read, [letter("a", 1), letter("b", 2)]);
        spool.remove(&waiting[0]).unwrap();
        spool.remove(&waiting[0]).unwrap();
        assert_eq!(spool.waiting().unwrap().len(), 1);
    }

    #[test]
    fn a_note_that_is_sent_again_waits_once() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(parent.path());
        assert_eq!(spool.put(&letter("epoch/7", 1)).unwrap(), spool.put(&letter("epoch/7", 9)).unwrap());
        assert_eq!(spool.waiting().unwrap().len(), 1);
    }

    #[test]
    fn the_directory_has_an_end() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(parent.path());
        for number in 0..FILES_LIMIT {
            fs::write(parent.path().join(format!("{number}.json")), "{}").unwrap();
        }
        assert!(matches!(spool.put(&letter("x", 1)), Err(SpoolTrouble::Full(_))));
    }

    #[test]
    fn what_is_no_note_is_set_aside_and_half_a_file_is_not_looked_at() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(parent.path());
        fs::write(parent.path().join("1.json"), "half").unwrap();
        fs::write(parent.path().join(".2.part"), "half").unwrap();
        let waiting = spool.waiting().unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(spool.read(&waiting[0]).unwrap(), None);
        assert!(parent.path().join("1.bad").exists() && spool.waiting().unwrap().is_empty());
    }

    #[test]
    fn only_one_empties_it_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(parent.path());
        let held = spool.lock().unwrap();
        assert!(spool.lock().is_none());
        drop(held);
        assert!(spool.lock().is_some());
    }
}
