//! The files of a store: a snapshot, and the log of what happened since.
//!
//! ```text
//! DATA/lock                 one process at a time
//! DATA/snapshot-00000007    all groups as they were when log 7 began
//! DATA/log-00000007 …       every change since, in its order
//! DATA/….damaged-<time>     what could not be read, as it was found
//! ```
//!
//! A file that is damaged is never written to again: what can be read of it is read, all of it goes into a new snapshot, and
//! the file is set aside under another name.

mod reading;
mod writing;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, bail};
use tracing::{error, info};

use self::reading::{numbers, read_snapshot, replay, salvage};
use self::writing::{remove_before, write_snapshot};
use crate::store::group::Group;
use crate::store::record::{self, HEADER_BYTES};
use crate::store::state::State;

const LOG: u8 = b'L';
const SNAPSHOT: u8 = b'S';
/// Room is made for so much at once; see [`Disk::make_room`].
const ROOM_BYTES: u64 = 256 * 1024;

/// The log that is being written.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    /// None while the disk takes no new file.
    log: Option<File>,
    number: u64,
    /// Up to here all is well.
    offset: u64,
    /// Up to here the log is written: behind `offset` with [`record::ROOM`].
    room: u64,
    makes_room: bool,
    /// Files that are damaged and in their places still, until what was read of them is written elsewhere.
    damaged: Arc<Mutex<Vec<PathBuf>>>,
    /// Held for as long as the store is open.
    _lock: File,
}

/// What was found at a start.
#[derive(Debug, Default)]
pub struct Found {
    /// Files that were damaged, under the names that they have now.
    pub damaged: Vec<PathBuf>,
    /// Why nothing can be written at present, if so.
    pub trouble: Option<io::Error>,
}

impl Disk {
    /// Reads all that is there into `state`, and begins a new log. A full disk is no reason not to serve what it holds.
    ///
    /// `makes_room` is for those who [`sync`](Self::sync) after each write.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process has it.
    pub fn open(dir: &Path, makes_room: bool, state: &mut State) -> anyhow::Result<(Self, Found)> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make the data directory {}", dir.display()))?;
        let lock = lock(dir)?;
        let (snapshots, logs) = (numbers(dir, "snapshot-")?, numbers(dir, "log-")?);
        let mut damaged = Vec::new();
        let mut found = Found::default();

        let mut base = 0;
        for number in snapshots.iter().rev() {
            let path = path(dir, "snapshot-", *number);
            match read_snapshot(&path)? {
                Ok(groups) => {
                    groups.into_iter().for_each(|record| record.apply(state));
                    base = *number;
                    break;
                }
                Err(broken) => {
                    error!("{} is damaged ({broken:?}): an older one is looked for", path.display());
                    damaged.push(path);
                }
            }
        }
        // Without its snapshot, the part of a damaged one that reads is better than nothing.
        if base == 0
            && let Some(path) = damaged.first()
        {
            salvage(path, state)?;
        }
        for number in logs.iter().filter(|number| **number >= base || base == 0) {
            let path = path(dir, "log-", *number);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if let Err(broken) = replay(&bytes, state) {
                error!("{} is damaged ({broken:?}): what can be read of it was read", path.display());
                damaged.push(path);
            }
        }

        let number = snapshots.iter().chain(&logs).max().copied().unwrap_or(0);
        let has_damage = !damaged.is_empty();
        let damaged = Arc::new(Mutex::new(damaged));
        let mut disk =
            Self { dir: dir.to_owned(), log: None, number, offset: 0, room: 0, makes_room, damaged, _lock: lock };
        let begun = if has_damage {
            // First what was read is safe, then the file it came from leaves its place.
            disk.rotate(state).and_then(Snapshot::write).map(|written| found.damaged = written.set_aside)
        } else {
            disk.begin_log()
        };
        found.trouble = begun.err();
        info!("opened {}: {} group(s)", dir.display(), state.group_count());
        Ok((disk, found))
    }

    /// Begins the next log.
    fn begin_log(&mut self) -> io::Result<()> {
        let number = self.number + 1;
        self.log = Some(new_log(&self.dir, number)?);
        self.number = number;
        self.offset = HEADER_BYTES as u64;
        self.room = self.offset;
        Ok(())
    }

    fn log(&self) -> io::Result<&File> {
        self.log.as_ref().ok_or_else(|| io::Error::other("there is no log to write to"))
    }

    /// Adds records to the log: all of them or, as far as anybody will ever read, none.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let end = self.offset + records.len() as u64;
        if self.makes_room && end > self.room {
            self.make_room(end)?;
        }
        let log = self.log()?;
        let written = log.write_all_at(records, self.offset);
        if written.is_err() {
            // Half a record would look as if the process had been killed. The next write covers it, if this does not help.
            self.give_room_back();
        } else {
            self.offset = end;
            // Where there was no room for room, the records are all there is.
            self.room = self.room.max(end);
        }
        written
    }

    /// Writes ahead of the records, up to `end` and beyond.
    ///
    /// Forced to the medium, a record that stands in their place is written and nothing else; a file that has grown needs
    /// its new length and the places of its blocks written as well, which costs several times as much.
    fn make_room(&mut self, end: u64) -> io::Result<()> {
        let room = end.next_multiple_of(ROOM_BYTES);
        let filling = vec![record::ROOM; usize::try_from(room - self.room).map_err(io::Error::other)?];
        if self.log()?.write_all_at(&filling, self.room).is_ok() {
            self.room = room;
        } else {
            // There may be room for the record yet.
            self.give_room_back();
        }
        Ok(())
    }

    fn give_room_back(&mut self) {
        if let Some(log) = &self.log {
            let _ = log.set_len(self.offset);
        }
        self.room = self.offset;
    }

    /// Sees whether the disk would take so many bytes, and leaves the log as it was.
    ///
    /// # Errors
    /// When it would not.
    pub fn probe(&mut self, bytes: usize) -> io::Result<()> {
        let log = self.log()?;
        let tried = log.write_all_at(&vec![record::ROOM; bytes], self.offset).and_then(|()| log.sync_data());
        let cleared = log.set_len(self.offset);
        self.room = self.offset;
        tried.and(cleared)
    }

    /// Forces the log to the medium.
    ///
    /// # Errors
    /// When the medium does not take it. What was written before may be lost then, whatever a second try says.
    pub fn sync(&self) -> io::Result<()> {
        self.log()?.sync_data()
    }

    /// Returns how long the log is.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.offset
    }

    /// Begins a new log, and returns what writes the snapshot that goes with it: the groups as they are now.
    ///
    /// # Errors
    /// When the disk takes no new file.
    pub fn rotate(&mut self, state: &State) -> io::Result<Snapshot> {
        // An empty one will do: while the disk is full, this is tried every second.
        if self.log.is_none() || self.offset > HEADER_BYTES as u64 {
            self.give_room_back();
            self.begin_log()?;
        }
        let (dir, damaged) = (self.dir.clone(), Arc::clone(&self.damaged));
        Ok(Snapshot { dir, number: self.number, groups: groups(state), damaged })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.give_room_back();
    }
}

/// A snapshot to be written, away from the log.
#[derive(Debug)]
pub struct Snapshot {
    dir: PathBuf,
    number: u64,
    groups: Vec<Arc<Group>>,
    damaged: Arc<Mutex<Vec<PathBuf>>>,
}

/// What was done for a snapshot.
#[derive(Debug)]
pub struct Written {
    /// Its bytes.
    pub bytes: u64,
    /// Damaged files that left their places, under the names that they have now.
    pub set_aside: Vec<PathBuf>,
}

impl Snapshot {
    /// Writes it, sets damaged files aside and removes the others that it replaces.
    ///
    /// # Errors
    /// When the disk does not take it; the files that it would replace are still there then.
    pub fn write(self) -> io::Result<Written> {
        let bytes = write_snapshot(&self.dir, self.number, &self.groups)?;
        let mut aside = Vec::new();
        {
            let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(path) = damaged.last() {
                aside.push(set_aside(path)?);
                damaged.pop();
            }
        }
        remove_before(&self.dir, self.number)?;
        Ok(Written { bytes, set_aside: aside })
    }
}

fn groups(state: &State) -> Vec<Arc<Group>> {
    state.slots().iter().flatten().cloned().collect()
}

fn path(dir: &Path, prefix: &str, number: u64) -> PathBuf {
    dir.join(format!("{prefix}{number:08}"))
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("lock");
    let file = private(true).create(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("cannot write in the data directory {}", dir.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another process has the data directory {}; stop it first, or give this one its own", dir.display())
        }
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Files that nobody else may read: labels and values may tell more of a host than others should know.
fn private(write: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(write).mode(0o600);
    options
}

fn new_log(dir: &Path, number: u64) -> io::Result<File> {
    let path = path(dir, "log-", number);
    let file = private(true).create_new(true).open(&path)?;
    let begun = file.write_all_at(&record::header(LOG, number), 0).and_then(|()| file.sync_all());
    if let Err(error) = begun.and_then(|()| sync_dir(dir)) {
        // Nothing is in it, and the next try wants the name.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(file)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Gives a damaged file another name, and returns it.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".damaged-{time}"));
    let aside = PathBuf::from(name);
    fs::rename(path, &aside)?;
    error!("{} was set aside as {}", path.display(), aside.display());
    Ok(aside)
}

#[cfg(test)]
mod tests;
