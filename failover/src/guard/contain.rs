//! How all processes of a bot are held together, so that none outlives it.

use std::fmt;
use std::fs;
use std::os::unix::process::CommandExt as _;

use clap::ValueEnum;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, Signal, WaitOptions, getgid, getuid, kill_process, set_child_subreaper, wait};
use rustix::thread::UnshareFlags;
use serde::Deserialize;

use super::cage::Cage;

/// How the bot's processes are held together, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Containment {
    /// A process namespace: the kernel ends all of it at once. Needs root.
    Namespace,
    /// A process namespace inside a user namespace, which needs no root where the system allows it.
    UserNamespace,
    /// A cgroup, which the kernel ends at one word. Needs cgroup v2 and the right to write there (`Delegate=yes`).
    Cgroup,
    /// A process group, and a hunt for what left it.
    Group,
}

impl Containment {
    /// Returns its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::UserNamespace => "user-namespace",
            Self::Cgroup => "cgroup",
            Self::Group => "group",
        }
    }
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "a process namespace",
            Self::UserNamespace => "a process namespace within a user namespace",
            Self::Cgroup => "a cgroup (weaker: what a bot daemonizes may outlive a supervisor that was killed)",
            Self::Group => "a process group (weaker: what a bot daemonizes may outlive a supervisor that was killed)",
        })
    }
}

/// Returns the best containment that this machine allows, by trying them in processes of their own, which end with it.
#[must_use]
pub fn probe() -> Containment {
    let weaker = [Containment::Namespace, Containment::UserNamespace, Containment::Cgroup];
    weaker.into_iter().find(|containment| works(*containment)).unwrap_or(Containment::Group)
}

/// Returns whether this machine allows `containment`.
#[must_use]
pub fn works(containment: Containment) -> bool {
    let mut program = std::process::Command::new("/proc/self/exe");
    let quiet = program.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    quiet.arg0(super::BELOW).arg("try").arg(containment.as_str()).status().is_ok_and(|status| status.success())
}

/// Tries a containment and leaves, for [`probe`].
///
/// # Errors
/// When the system does not allow it.
pub fn try_containment(containment: Containment) -> anyhow::Result<()> {
    enter(containment)?;
    if containment == Containment::Cgroup {
        let cage = Cage::make(&format!("failover-try-{}", std::process::id()))?;
        cage.remove();
    }
    let status = std::process::Command::new("/proc/self/exe").arg0(super::BELOW).arg("nothing").status()?;
    anyhow::ensure!(status.success(), "a program does not run in it");
    Ok(())
}

/// Makes the next child of this process the first of a new container.
///
/// # Errors
/// When the system does not allow it.
pub fn enter(containment: Containment) -> anyhow::Result<()> {
    let spaces = UnshareFlags::NEWPID | UnshareFlags::NEWNS;
    match containment {
        Containment::Namespace => unshare(spaces)?,
        Containment::UserNamespace => {
            let (user, group) = (getuid().as_raw(), getgid().as_raw());
            unshare(UnshareFlags::NEWUSER)?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
            fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
            unshare(spaces)?;
        }
        // What is orphaned below us becomes our child, so that it can be found.
        Containment::Cgroup | Containment::Group => set_child_subreaper(Some(Pid::INIT))?,
    }
    Ok(())
}

#[expect(
    deprecated,
    reason = "its only unsafe use is CLONE_FILES, and its replacement cannot be called without unsafe code"
)]
fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}

/// Shows a process in a new namespace its own /proc, where that is allowed; most bots would not notice.
pub fn own_proc() {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    if mount_change("/", private).is_ok() {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let _ = mount("proc", "/proc", "proc", flags, None::<&std::ffi::CStr>);
    }
}

/// Returns the children of this process, which has one thread.
pub fn children() -> Vec<Pid> {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw).collect()
}

/// Kills and reaps every child of this process, and what these leave behind, until there is none.
pub fn reap_strays() {
    loop {
        for child in children() {
            let _ = kill_process(child, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) | Ok(_) => {}
            Err(_) => return, // ECHILD: none is left.
        }
    }
}
