//! How full the host is: of what is on the page already.

use std::collections::BTreeMap;

use exposition::{Families, Labels};

/// Adds how much memory is used, and how full the fullest file system is.
pub fn add(page: &mut Families) -> anyhow::Result<()> {
    let memory = |name| page.find(name).and_then(|family| family.numbers().next()).map(|(_, number)| number);
    let (total, available) = (memory("node_memory_MemTotal_bytes"), memory("node_memory_MemAvailable_bytes"));
    if let (Some(total), Some(available)) = (total.filter(|total| *total > 0.0), available) {
        let used = (total - available).max(0.0);
        page.gauge("noroshi_exporter_memory_used_bytes", "Memory that programs could not have if they asked for it.")?
            .set(used)?;
        page.gauge("noroshi_exporter_memory_used_ratio", "The same as a share of all memory, 0 to 1.")?
            .set(used / total)?;
    }
    if let Some((mountpoint, ratio)) = fullest(page) {
        page.gauge(
            "noroshi_exporter_filesystem_used_ratio_max",
            "Share of the fullest file system that users other than root cannot write to any more, 0 to 1.",
        )?
        .add([("mountpoint", mountpoint)], ratio)?;
    }
    Ok(())
}

/// Finds the fullest file system; of two that are equally full, the one whose name comes first.
fn fullest(page: &Families) -> Option<(String, f64)> {
    let available: BTreeMap<_, _> = page.find("node_filesystem_avail_bytes")?.numbers().collect();
    let mut fullest: Option<(String, f64)> = None;
    for (labels, size) in page.find("node_filesystem_size_bytes")?.numbers() {
        if size <= 0.0 || label(labels, "fstype").is_some_and(|fstype| FULL_BY_NATURE.contains(&fstype)) {
            continue;
        }
        let Some(available) = available.get(labels) else { continue };
        let ratio = 1.0 - available / size;
        if fullest.as_ref().is_none_or(|(_, most)| ratio > *most) {
            fullest = Some((label(labels, "mountpoint").unwrap_or_default().to_owned(), ratio));
        }
    }
    fullest
}

/// Read-only images are always full, and what lives in memory is counted as memory. The recording rules leave out the
/// same.
const FULL_BY_NATURE: [&str; 6] = ["tmpfs", "ramfs", "devtmpfs", "squashfs", "iso9660", "erofs"];

fn label<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.value(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(memory: &[(&str, f64)], filesystems: &[(&str, &str, f64, f64)]) -> Vec<String> {
        let mut page = Families::new();
        for (field, value) in memory {
            page.gauge(format!("node_memory_{field}_bytes"), "").unwrap().set(*value).unwrap();
        }
        for (fstype, mountpoint, size, available) in filesystems {
            let labels = [("device", "/dev/vda1"), ("fstype", fstype), ("mountpoint", mountpoint)];
            page.gauge("node_filesystem_size_bytes", "").unwrap().add(labels, *size).unwrap();
            page.gauge("node_filesystem_avail_bytes", "").unwrap().add(labels, *available).unwrap();
        }
        add(&mut page).unwrap();
        let page = page.to_string();
        page.lines().filter_map(|line| line.strip_prefix("noroshi_exporter_")).map(str::to_owned).collect()
    }

    #[test]
    fn memory_is_used_that_nobody_could_have() {
        assert_eq!(
            page(&[("MemTotal", 4000.0), ("MemAvailable", 3000.0)], &[]),
            ["memory_used_bytes 1000", "memory_used_ratio 0.25"]
        );
    }

    #[test]
    fn an_old_kernel_does_not_say_what_is_available() {
        assert_eq!(page(&[("MemTotal", 4000.0), ("MemFree", 1000.0)], &[]), Vec::<String>::new());
    }

    #[test]
    fn the_fullest_file_system_is_named() {
        let filesystems = [
            ("ext4", "/", 1000.0, 750.0),
            ("xfs", "/srv", 1000.0, 500.0),
            ("ext4", "/twin", 1000.0, 500.0),
            ("squashfs", "/snap/core", 1000.0, 0.0),
            ("tmpfs", "/run", 1000.0, 0.0),
            ("odd", "/odd", 0.0, 0.0),
        ];
        assert_eq!(page(&[], &filesystems).len(), 1);
        // `/twin` is written before `/srv`, since fstype comes before mountpoint.
        assert_eq!(page(&[], &filesystems), [r#"filesystem_used_ratio_max{mountpoint="/twin"} 0.5"#]);
    }
}
