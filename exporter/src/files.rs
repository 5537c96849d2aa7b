//! The kernel's files, kept open from one look to the next.
//!
//! Most of what it costs to read a small file of the kernel's is to find and to open it, so whoever comes every 15 seconds keeps
//! it open and reads it from its beginning: these files are written anew for each reader. One that is gone, because a module
//! was unloaded or a device taken out, answers with an error, and is looked for once more.

mod text;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, RawDir};

use self::text::{Rooms, Text};
use crate::host::{Host, is_absence};
use crate::stat::Stat;
use crate::stuck::Stuck;

/// How many files are kept open of each tree: what every host has, and the attributes of ten network devices. Those of a
/// host with a hundred containers are opened each time, since the system allows 1024 files.
const KEPT: usize = 128;
/// What the kernel's smallest page holds. Of a table it hands out as many whole lines as fit into a page, so a piece that leaves
/// room for another line is the last one. What is no table comes whole, an attribute of a device too.
const PAGE_BYTES: usize = 4096;
/// Longer than any line of the tables that are read as text; those of mounts have no bound.
const LINE_BYTES: usize = 1024;
/// Room for the names of some twenty devices at a time.
const ENTRIES_BYTES: usize = 1024;

/// A host's trees, and the files of them that are open.
#[derive(Debug)]
pub struct Files {
    host: Host,
    proc: RefCell<Kept>,
    sys: RefCell<Kept>,
    rooms: Rooms,
    /// What was read in this look, for those who want it too.
    stat: RefCell<Option<Rc<Stat>>>,
    shared: RefCell<Vec<(&'static str, Rc<Text>)>>,
    boot_id: OnceCell<String>,
    stuck: Stuck,
    /// Files that are not the kernel's, with what tells whether they have changed.
    plain: RefCell<HashMap<PathBuf, (Version, Rc<str>)>>,
}

/// Open files by the name below their tree.
#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Box<str>, File>,
    /// What was in directories of devices when their files were opened.
    directories: HashMap<String, Vec<Device>>,
}

impl Kept {
    /// Reads `file` of the tree at `root` into `room`, which is empty.
    fn read(&mut self, root: &Path, file: &str, end: End, room: &mut Vec<u8>) -> io::Result<()> {
        // That it has no value is an answer too.
        let is_answer = |read: &io::Result<()>| match read {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::InvalidInput,
        };
        if let Some(open) = self.files.get(file) {
            let read = read_whole(open, room, end);
            if is_answer(&read) {
                return read;
            }
            self.files.remove(file);
            room.clear();
        }
        let open = File::open(root.join(file))?;
        let read = read_whole(&open, room, end);
        if is_answer(&read) && self.files.len() < KEPT {
            self.files.insert(file.into(), open);
        }
        read
    }
}

/// A device, and what tells it from another of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Device {
    name: String,
    inode: u64,
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
            rooms: Rooms::default(),
            stat: RefCell::default(),
            shared: RefCell::default(),
            boot_id: OnceCell::new(),
            stuck: Stuck::default(),
            plain: RefCell::default(),
        }
    }

    /// Begins a new look: what the one before has read is old.
    pub fn look_anew(&self) {
        *self.stat.borrow_mut() = None;
        self.shared.borrow_mut().clear();
    }

    /// Reads a file below procfs whose lines are shorter than a kilobyte, or that is no table.
    ///
    /// # Errors
    /// When it cannot be read; the error names it.
    pub fn read_proc(&self, file: &str) -> anyhow::Result<Text> {
        let read = self.read(&self.proc, &self.host.procfs, file, End::ShortPiece);
        read.map(|bytes| self.rooms.text(bytes)).with_context(|| self.unreadable(file))
    }

    /// Reads a file as [`Files::read_proc`] does, unless that was done in this look: others want to know the same.
    ///
    /// # Errors
    /// As [`Files::read_proc`].
    pub fn read_proc_once(&self, file: &'static str) -> anyhow::Result<Rc<Text>> {
        if let Some((_, text)) = self.shared.borrow().iter().find(|(read, _)| *read == file) {
            return Ok(Rc::clone(text));
        }
        let text = Rc::new(self.read_proc(file)?);
        self.shared.borrow_mut().push((file, Rc::clone(&text)));
        Ok(text)
    }

    /// Reads a file as [`Files::read_proc`] does, if this kernel has it.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read_proc_if_any(&self, file: &str) -> anyhow::Result<Option<Text>> {
        self.read_if_any(file, End::ShortPiece)
    }

    /// Reads a table below procfs whose lines may be of any length, if this kernel has it.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read_proc_to_end_if_any(&self, file: &str) -> anyhow::Result<Option<Text>> {
        self.read_if_any(file, End::Nothing)
    }

    fn read_if_any(&self, file: &str, end: End) -> anyhow::Result<Option<Text>> {
        match self.read(&self.proc, &self.host.procfs, file, end) {
            Ok(bytes) => Ok(Some(self.rooms.text(bytes))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error).with_context(|| self.unreadable(file)),
        }
    }

    /// Reads a table below procfs whose lines may be of any length, and need not be text.
    ///
    /// # Errors
    /// When it cannot be read; the error names it.
    pub fn read_proc_bytes(&self, file: &str) -> anyhow::Result<Vec<u8>> {
        self.read(&self.proc, &self.host.procfs, file, End::Nothing).with_context(|| self.unreadable(file))
    }

    /// Reads the attribute `name` of a device, which is a directory below sysfs; `None` when the device has no answer.
    ///
    /// [`Files::devices`] must have been asked for the directory that the device is in, in this look.
    pub fn read_attribute(&self, device: &str, name: &str) -> Option<Text> {
        let file = format!("{device}/{name}");
        let read = self.read(&self.sys, &self.host.sysfs, &file, End::ShortPiece);
        read.ok().map(|bytes| self.rooms.text(bytes))
    }

    /// Returns the names of the devices in `directory`, which is below sysfs; none where there is no such directory. Drivers keep
    /// files beside them, and those are no devices.
    ///
    /// A name may belong to another device than before: one was taken out, or renamed. Then the files that are open are not its
    /// own, and are closed.
    ///
    /// # Errors
    /// When the directory is there and cannot be read.
    pub fn devices(&self, directory: &str) -> anyhow::Result<Vec<String>> {
        let path = self.host.sysfs.join(directory);
        let present = match present(&path) {
            Ok(present) => present,
            Err(error) if is_absence(&error) => Vec::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut kept = self.sys.borrow_mut();
        if kept.directories.get(directory) != Some(&present) {
            let before = kept.directories.insert(directory.to_owned(), present.clone()).unwrap_or_default();
            for gone in before.iter().filter(|device| !present.contains(device)) {
                let prefix = format!("{directory}/{}/", gone.name);
                kept.files.retain(|file, _| !file.starts_with(&prefix));
            }
        }
        Ok(present.into_iter().map(|device| device.name).collect())
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
            let text = self.read_proc_if_any("sys/kernel/random/boot_id").ok().flatten();
            text.as_deref().unwrap_or_default().trim().to_owned()
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
    fn read(&self, kept: &RefCell<Kept>, root: &Path, file: &str, end: End) -> io::Result<Vec<u8>> {
        let mut room = self.rooms.take();
        match kept.borrow_mut().read(root, file, end, &mut room) {
            Ok(()) => Ok(room),
            Err(error) => {
                self.rooms.give(room);
                Err(error)
            }
        }
    }
}

/// Lists what is a directory, or a link to one as sysfs has them: such a link lives and is renamed with its device.
fn present(directory: &Path) -> io::Result<Vec<Device>> {
    let open = File::open(directory)?;
    let mut room = Vec::with_capacity(ENTRIES_BYTES);
    let mut entries = RawDir::new(&open, room.spare_capacity_mut());
    let mut devices = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(entry.file_type(), FileType::Directory | FileType::Symlink) && !matches!(name, b"." | b"..") {
            devices.push(Device { name: String::from_utf8_lossy(name).into_owned(), inode: entry.ino() });
        }
    }
    Ok(devices)
}

/// How one knows that a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A piece came that had room for more.
    ShortPiece,
    /// Nothing more came.
    Nothing,
}

/// Reads `file` from its beginning into `room`, which is empty and grows as it must.
fn read_whole(file: &File, room: &mut Vec<u8>, end: End) -> io::Result<()> {
    loop {
        if room.len() == room.capacity() {
            room.reserve(room.len());
        }
        let before = room.len();
        match rustix::io::pread(file, spare_capacity(room), before as u64) {
            Ok(0) => return Ok(()),
            Ok(count) if end == End::ShortPiece && count < PAGE_BYTES - LINE_BYTES && room.len() < room.capacity() => {
                return Ok(());
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn version(metadata: &Metadata) -> Version {
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    (metadata.dev(), metadata.ino(), metadata.size(), modified.0, modified.1, changed.0, changed.1)
}

#[cfg(test)]
mod tests;
