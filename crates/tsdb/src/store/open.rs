//! Opening a store: what is on disk, and what to do about what does not read.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use tracing::{error, info, warn};

use super::{Damage, Found, Store, Upkeep, View, Writer};
use crate::block::{Block, Name, set_aside};
use crate::commit::{Commit, Keeper};
use crate::error::Error;
use crate::head::Head;
use crate::index::{Index, SeriesId};
use crate::log::{self, Entry, Log};
use crate::options::{Options, Sync};
use crate::stats::{Counters, add};

/// Where the next store's epochs begin: a number that another store has given means nothing.
static EPOCHS: AtomicU64 = AtomicU64::new(0);

impl Store {
    /// Opens the store in a directory, which is made if there is none, and says what of it did not read.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process has it. Damage is no error: what reads is served.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Found), Error> {
        fs::create_dir_all(dir).map_err(Error::io("make the directory", dir))?;
        let lock = lock(dir)?;
        let mut found = Found::default();
        let mut index = Index::default();
        let (blocks, sequence) = open_blocks(dir, &mut index, &mut found)?;
        let replayed = Replayed::new(dir, &mut index, &mut found)?;

        let commit = Arc::new(Commit::default());
        let keeper = match options.sync {
            Sync::Every(interval) => Some(Keeper::start(&commit, interval).map_err(Error::io("keep", dir))?),
            Sync::Always | Sync::Never => None,
        };
        let has_damage = !replayed.damaged_segments.is_empty();
        let store = Self {
            dir: dir.to_owned(),
            options,
            index: RwLock::new(index),
            view: RwLock::new(Arc::new(View { blocks, frozen: None, active: Arc::new(replayed.head) })),
            writer: Mutex::new(Writer {
                log: Log::new(dir, replayed.last),
                born: replayed.born,
                frozen_segment: 0,
                records: Vec::new(),
                chosen: Vec::new(),
            }),
            upkeep: Mutex::new(Upkeep { sequence, damaged_segments: replayed.damaged_segments }),
            epoch: AtomicU64::new(EPOCHS.fetch_add(1 << 32, Ordering::Relaxed)),
            commit,
            counters: Counters::default(),
            _keeper: keeper,
            _lock: lock,
        };
        add(&store.counters.damaged, found.damage.len().saturating_sub(store.damage_in_blocks()) as u64);
        if has_damage {
            // First what was read is safe, then the file it came from leaves its place.
            match store.flush() {
                Ok(()) => found.set_aside.extend(set_aside_segments(dir)),
                Err(reason) => warn!("what a damaged log holds cannot be written anew yet: {reason}"),
            }
        }
        let stats = store.stats();
        info!(
            "opened {}: {} series, {} samples, {} block(s)",
            dir.display(),
            stats.series,
            stats.samples,
            stats.blocks
        );
        Ok((store, found))
    }

    fn damage_in_blocks(&self) -> usize {
        self.view().blocks.iter().map(|block| block.damaged_records()).sum()
    }
}

fn set_aside_segments(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("log-") && name.contains(".damaged")
    };
    all.filter(is_one).collect()
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(Error::Io { doing: "lock", path, source }),
    }
}

/// Opens all blocks, and returns the highest number that one of them has or had.
fn open_blocks(dir: &Path, index: &mut Index, found: &mut Found) -> Result<(Vec<Arc<Block>>, u64), Error> {
    let mut named = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            // It was being written when the process ended; what it was made of is still there.
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        } else if let Some(name) = Name::of(&path) {
            named.push((name, path));
        }
    }
    named.sort();
    let mut sequence = named.iter().map(|(name, _)| name.sequence).max().unwrap_or(0);
    let mut blocks = Vec::new();
    for (name, path) in named {
        match open_block(&path, name, index, found) {
            Ok(Some(block)) => blocks.push(block),
            Ok(None) => {}
            Err(reason) => {
                error!("cannot read {}: it is left out: {reason}", path.display());
                found.damage.push(Damage { file: path, offset: 0, bytes: 0 });
            }
        }
    }
    // A number that a merged block says it replaces must not be given to another block.
    let gone = blocks.iter().flat_map(|block| &block.about.replaces).map(|name| name.sequence).max();
    sequence = sequence.max(gone.unwrap_or(0));
    // A merge was ended by a kill before its sources were removed. If it did not come out whole, they stay beside it.
    let whole = blocks.iter().filter(|block| block.damaged_records() == 0);
    let replaced: HashSet<Name> = whole.flat_map(|block| block.about.replaces.iter().copied()).collect();
    let is_replaced = |block: &Block| replaced.contains(&block.name);
    for block in blocks.iter().filter(|block| is_replaced(block)) {
        found.set_aside.extend(block.discard().map_err(Error::io("remove", &block.path))?);
    }
    blocks.retain(|block| !is_replaced(block));
    Ok((blocks.into_iter().map(Arc::new).collect(), sequence))
}

fn open_block(path: &Path, name: Name, index: &mut Index, found: &mut Found) -> io::Result<Option<Block>> {
    let (block, table) = Block::open(path, name, |series| index.intern(&series.labels).ok())?;
    for (offset, bytes) in &table.damage {
        error!("{}: {bytes} bytes at {offset} are damaged", path.display());
    }
    let damage = table.damage.iter().map(|&(offset, bytes)| Damage { file: path.to_owned(), offset, bytes });
    found.damage.extend(damage);
    if block.ids().next().is_none() && !table.damage.is_empty() {
        found.set_aside.push(set_aside(path)?);
        return Ok(None);
    }
    Ok(Some(block))
}

/// What the log says.
struct Replayed {
    head: Head,
    /// The highest number of a segment.
    last: u64,
    born: Option<i64>,
    damaged_segments: Vec<PathBuf>,
}

impl Replayed {
    fn new(dir: &Path, index: &mut Index, found: &mut Found) -> Result<Self, Error> {
        let segments = log::segments(dir).map_err(Error::io("list", dir))?;
        let last = segments.last().map_or(0, |(number, _)| *number);
        let mut replayed = Self { head: Head::new(), last, born: None, damaged_segments: Vec::new() };
        for (number, path) in segments {
            replayed.segment(number, &path, index, found).map_err(Error::io("read", &path))?;
        }
        Ok(replayed)
    }

    fn segment(&mut self, number: u64, path: &Path, index: &mut Index, found: &mut Found) -> io::Result<()> {
        let (file, length) = log::open(path)?;
        let mut head = self.head.write();
        let mut ids: HashMap<u32, SeriesId> = HashMap::new();
        let (mut begun, mut is_empty, mut nameless) = (None, true, 0);
        let mut gaps = log::replay(&file, length, |entry| match entry {
            Entry::Header { now } => begun = Some(now),
            Entry::Series(own, labels) => {
                ids.extend(index.intern(&labels).ok().map(|id| (own, id)));
            }
            Entry::Samples(samples) => {
                is_empty = false;
                for (own, sample) in samples {
                    match ids.get(&own) {
                        // What was refused when it came is refused again.
                        Some(id) => drop(head.push(*id, sample, number)),
                        None => nameless += 1,
                    }
                }
            }
        })?;
        drop(head);
        if !is_empty {
            self.born = self.born.or(begun);
        }
        found.nameless_samples += nameless;

        // Only the last segment can have been cut short.
        if number == self.last
            && let Some((offset, bytes)) = gaps.tail.take()
        {
            warn!("{}: the last {bytes} bytes are half written and cut off", path.display());
            OpenOptions::new().write(true).open(path)?.set_len(offset)?;
            found.torn = Some(Damage { file: path.to_owned(), offset, bytes });
        }
        let gaps: Vec<(u64, u64)> = gaps.damage.into_iter().chain(gaps.tail).collect();
        if !gaps.is_empty() || nameless > 0 {
            self.damaged_segments.push(path.to_owned());
        } else if is_empty {
            fs::remove_file(path)?;
        }
        for (offset, bytes) in gaps {
            error!("{}: {bytes} bytes at {offset} are damaged: what they said is lost", path.display());
            found.damage.push(Damage { file: path.to_owned(), offset, bytes });
        }
        Ok(())
    }
}
