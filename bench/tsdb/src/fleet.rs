//! What a fleet pushes: for each host 200 series under the names of our exporter, with values that move as real ones do.

use series::{Labels, METRIC_NAME};

/// From one push of a host to the next, in milliseconds.
pub const STEP: i64 = 15_000;

/// How a value moves from push to push.
#[derive(Clone, Copy)]
enum Kind {
    /// Stays as it is.
    Still,
    /// Seconds with two decimals, as the kernel counts them.
    Seconds(f64),
    /// A counter of bytes or packets: so many a push, more or less.
    Count(f64),
    /// Goes up and down in steps of so much.
    Wanders(f64),
    /// Two decimals around so much.
    Load(f64),
    /// When the push was made, in seconds with all the decimals that there are.
    PushTime,
}

pub struct Series {
    pub labels: Labels,
    kind: Kind,
    value: f64,
    random: u64,
}

/// A series in the making: its name, its own labels, how it moves, and where it begins.
type Made = (String, Vec<(&'static str, String)>, Kind, f64);

pub struct Host {
    pub series: Vec<Series>,
    phase: i64,
    random: u64,
}

impl Host {
    pub fn new(number: usize) -> Self {
        let instance = format!("host-{number:03}");
        let mut made: Vec<Made> = Vec::new();
        let mut add = |name: &str, labels: Vec<(&'static str, String)>, kind, value| {
            made.push((name.to_owned(), labels, kind, value))
        };
        for cpu in 0..4 {
            for (mode, share) in [("user", 1.2), ("system", 0.5), ("idle", 13.0), ("iowait", 0.1), ("steal", 0.0)] {
                add(
                    "node_cpu_seconds_total",
                    vec![("cpu", cpu.to_string()), ("mode", mode.to_owned())],
                    Kind::Seconds(share),
                    1e4,
                );
            }
        }
        for device in ["eth0", "lo"] {
            for (what, rate) in [
                ("receive_bytes", 250_000.0),
                ("transmit_bytes", 90_000.0),
                ("receive_packets", 900.0),
                ("transmit_packets", 700.0),
                ("receive_errs", 0.0),
                ("transmit_errs", 0.0),
                ("receive_drop", 0.02),
                ("transmit_drop", 0.0),
            ] {
                add(&format!("node_network_{what}_total"), vec![("device", device.to_owned())], Kind::Count(rate), 1e9);
            }
        }
        for device in ["vda", "vdb"] {
            for (what, rate) in [
                ("read_bytes", 4096.0 * 3.0),
                ("written_bytes", 4096.0 * 40.0),
                ("reads_completed", 2.0),
                ("writes_completed", 25.0),
            ] {
                add(&format!("node_disk_{what}_total"), vec![("device", device.to_owned())], Kind::Count(rate), 1e8);
            }
            for what in ["read_time", "write_time", "io_time", "io_time_weighted"] {
                add(
                    &format!("node_disk_{what}_seconds_total"),
                    vec![("device", device.to_owned())],
                    Kind::Seconds(0.3),
                    500.0,
                );
            }
        }
        for mount in ["/", "/boot", "/home", "/srv"] {
            for (what, kind) in [
                ("size_bytes", Kind::Still),
                ("avail_bytes", Kind::Wanders(4096.0 * 20.0)),
                ("free_bytes", Kind::Wanders(4096.0 * 20.0)),
                ("files", Kind::Still),
                ("files_free", Kind::Wanders(3.0)),
                ("readonly", Kind::Still),
            ] {
                add(
                    &format!("node_filesystem_{what}"),
                    vec![
                        ("device", format!("/dev{mount}")),
                        ("fstype", "ext4".to_owned()),
                        ("mountpoint", mount.to_owned()),
                    ],
                    kind,
                    2e10,
                );
            }
        }
        for (what, moves) in [
            ("MemTotal", false),
            ("MemFree", true),
            ("MemAvailable", true),
            ("Buffers", true),
            ("Cached", true),
            ("SwapTotal", false),
            ("SwapFree", false),
            ("Active", true),
            ("Inactive", true),
            ("Dirty", true),
            ("Slab", true),
            ("AnonPages", true),
            ("Mapped", true),
            ("Shmem", true),
            ("KernelStack", true),
            ("PageTables", true),
            ("CommitLimit", false),
            ("Committed_AS", true),
            ("HugePages_Total", false),
            ("HugePages_Free", false),
        ] {
            add(
                &format!("node_memory_{what}_bytes"),
                vec![],
                if moves { Kind::Wanders(4096.0 * 50.0) } else { Kind::Still },
                1.6e9,
            );
        }
        for (name, value) in [
            ("node_load1", 0.7),
            ("node_load5", 0.6),
            ("node_load15", 0.5),
            ("noroshi_exporter_cpu_used_ratio", 0.12),
            ("noroshi_exporter_memory_used_ratio", 0.61),
        ] {
            add(name, vec![], Kind::Load(value), value);
        }
        for name in [
            "Tcp_InSegs",
            "Tcp_OutSegs",
            "Udp_InDatagrams",
            "Udp_OutDatagrams",
            "Ip_Forwarding",
            "Icmp_InMsgs",
            "Tcp_RetransSegs",
            "Tcp_ActiveOpens",
            "Tcp_PassiveOpens",
            "TcpExt_ListenDrops",
        ] {
            add(&format!("node_netstat_{name}"), vec![], Kind::Count(300.0), 1e6);
        }
        for name in
            ["TCP_inuse", "TCP_tw", "TCP_alloc", "UDP_inuse", "sockets_used", "TCP_mem", "UDP_mem", "FRAG_inuse"]
        {
            add(&format!("node_sockstat_{name}"), vec![], Kind::Wanders(1.0), 60.0);
        }
        for name in [
            "node_context_switches_total",
            "node_intr_total",
            "node_forks_total",
            "node_vmstat_pgfault",
            "node_vmstat_pgmajfault",
            "node_vmstat_pgpgin",
            "node_vmstat_pgpgout",
            "node_vmstat_pswpin",
            "node_vmstat_pswpout",
            "node_vmstat_oom_kill",
        ] {
            add(
                name,
                vec![],
                Kind::Count(if name.ends_with("kill") || name.contains("pswp") { 0.0 } else { 5000.0 }),
                1e7,
            );
        }
        for name in [
            "node_procs_running",
            "node_procs_blocked",
            "node_filefd_allocated",
            "node_entropy_available_bits",
            "node_nf_conntrack_entries",
        ] {
            add(name, vec![], Kind::Wanders(1.0), 40.0);
        }
        for unit in 0..20 {
            for state in ["active", "failed"] {
                add(
                    "node_systemd_unit_state",
                    vec![("name", format!("unit-{unit}.service")), ("state", state.to_owned())],
                    Kind::Still,
                    1.0,
                );
            }
        }
        for zone in 0..4 {
            add("node_thermal_zone_temp", vec![("zone", zone.to_string())], Kind::Wanders(0.5), 48.0);
        }
        for group in ["bot-a", "bot-b"] {
            for (name, kind, value) in [
                ("namedprocess_namegroup_memory_bytes", Kind::Wanders(4096.0 * 30.0), 2e8),
                ("namedprocess_namegroup_cpu_seconds_total", Kind::Seconds(0.4), 3e3),
                ("namedprocess_namegroup_num_procs", Kind::Still, 1.0),
                ("namedprocess_namegroup_open_filedesc", Kind::Wanders(1.0), 30.0),
            ] {
                add(name, vec![("groupname", group.to_owned())], kind, value);
            }
        }
        add("push_time_seconds", vec![], Kind::PushTime, 0.0);
        for collector in 0..18 {
            add(
                "noroshi_exporter_collector_up",
                vec![("collector", format!("collector-{collector}"))],
                Kind::Still,
                1.0,
            );
        }
        let mut still = 0;
        while made.len() < 200 {
            made.push(("node_info".to_owned(), vec![("fact", still.to_string())], Kind::Still, 1.0));
            still += 1;
        }
        made.truncate(200);
        let series = made
            .into_iter()
            .enumerate()
            .map(|(place, (name, labels, kind, value))| {
                let own = [(METRIC_NAME, name), ("job", "host".to_owned()), ("instance", instance.clone())];
                let seed = (number * 1000 + place + 1) as u64;
                let labels = own.into_iter().chain(labels).collect();
                Series { labels, kind, value, random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) }
            })
            .collect();
        Self { series, phase: number as i64 * 150 % STEP, random: number as u64 + 1 }
    }

    /// Returns when the host's next push is, and calls `visit` with each value.
    pub fn push(&mut self, begin: i64, visit: &mut impl FnMut(usize, f64)) -> i64 {
        let time = begin + self.phase + (next(&mut self.random) * 40.0) as i64;
        for (place, series) in self.series.iter_mut().enumerate() {
            visit(place, series.next(time));
        }
        time
    }
}

impl Series {
    fn next(&mut self, time: i64) -> f64 {
        let random = next(&mut self.random);
        match self.kind {
            Kind::Still => {}
            Kind::Seconds(rate) => self.value = ((self.value + rate * (0.5 + random)) * 100.0).round() / 100.0,
            Kind::Count(rate) => self.value += (rate * random * 2.0).round(),
            // Most gauges do not move with every push.
            Kind::Wanders(step) if random < 0.5 => self.value += step * ((random * 40.0).round() - 10.0),
            Kind::Wanders(_) => {}
            Kind::Load(middle) => self.value = (middle * (0.5 + random) * 100.0).round() / 100.0,
            Kind::PushTime => self.value = time as f64 / 1000.0 + (random * 1e4).round() / 1e7,
        }
        self.value
    }
}

/// Numbers from zero to one.
fn next(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}
