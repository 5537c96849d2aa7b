//! A cgroup for one bot, whose processes the kernel ends at one word.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// A cgroup below our own.
#[derive(Debug)]
pub(crate) struct Cage {
    path: PathBuf,
}

impl Cage {
    /// Makes one.
    ///
    /// # Errors
    /// When there is no cgroup v2, none that we may write to, or a kernel before 5.14, which does not know `cgroup.kill`.
    pub fn make(name: &str) -> io::Result<Self> {
        let cage = Self { path: own()?.join(name) };
        fs::create_dir(&cage.path)?;
        if !cage.path.join("cgroup.kill").exists() {
            cage.remove();
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel has no cgroup.kill"));
        }
        Ok(cage)
    }

    /// The one at `path`, which another process has made.
    pub fn at(path: &str) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves this process in; what it starts from now on is in there too.
    pub fn enter(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), "0")
    }

    pub fn kill(&self) {
        // One that is gone holds nobody.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
    }

    pub fn is_empty(&self) -> bool {
        let events = fs::read_to_string(self.path.join("cgroup.events"));
        events.is_ok_and(|events| events.contains("populated 0")) || !self.path.exists()
    }

    /// Kills what is in there and waits until it is gone.
    #[expect(clippy::disallowed_methods, reason = "a guard has no runtime that could be blocked")]
    pub fn end(&self) {
        while !self.is_empty() {
            self.kill();
            thread::sleep(Duration::from_millis(1));
        }
        self.remove();
    }

    pub fn remove(&self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// The directory of the cgroup that this process is in.
fn own() -> io::Result<PathBuf> {
    let none = || io::Error::new(io::ErrorKind::NotFound, "there is no cgroup v2");
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(Path::new(mount.ok_or_else(none)?).join(group.ok_or_else(none)?))
}
