//! What a host says about itself, one file of ours for each source.
//!
//! Names, labels, HELP and TYPE are node_exporter's, so that the dashboards and rules people already have work
//! unchanged, and so are the default filters (upstream's, not those of a distribution's package).
//! A collector fails alone: its families are left out, `noroshi_exporter_collector_success` says 0 for it, and the
//! others are pushed. What this kernel or host does not have (pressure, /etc/os-release) is not a failure.

mod arp;
mod conntrack;
mod cpu;
pub(crate) mod diskstats;
mod entropy;
mod filefd;
mod filesystem;
mod hwmon;
mod loadavg;
mod mdadm;
mod meminfo;
mod netclass;
pub(crate) mod netdev;
mod netstat;
mod os;
mod pressure;
mod process;
mod sockstat;
mod softnet;
mod time;
mod timex;
mod udp;
mod uname;
mod vmstat;

use std::time::Instant;

use exposition::Families;

use crate::files::Files;

/// One source of a host's metrics.
pub trait Collector: Sync {
    /// Returns the name by which the collector is known in our own metrics.
    fn name(&self) -> &'static str;

    /// Reads the source and puts what it says onto `page`.
    ///
    /// # Errors
    /// When the source cannot be read or understood. What is on `page` by then is thrown away.
    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()>;
}

/// Every collector there is.
pub const ALL: [&dyn Collector; 24] = [
    &arp::Arp,
    &conntrack::Conntrack,
    &cpu::Cpu,
    &diskstats::Diskstats,
    &entropy::Entropy,
    &filefd::Filefd,
    &filesystem::Filesystem,
    &hwmon::Hwmon,
    &loadavg::Loadavg,
    &mdadm::Mdadm,
    &meminfo::Meminfo,
    &netclass::Netclass,
    &netdev::Netdev,
    &netstat::Netstat,
    &os::Os,
    &pressure::Pressure,
    &process::Process,
    &sockstat::Sockstat,
    &softnet::Softnet,
    &time::Time,
    &timex::Timex,
    &udp::UdpQueues,
    &uname::Uname,
    &vmstat::Vmstat,
];

/// Asks each of `collectors`, and adds how that went. A failure is told to `warn`, in words.
///
/// # Errors
/// Only when our own metrics do not fit onto the page, which would be a mistake in this program.
pub fn collect(collectors: &[&dyn Collector], host: &Files, warn: &mut dyn FnMut(String)) -> anyhow::Result<Families> {
    let mut page = Families::new();
    let mut outcomes = Vec::with_capacity(collectors.len());
    for collector in collectors {
        let began = Instant::now();
        let mut own = Families::new();
        let result = collector.collect(host, &mut own).and_then(|()| Ok(page.append(own)?));
        if let Err(error) = &result {
            warn(format!("{} is left out of this push: {error:#}", collector.name()));
        }
        outcomes.push((collector.name(), result.is_ok(), began.elapsed()));
    }
    let success =
        page.gauge("noroshi_exporter_collector_success", "Whether the collector could read its source for this push.")?;
    for (collector, succeeded, _) in &outcomes {
        success.add([("collector", *collector)], f64::from(u8::from(*succeeded)))?;
    }
    let duration =
        page.gauge("noroshi_exporter_collector_duration_seconds", "How long the collector took for this push.")?;
    for (collector, _, took) in &outcomes {
        duration.add([("collector", *collector)], took.as_secs_f64())?;
    }
    Ok(page)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::host::Host;
    use std::path::Path;

    /// A tree below `testdata/`, as `--procfs`, `--sysfs` and `--rootfs` would name it.
    pub(crate) fn recorded(tree: &str) -> Host {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(tree);
        Host { procfs: tree.join("proc"), sysfs: tree.join("sys"), rootfs: tree.join("root") }
    }

    /// What one collector writes of one tree.
    pub(crate) fn written(collector: &dyn Collector, tree: &str) -> String {
        let mut page = Families::new();
        collector.collect(&Files::of(recorded(tree)), &mut page).unwrap();
        page.to_string()
    }

    /// The lines of a page that are series of `name`.
    pub(crate) fn series(page: &str, name: &str) -> Vec<String> {
        let of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        page.lines().filter(of_it).map(str::to_owned).collect()
    }

    struct Broken;
    impl Collector for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn collect(&self, _: &Files, page: &mut Families) -> anyhow::Result<()> {
            page.gauge("half_done", "Not to be seen.")?.set(1.0)?;
            anyhow::bail!("the disk is on fire")
        }
    }

    #[test]
    fn a_failed_collector_is_left_out_alone_and_said_so() {
        let mut warnings = Vec::new();
        let page = collect(&[&Broken, &time::Time], &Files::of(Host::default()), &mut |warning| warnings.push(warning))
            .unwrap();
        let page = page.to_string();

        assert_eq!(warnings, ["broken is left out of this push: the disk is on fire"]);
        assert!(!page.contains("half_done"), "{page}");
        assert_eq!(series(&page, "node_time_seconds").len(), 1);
        assert_eq!(
            series(&page, "noroshi_exporter_collector_success"),
            [
                r#"noroshi_exporter_collector_success{collector="broken"} 0"#,
                r#"noroshi_exporter_collector_success{collector="time"} 1"#
            ]
        );
        assert_eq!(series(&page, "noroshi_exporter_collector_duration_seconds").len(), 2);
    }

    #[test]
    fn a_tree_that_is_not_there_fails_what_needs_it_and_nothing_else() {
        let nowhere = Host { procfs: "/nowhere".into(), sysfs: "/nowhere".into(), rootfs: "/nowhere".into() };
        let mut warnings = Vec::new();
        let page = collect(&ALL, &Files::of(nowhere), &mut |warning| warnings.push(warning)).unwrap().to_string();

        let failed: Vec<_> = warnings.iter().map(|warning| warning.split(' ').next().unwrap()).collect();
        assert_eq!(failed, ["cpu", "diskstats", "filefd", "filesystem", "loadavg", "meminfo", "netdev", "vmstat"]);
        assert_eq!(series(&page, "node_uname_info").len(), 1);
    }
}
