//! What is asked: name, query, and whether over the whole time at steps of a minute or at its end.

pub struct Asked {
    pub name: &'static str,
    pub query: &'static str,
    pub is_range: bool,
}

pub const ASKED: [Asked; 7] = [
    Asked {
        name: "rule, instant: 100 series",
        query: "time() - push_time_seconds{job=\"host\"} > 180",
        is_range: false,
    },
    Asked {
        name: "rate, instant: 2,000 series",
        query: "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
        is_range: false,
    },
    Asked {
        name: "one host, instant: 20 series",
        query: "rate(node_cpu_seconds_total{instance=\"host-042\"}[5m])",
        is_range: false,
    },
    Asked { name: "gauge, range: 100 series", query: "node_load1", is_range: true },
    Asked {
        name: "rate, range: 100 series",
        query: "rate(node_network_receive_bytes_total{device=\"eth0\"}[5m])",
        is_range: true,
    },
    Asked {
        name: "one host, range: 20 series",
        query: "rate(node_cpu_seconds_total{instance=\"host-042\"}[5m])",
        is_range: true,
    },
    Asked {
        name: "rate, range: 2,000 series",
        query: "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
        is_range: true,
    },
];
