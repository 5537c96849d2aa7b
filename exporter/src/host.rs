//! Where the kernel's files are read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// `EOPNOTSUPP`: how /proc/pressure answers when the kernel was started with `psi=0`.
const NOT_SUPPORTED: i32 = 95;

/// The file trees that describe a host: this machine's own, or recorded ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Where procfs is mounted.
    pub procfs: PathBuf,
    /// Where sysfs is mounted.
    pub sysfs: PathBuf,
    /// The root of the host's files, which is another than `/` when we run in a container.
    pub rootfs: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into() }
    }
}

/// Reads a file that need not be there. A device may bear a name that is no UTF-8: what is odd about it is replaced.
pub(crate) fn read_if_any(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Returns whether there is no such file, or none that this kernel has an answer for.
pub(crate) fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(NOT_SUPPORTED)
}
