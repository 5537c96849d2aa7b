//! The kernel's files, kept open from one look to the next.
//!
//! Most of what it costs to read a small file of the kernel's is to find and to open it, so whoever comes every 15 seconds keeps
//! it open and reads it from its beginning: these files are written anew for each reader. One that is gone, because a module
//! was unloaded or a device taken out, answers with an error, and is looked for once more.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;

use crate::host::{Host, is_absence};
use crate::stat::Stat;
use crate::stuck::Stuck;

/// How many files are kept open of each tree: what every host has, and the attributes of ten network devices. Those of a
/// host with a hundred containers are opened each time, since the system allows 1024 files.
const KEPT: usize = 128;
/// What the attribute of a device has room for: it is read whole at once.
const ATTRIBUTE_BYTES: usize = 4096;

/// A host's trees, and the files of them that are open.
#[derive(Debug)]
pub struct Files {
    host: Host,
    proc: RefCell<Kept>,
    sys: RefCell<Kept>,
    buffer: RefCell<Vec<u8>>,
    /// What was read in this look, for those who want it too.
    stat: RefCell<Option<Rc<Stat>>>,
    boot_id: OnceCell<String>,
    stuck: Stuck,
    /// Files that are not the kernel's, with what tells whether they have changed.
    plain: RefCell<HashMap<PathBuf, (Version, Rc<str>)>>,
}

/// Open files by the name below their tree.
#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Box<str>, File>,
    /// Directories by the same kind of name, as they were when their files were opened.
    directories: HashMap<Box<str>, u64>,
}

/// What changes when a file is written or replaced.
type Version = (u64, u64, u64, i64, i64, i64, i64);

/// The paths of the trees.
impl Deref for Files {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Files {
    /// Opens nothing yet.
    #[must_use]
    pub fn of(host: Host) -> Self {
        Self {
            host,
            proc: RefCell::default(),
            sys: RefCell::default(),
            // More than most files have.
            buffer: RefCell::new(vec![0; 8 * 1024]),
            stat: RefCell::default(),
            boot_id: OnceCell::new(),
            stuck: Stuck::default(),
            plain: RefCell::default(),
        }
    }

    /// Begins a new look: what the one before has read is old.
    pub fn look_anew(&self) {
        *self.stat.borrow_mut() = None;
    }

    /// Reads a file below procfs.
    ///
    /// # Errors
    /// When it cannot be read; the error names it.
    pub fn read_proc(&self, file: &str) -> anyhow::Result<String> {
        self.read_proc_bytes(file).map(text)
    }

    /// Reads a file below procfs that need not be text.
    ///
    /// # Errors
    /// When it cannot be read; the error names it.
    pub fn read_proc_bytes(&self, file: &str) -> anyhow::Result<Vec<u8>> {
        self.read(&self.proc, &self.host.procfs, file, usize::MAX).with_context(|| self.unreadable(file))
    }

    /// Reads a file below procfs that not every kernel has; `None` where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read_proc_if_any(&self, file: &str) -> anyhow::Result<Option<String>> {
        match self.read(&self.proc, &self.host.procfs, file, usize::MAX) {
            Ok(bytes) => Ok(Some(text(bytes))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error).with_context(|| self.unreadable(file)),
        }
    }

    /// Reads the attribute `name` of a device, which is a directory below sysfs; `None` when the device has no answer.
    ///
    /// [`Files::is_device`] must have been asked about the directory in this look.
    pub fn read_attribute(&self, device: &str, name: &str) -> Option<String> {
        let file = format!("{device}/{name}");
        self.read(&self.sys, &self.host.sysfs, &file, ATTRIBUTE_BYTES).ok().map(text)
    }

    /// Returns whether there is a directory of this name below sysfs. When it is another one than before (a device that was
    /// renamed, another under its old name), its files are not those that are open.
    pub fn is_device(&self, device: &str) -> bool {
        let metadata = std::fs::metadata(self.host.sysfs.join(device)).ok().filter(Metadata::is_dir);
        let inode = metadata.as_ref().map(Metadata::ino);
        let mut kept = self.sys.borrow_mut();
        if kept.directories.get(device).copied() != inode {
            let prefix = format!("{device}/");
            kept.files.retain(|file, _| !file.starts_with(&prefix));
            match inode {
                Some(inode) => kept.directories.insert(device.into(), inode),
                None => kept.directories.remove(device),
            };
        }
        inode.is_some()
    }

    /// Closes the files of all devices in `directory`, below sysfs, but for `present` ones.
    pub fn forget_others(&self, directory: &str, present: &[String]) {
        let mut kept = self.sys.borrow_mut();
        if kept.directories.len() <= present.len() {
            return;
        }
        let is_gone = |device: &str| {
            let name = device.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| !present.iter().any(|present| present == name))
        };
        let device_of = |file: &str| file.match_indices('/').nth(2).map_or(file.len(), |(end, _)| end);
        kept.directories.retain(|device, _| !is_gone(device));
        kept.files.retain(|file, _| !is_gone(&file[..device_of(file)]));
    }

    /// Returns what /proc/stat says in this look.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn stat(&self) -> anyhow::Result<Rc<Stat>> {
        if let Some(stat) = &*self.stat.borrow() {
            return Ok(Rc::clone(stat));
        }
        let stat = Rc::new(Stat::parse(&self.read_proc("stat")?)?);
        *self.stat.borrow_mut() = Some(Rc::clone(&stat));
        Ok(stat)
    }

    /// Returns the kernel's name for this boot; empty where it has none.
    pub fn boot_id(&self) -> &str {
        self.boot_id.get_or_init(|| {
            let text = self.read_proc_if_any("sys/kernel/random/boot_id").ok().flatten().unwrap_or_default();
            text.trim().to_owned()
        })
    }

    /// Returns the mounts that have not answered since an earlier look.
    pub fn stuck(&self) -> &Stuck {
        &self.stuck
    }

    /// Reads a file that is no kernel's, unless it is as it was; `None` where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read_plain_if_any(&self, path: &Path) -> anyhow::Result<Option<Rc<str>>> {
        let version = match std::fs::metadata(path) {
            Ok(metadata) => version(&metadata),
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        if let Some((known, text)) = self.plain.borrow().get(path)
            && *known == version
        {
            return Ok(Some(Rc::clone(text)));
        }
        // Should it be replaced just now, the next look finds another version.
        let Some(text) = crate::host::read_if_any(path)? else { return Ok(None) };
        let text: Rc<str> = text.into();
        self.plain.borrow_mut().insert(path.to_owned(), (version, Rc::clone(&text)));
        Ok(Some(text))
    }

    fn unreadable(&self, file: &str) -> String {
        format!("cannot read {}", self.host.procfs.join(file).display())
    }

    /// Reads `file` of the tree at `root`.
    fn read(&self, kept: &RefCell<Kept>, root: &Path, file: &str, whole_below: usize) -> io::Result<Vec<u8>> {
        let (mut kept, mut buffer) = (kept.borrow_mut(), self.buffer.borrow_mut());
        if let Some(open) = kept.files.get(file) {
            match read_whole(open, &mut buffer, whole_below) {
                // That it has no value is an answer too.
                Err(error) if error.kind() != ErrorKind::InvalidInput => drop(kept.files.remove(file)),
                other => return other.map(|length| buffer[..length].to_vec()),
            }
        }
        let open = File::open(root.join(file))?;
        let read = read_whole(&open, &mut buffer, whole_below);
        let is_answer = read.as_ref().map_or_else(|error| error.kind() == ErrorKind::InvalidInput, |_| true);
        if is_answer && kept.files.len() < KEPT {
            kept.files.insert(file.into(), open);
        }
        read.map(|length| buffer[..length].to_vec())
    }
}

/// Reads `file` from its beginning into `buffer`, which grows as it must, and returns how much that is. A piece shorter than
/// `whole_below` is known to be all of it.
fn read_whole(file: &File, buffer: &mut Vec<u8>, whole_below: usize) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            buffer.resize(length * 2, 0);
        }
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(count) if length == 0 && whole_below != usize::MAX && count < whole_below => return Ok(count),
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A device may bear a name that is no UTF-8: what is odd about it is replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn version(metadata: &Metadata) -> Version {
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    (metadata.dev(), metadata.ino(), metadata.size(), modified.0, modified.1, changed.0, changed.1)
}

#[cfg(test)]
mod tests;
