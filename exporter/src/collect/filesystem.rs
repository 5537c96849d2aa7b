//! How full the file systems are.

mod mounts;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use exposition::Families;
use rustix::fs::StatVfs;

use self::mounts::Mount;
use super::Collector;
use crate::files::Files;
use crate::stuck::ask_each;

/// How long all file systems together may take. A server of NFS that is gone never answers, and cron starts the next
/// push within the minute.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the table of mounts and asks statvfs(3) about each that is no mere window into the kernel.
pub struct Filesystem;

impl Collector for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let mut seen = BTreeSet::new();
        // As the first process sees them, since ours may be walled in; where we may not look, our own.
        let table = host.read_proc_bytes("1/mounts").or_else(|_| host.read_proc_bytes("self/mounts"))?;
        let all = mounts::parse(&table, &host.rootfs);
        let wanted = all
            .iter()
            .filter(|mount| !is_excluded(mount))
            // The same thing may be mounted twice in one place.
            .filter(|mount| seen.insert((&mount.device, &mount.mountpoint, &mount.fstype)));
        // What surely answers is asked at once, for a thread costs more than all the questions. The table does not say what
        // lies on the way to a root that is elsewhere.
        let is_own_root = host.rootfs == Path::new("/");
        let (sure, unsure): (Vec<&Mount>, Vec<_>) = wanted.partition(|mount| is_own_root && mount.is_at_hand(&all));
        for mount in sure {
            add(page, mount, ask(&mount.path_below(&host.rootfs)).as_ref())?;
        }
        let paths = unsure.iter().map(|mount| mount.path_below(&host.rootfs)).collect();
        for (mount, answer) in unsure.into_iter().zip(ask_each(host.stuck(), paths, PATIENCE, ask)) {
            add(page, mount, answer.flatten().as_ref())?;
        }
        Ok(())
    }
}

fn ask(path: &Path) -> Option<StatVfs> {
    rustix::fs::statvfs(path).ok()
}

/// Adds one file system; what gave no answer is only said to have a device error.
fn add(page: &mut Families, mount: &Mount, answer: Option<&StatVfs>) -> anyhow::Result<()> {
    let mut gauge = |name: &'static str, help: &'static str, value: f64| -> anyhow::Result<()> {
        let labels = [("device", &mount.device), ("mountpoint", &mount.mountpoint), ("fstype", &mount.fstype)];
        page.gauge(name, help)?.add(labels.map(|(label, text)| (label, text.as_str())), value)?;
        Ok(())
    };
    let error = f64::from(u8::from(answer.is_none()));
    gauge(
        "node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
        error,
    )?;
    let Some(stats) = answer else { return Ok(()) };
    // Blocks are counted in fragments: `f_bsize` is only what the file system likes to be read in.
    let bytes = |blocks: u64| blocks as f64 * stats.f_frsize as f64;
    gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", bytes(stats.f_blocks))?;
    gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", bytes(stats.f_bfree))?;
    gauge(
        "node_filesystem_avail_bytes",
        "Filesystem space available to non-root users in bytes.",
        bytes(stats.f_bavail),
    )?;
    gauge("node_filesystem_files", "Filesystem total file nodes.", stats.f_files as f64)?;
    gauge("node_filesystem_files_free", "Filesystem total free file nodes.", stats.f_ffree as f64)?;
    let readonly = f64::from(u8::from(mount.is_readonly));
    gauge("node_filesystem_readonly", "Filesystem read-only status.", readonly)
}

/// Whether node_exporter passes over this mount by default.
fn is_excluded(mount: &Mount) -> bool {
    FSTYPES_EXCLUDED.contains(&mount.fstype.as_str()) || is_excluded_mountpoint(&mount.mountpoint)
}

/// `^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)`.
fn is_excluded_mountpoint(mountpoint: &str) -> bool {
    let inside = |directory: &str| mountpoint.strip_prefix(directory);
    let at_or_inside = |directory| inside(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ["/dev", "/proc", "/sys"].into_iter().any(at_or_inside)
        || ["/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/"]
            .into_iter()
            .any(|directory| inside(directory).is_some_and(|rest| !rest.is_empty()))
}

#[rustfmt::skip]
const FSTYPES_EXCLUDED: [&str; 25] = [
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl",
    "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs",
    "selinuxfs", "squashfs", "sysfs", "tracefs",
    // Since node_exporter 1.9: an image, which is full by nature.
    "erofs",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn mounts_are_reported_by_name_also_those_with_odd_ones() {
        // Nothing of the recorded tree is mounted below `root/`; `/` and `/home` exist as directories, the rest is gone.
        let errors = series(&written(&Filesystem, "small-vps"), "node_filesystem_device_error");
        assert_eq!(
            errors,
            [
                r#"node_filesystem_device_error{device="//nas/my\\040share",fstype="cifs",mountpoint="/srv/my share"} 1"#,
                r#"node_filesystem_device_error{device="/dev/vda1",fstype="ext4",mountpoint="/"} 0"#,
                r#"node_filesystem_device_error{device="nas:/export",fstype="nfs4",mountpoint="/home"} 0"#,
                concat!(
                    r#"node_filesystem_device_error{device="tmpfs",fstype="tmpfs","#,
                    "mountpoint=\"/opt/tab\there\\\\and\\\"quote#\u{fffd}\"} 1"
                ),
                r#"node_filesystem_device_error{device="tmpfs",fstype="tmpfs",mountpoint="/run"} 1"#,
            ]
        );
    }

    #[test]
    fn a_container_reports_its_volumes_and_neither_layers_nor_control_groups() {
        for tree in ["container", "container-cgroup-v1"] {
            let mountpoints: Vec<_> = series(&written(&Filesystem, tree), "node_filesystem_size_bytes")
                .iter()
                .filter_map(|line| Some(line.split_once("mountpoint=\"")?.1.split_once('"')?.0.to_owned()))
                .collect();
            assert_eq!(mountpoints, ["/data", "/etc/hostname", "/etc/resolv.conf"], "{tree}");
        }
    }

    #[test]
    fn each_dataset_of_a_pool_is_reported() {
        let readonly = series(&written(&Filesystem, "home-server"), "node_filesystem_readonly");
        assert_eq!(
            readonly,
            [
                r#"node_filesystem_readonly{device="/dev/md0",fstype="ext4",mountpoint="/"} 0"#,
                r#"node_filesystem_readonly{device="tank",fstype="zfs",mountpoint="/tank"} 0"#,
                r#"node_filesystem_readonly{device="tank/photos",fstype="zfs",mountpoint="/tank/photos"} 0"#,
                r#"node_filesystem_readonly{device="tank/with\\040blank",fstype="zfs",mountpoint="/tank/with blank"} 1"#,
            ]
        );
    }

    #[test]
    fn what_gave_no_answer_has_no_figures() {
        let page = written(&Filesystem, "small-vps");
        assert_eq!(series(&page, "node_filesystem_size_bytes").len(), 2);
        assert_eq!(
            series(&page, "node_filesystem_readonly"),
            [
                r#"node_filesystem_readonly{device="/dev/vda1",fstype="ext4",mountpoint="/"} 0"#,
                r#"node_filesystem_readonly{device="nas:/export",fstype="nfs4",mountpoint="/home"} 1"#
            ]
        );
    }

    #[test]
    fn mount_points_are_excluded_as_upstream_excludes_them() {
        for mountpoint in [
            "/dev",
            "/dev/shm",
            "/proc",
            "/sys/fs/cgroup",
            "/run/credentials/x.service",
            "/var/lib/docker/overlay2/a",
            "/var/lib/containers/storage/x",
        ] {
            assert!(is_excluded_mountpoint(mountpoint), "{mountpoint}");
        }
        for mountpoint in [
            "/",
            "/device",
            "/run",
            "/run/credentials",
            "/mnt",
            "/media/x",
            "/var/lib/docker",
            "/processes",
            "/home/dev",
        ] {
            assert!(!is_excluded_mountpoint(mountpoint), "{mountpoint}");
        }
    }
}
