//! What each disk has done since boot.

use exposition::{Families, Kind};
use procfs_core::{DiskStats, FromRead as _};

use super::Collector;
use crate::files::Files;

/// The kernel counts sectors of 512 bytes, whatever the disk's own are.
pub(crate) const SECTOR_BYTES: f64 = 512.0;
const MILLISECONDS_PER_SECOND: f64 = 1000.0;

/// Reads /proc/diskstats.
pub struct Diskstats;

impl Collector for Diskstats {
    fn name(&self) -> &'static str {
        "diskstats"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let text = host.read_proc_once("diskstats")?;
        for disk in DiskStats::from_read(text.as_bytes())?.0 {
            if is_part_or_toy(&disk.name) {
                continue;
            }
            let count = |value: u64| Some(value as f64);
            let bytes = |sectors: u64| Some(sectors as f64 * SECTOR_BYTES);
            let seconds = |milliseconds: u64| Some(milliseconds as f64 / MILLISECONDS_PER_SECOND);
            let values = [
                count(disk.reads),
                count(disk.merged),
                bytes(disk.sectors_read),
                seconds(disk.time_reading),
                count(disk.writes),
                count(disk.writes_merged),
                bytes(disk.sectors_written),
                seconds(disk.time_writing),
                count(disk.in_progress),
                seconds(disk.time_in_progress),
                seconds(disk.weighted_time_in_progress),
                // Kernels before 4.18 do not count discards, those before 5.5 no flushes.
                disk.discards.and_then(count),
                disk.discards_merged.and_then(count),
                disk.sectors_discarded.and_then(count),
                disk.time_discarding.and_then(seconds),
                disk.flushes.and_then(count),
                disk.time_flushing.and_then(seconds),
            ];
            for ((name, kind, help), value) in FAMILIES.into_iter().zip(values) {
                if let Some(value) = value {
                    page.family(name, help, kind)?.add([("device", disk.name.as_str())], value)?;
                }
            }
        }
        Ok(())
    }
}

/// In the order of the file's columns.
#[rustfmt::skip]
const FAMILIES: [(&str, Kind, &str); 17] = [
    ("node_disk_reads_completed_total", Kind::Counter, "The total number of reads completed successfully."),
    ("node_disk_reads_merged_total", Kind::Counter, "The total number of reads merged."),
    ("node_disk_read_bytes_total", Kind::Counter, "The total number of bytes read successfully."),
    ("node_disk_read_time_seconds_total", Kind::Counter, "The total number of seconds spent by all reads."),
    ("node_disk_writes_completed_total", Kind::Counter, "The total number of writes completed successfully."),
    ("node_disk_writes_merged_total", Kind::Counter, "The number of writes merged."),
    ("node_disk_written_bytes_total", Kind::Counter, "The total number of bytes written successfully."),
    ("node_disk_write_time_seconds_total", Kind::Counter, "This is the total number of seconds spent by all writes."),
    ("node_disk_io_now", Kind::Gauge, "The number of I/Os currently in progress."),
    ("node_disk_io_time_seconds_total", Kind::Counter, "Total seconds spent doing I/Os."),
    ("node_disk_io_time_weighted_seconds_total", Kind::Counter, "The weighted # of seconds spent doing I/Os."),
    ("node_disk_discards_completed_total", Kind::Counter, "The total number of discards completed successfully."),
    ("node_disk_discards_merged_total", Kind::Counter, "The total number of discards merged."),
    ("node_disk_discarded_sectors_total", Kind::Counter, "The total number of sectors discarded successfully."),
    ("node_disk_discard_time_seconds_total", Kind::Counter, "This is the total number of seconds spent by all discards."),
    ("node_disk_flush_requests_total", Kind::Counter, "The total number of flush requests completed successfully"),
    ("node_disk_flush_requests_time_seconds_total", Kind::Counter, "This is the total number of seconds spent by all flush requests."),
];

/// Whether node_exporter passes over `device` by default: partitions, RAM disks, loop devices and floppies,
/// `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`.
pub(crate) fn is_part_or_toy(device: &str) -> bool {
    let stem = device.trim_end_matches(|character: char| character.is_ascii_digit());
    if stem.len() == device.len() {
        return false;
    }
    if ["ram", "zram", "loop", "fd"].contains(&stem) {
        return true;
    }
    if let Some(numbers) = stem.strip_prefix("nvme").and_then(|rest| rest.strip_suffix('p')) {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return numbers.split_once('n').is_some_and(|(one, other)| is_number(one) && is_number(other));
    }
    let disk = stem.strip_suffix(|letter: char| letter.is_ascii_lowercase());
    disk.is_some_and(|disk| ["hd", "sd", "vd", "xvd"].contains(&disk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn whole_disks_are_reported_and_their_parts_are_not() {
        for disk in ["sda", "vda", "xvdb", "nvme0n1", "dm-0", "md127", "sr0", "mmcblk0", "mmcblk0p1", "sdaa1"] {
            assert!(!is_part_or_toy(disk), "{disk}");
        }
        for part in ["sda1", "vda15", "xvdb2", "hdc3", "nvme0n1p2", "nvme10n2p11", "loop7", "ram0", "zram0", "fd0"] {
            assert!(is_part_or_toy(part), "{part}");
        }
    }

    #[test]
    fn sectors_become_bytes_and_milliseconds_seconds() {
        let page = written(&Diskstats, "small-vps");
        for line in [
            r#"node_disk_read_bytes_total{device="vda"} 3.54253312e+09"#,
            r#"node_disk_read_time_seconds_total{device="vda"} 99.155"#,
            r#"node_disk_discarded_sectors_total{device="vda"} 424048"#,
            r#"node_disk_flush_requests_time_seconds_total{device="vda"} 0.041"#,
            r#"node_disk_io_now{device="vda"} 3"#,
        ] {
            assert!(page.lines().any(|written| written == line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn an_old_kernel_reports_no_discards() {
        let page = written(&Diskstats, "64-cores");
        assert!(page.contains(r#"node_disk_io_time_weighted_seconds_total{device="sda"}"#), "{page}");
        assert!(!page.contains("discard"), "{page}");
    }
}
