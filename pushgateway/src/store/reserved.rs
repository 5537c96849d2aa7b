//! Families whose type is settled before anybody pushes.

use exposition::Kind;

use Kind::{Counter, Gauge, Summary};

/// What this store tells of itself under a Pushgateway's names.
pub const OWN: [(&str, Kind); 10] = [
    ("process_cpu_seconds_total", Counter),
    ("process_max_fds", Gauge),
    ("process_open_fds", Gauge),
    ("process_resident_memory_bytes", Gauge),
    ("process_start_time_seconds", Gauge),
    ("process_virtual_memory_bytes", Gauge),
    ("pushgateway_build_info", Gauge),
    ("pushgateway_http_push_duration_seconds", Summary),
    ("pushgateway_http_push_size_bytes", Summary),
    ("pushgateway_http_requests_total", Counter),
];

/// What Go's client library adds to every program, a Pushgateway among them
/// (<https://pkg.go.dev/github.com/prometheus/client_golang/prometheus/collectors>). Whoever moves back, or scrapes both,
/// must not find another type under such a name.
pub const GO: [(&str, Kind); 28] = [
    ("go_gc_duration_seconds", Summary),
    ("go_goroutines", Gauge),
    ("go_info", Gauge),
    ("go_memstats_alloc_bytes", Gauge),
    ("go_memstats_alloc_bytes_total", Counter),
    ("go_memstats_buck_hash_sys_bytes", Gauge),
    ("go_memstats_frees_total", Counter),
    ("go_memstats_gc_sys_bytes", Gauge),
    ("go_memstats_heap_alloc_bytes", Gauge),
    ("go_memstats_heap_idle_bytes", Gauge),
    ("go_memstats_heap_inuse_bytes", Gauge),
    ("go_memstats_heap_objects", Gauge),
    ("go_memstats_heap_released_bytes", Gauge),
    ("go_memstats_heap_sys_bytes", Gauge),
    ("go_memstats_last_gc_time_seconds", Gauge),
    ("go_memstats_lookups_total", Counter),
    ("go_memstats_mallocs_total", Counter),
    ("go_memstats_mcache_inuse_bytes", Gauge),
    ("go_memstats_mcache_sys_bytes", Gauge),
    ("go_memstats_mspan_inuse_bytes", Gauge),
    ("go_memstats_mspan_sys_bytes", Gauge),
    ("go_memstats_next_gc_bytes", Gauge),
    ("go_memstats_other_sys_bytes", Gauge),
    ("go_memstats_stack_inuse_bytes", Gauge),
    ("go_memstats_stack_sys_bytes", Gauge),
    ("go_memstats_sys_bytes", Gauge),
    ("go_threads", Gauge),
    ("process_virtual_memory_max_bytes", Gauge),
];

/// Which families have a type that no push changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reserved {
    /// Also those of Go's client library.
    pub go_names: bool,
}

impl Reserved {
    /// Returns the type that the family must have.
    #[must_use]
    pub fn kind(self, name: &str) -> Option<Kind> {
        // Nearly all names are somebody else's.
        if !["go_", "process_", "push"].iter().any(|prefix| name.starts_with(prefix)) {
            return None;
        }
        let go = if self.go_names { &GO[..] } else { &[] };
        OWN.iter().chain(go).find(|(own, _)| *own == name).map(|(_, kind)| *kind)
    }
}
