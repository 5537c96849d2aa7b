//! The table of mounts, read byte by byte: a mount point need not be UTF-8, and procfs-core leaves `\040` as it is.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted, as the table writes it: node_exporter leaves its escapes in place, so we do.
    pub device: String,
    /// Where, as the host sees it, for a label.
    pub mountpoint: String,
    /// What kind of file system it is.
    pub fstype: String,
    /// Whether it is mounted read-only.
    pub is_readonly: bool,
    /// Where, in the bytes that the kernel knows it by.
    path: PathBuf,
}

/// File systems that answer from memory, and so does every path through them to something that is mounted there: the kernel keeps
/// the way to a mount point at hand.
const AT_HAND: [&str; 9] = ["btrfs", "ext2", "ext3", "ext4", "f2fs", "ramfs", "rootfs", "tmpfs", "xfs"];

impl Mount {
    /// Returns whether statvfs(3) has an answer at once whatever became of disks and servers: neither this mount, nor one that lies
    /// over it or on the way to it, among `all`, may keep us waiting.
    pub fn is_at_hand(&self, all: &[Self]) -> bool {
        let on_the_way = |other: &&Self| self.path.starts_with(&other.path);
        all.iter().filter(on_the_way).all(|mount| AT_HAND.contains(&mount.fstype.as_str()))
    }

    /// Returns where we find the mount point when the host's root is at `rootfs`.
    pub fn path_below(&self, rootfs: &Path) -> PathBuf {
        rootfs.join(self.path.strip_prefix("/").unwrap_or(&self.path))
    }
}

/// Reads the table. A line that is too short is none of the kernel's making, and passed over.
pub fn parse(table: &[u8], rootfs: &Path) -> Vec<Mount> {
    table.split(|byte| *byte == b'\n').filter_map(|line| mount(line, rootfs)).collect()
}

fn mount(line: &[u8], rootfs: &Path) -> Option<Mount> {
    // A device without a name leaves an empty column, so a run of blanks is not one blank.
    let mut columns = line.split(|byte| *byte == b' ');
    let (device, path, fstype, options) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let path = PathBuf::from(OsString::from_vec(unescape(path)));
    // In a container the host's mounts appear below the place where we see its root.
    let path = match path.strip_prefix(rootfs) {
        Ok(inside) => Path::new("/").join(inside),
        Err(_) => path,
    };
    Some(Mount {
        device: text(device),
        mountpoint: text(path.as_os_str().as_bytes()),
        fstype: text(fstype),
        is_readonly: options.split(|byte| *byte == b',').any(|option| option == b"ro"),
        path,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Turns the `\040` of a blank (and `\011`, `\012`, `\043`, `\134`) back into what it stands for.
fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((first, behind)) = rest.split_first() {
        let octal =
            |digits: &[u8]| digits.iter().try_fold(0_u32, |sum, digit| Some(sum * 8 + (*digit as char).to_digit(8)?));
        match behind.get(..3).and_then(octal).and_then(|code| u8::try_from(code).ok()) {
            Some(byte) if *first == b'\\' => {
                plain.push(byte);
                rest = &behind[3..];
            }
            _ => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_keep_us_waiting_is_not_at_hand_nor_is_what_lies_behind_it() {
        let table = b"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /srv xfs rw 0 0\nnas:/x /mnt/nas nfs4 rw 0 0\n\
            /dev/sdc1 /mnt/nas/disk ext4 rw 0 0\n/dev/sdd1 /over ext4 rw 0 0\nx /over fuse.sshfs rw 0 0\n\
            tank /tank zfs rw 0 0\ntmpfs /mnt/nasty tmpfs rw 0 0\n";
        let all = parse(table, Path::new("/"));
        let at_hand: Vec<_> = all.iter().filter(|mount| mount.is_at_hand(&all)).collect();
        let points: Vec<_> = at_hand.iter().map(|mount| mount.mountpoint.as_str()).collect();
        assert_eq!(points, ["/", "/srv", "/mnt/nasty"]);
    }

    #[test]
    fn escapes_stand_for_bytes_and_anything_else_for_itself() {
        for (escaped, plain) in [
            (&br"/a\040b\011c\012d\134e\043f"[..], &b"/a b\tc\nd\\e#f"[..]),
            (br"\04", br"\04"),
            (br"\048\777", br"\048\777"),
            (br"\", br"\"),
            (br"\134040", br"\040"),
            (b"040", b"040"),
        ] {
            assert_eq!(unescape(escaped), plain);
        }
    }

    #[test]
    fn a_containers_prefix_is_taken_off() {
        let table =
            b"/dev/sda1 /host ext4 rw 0 0\n/dev/sdb1 /host/srv\\040x ext4 rw,ro=no 0 0\nx /hostel ext4 ro 0 0\n";
        let mounts = parse(table, Path::new("/host"));
        let points: Vec<_> = mounts.iter().map(|mount| mount.mountpoint.as_str()).collect();
        assert_eq!(points, ["/", "/srv x", "/hostel"]);
        assert_eq!(mounts[1].path_below(Path::new("/host")), Path::new("/host/srv x"));
        assert_eq!(mounts.iter().map(|mount| mount.is_readonly).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_device_may_have_no_name_and_a_broken_line_is_passed_over() {
        let mounts = parse(b" / tmpfs ro 0 0\nnonsense\n\n", Path::new("/"));
        assert_eq!(mounts.len(), 1);
        assert_eq!((mounts[0].device.as_str(), mounts[0].path_below(Path::new("/"))), ("", PathBuf::from("/")));
    }
}
