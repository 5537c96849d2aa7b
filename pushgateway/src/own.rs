//! What a Pushgateway tells of itself, under its own names: dashboards and alerts of those who come from one go on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use exposition::{Kind, Summary, Value};
use http::{Method, StatusCode};
use procfs_core::FromRead;
use procfs_core::process::Stat;

use crate::store::group::{Family, Series};
use crate::store::labels;

/// Quantiles are those of the last so many pushes.
const REMEMBERED: usize = 1000;
const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

/// The counters of the API.
#[derive(Debug, Default)]
pub struct Own(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    requests: BTreeMap<(u16, &'static str, String), u64>,
    pushes: BTreeMap<String, Pushes>,
}

#[derive(Debug, Default)]
struct Pushes {
    sizes: Observed,
    durations: Observed,
}

#[derive(Debug, Default)]
struct Observed {
    last: VecDeque<f64>,
    sum: f64,
    count: u64,
}

impl Own {
    /// Counts an answered request.
    pub fn answered(&self, handler: &'static str, method: &Method, status: StatusCode) {
        let key = (status.as_u16(), handler, method_name(method));
        *self.lock().requests.entry(key).or_default() += 1;
    }

    /// Counts a push, whatever came of it; `bytes` are those of the request with its head.
    pub fn pushed(&self, method: &Method, bytes: usize, duration: Duration) {
        let mut counted = self.lock();
        let pushes = counted.pushes.entry(method_name(method)).or_default();
        #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are many")]
        pushes.sizes.observe(bytes as f64);
        pushes.durations.observe(duration.as_secs_f64());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all of it in the order of the names, as families that no group has.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut families = process();
        let build = labels::print([
            ("branch", ""),
            ("goarch", std::env::consts::ARCH),
            ("goos", std::env::consts::OS),
            ("goversion", ""),
            ("revision", ""),
            ("version", env!("CARGO_PKG_VERSION")),
        ]);
        families.push(family(
            "pushgateway_build_info",
            "A metric with a constant '1' value labeled by the version of what keeps the groups; it is Noroshi's.",
            Kind::Gauge,
            vec![Series::number(build, 1.0)],
        ));
        let counted = self.lock();
        let summaries = |of: fn(&Pushes) -> &Observed| -> Vec<Series> {
            let series = counted.pushes.iter().map(|(method, pushes)| {
                Series::distribution(labels::print([("method", method)]), of(pushes).summary())
            });
            series.collect()
        };
        families.push(family(
            "pushgateway_http_push_duration_seconds",
            "HTTP request duration for pushes to the Pushgateway.",
            Kind::Summary,
            summaries(|pushes| &pushes.durations),
        ));
        families.push(family(
            "pushgateway_http_push_size_bytes",
            "HTTP request size for pushes to the Pushgateway.",
            Kind::Summary,
            summaries(|pushes| &pushes.sizes),
        ));
        #[expect(clippy::cast_precision_loss, reason = "2^53 requests are many")]
        let requests = counted.requests.iter().map(|((code, handler, method), count)| {
            let labels = labels::print([("code", &*code.to_string()), ("handler", handler), ("method", method)]);
            Series::number(labels, *count as f64)
        });
        families.push(family(
            "pushgateway_http_requests_total",
            "Total HTTP requests processed by the Pushgateway, excluding scrapes.",
            Kind::Counter,
            requests.collect(),
        ));
        families.retain(|family| !family.series.is_empty());
        families
    }
}

impl Observed {
    fn observe(&mut self, value: f64) {
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(value);
        self.sum += value;
        self.count += 1;
    }

    fn summary(&self) -> Value {
        let mut sorted: Vec<f64> = self.last.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place among a thousand"
        )]
        let at = |quantile: f64| {
            let place = (sorted.len() as f64 * quantile) as usize;
            sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        Summary::new(QUANTILES.map(|quantile| (quantile, at(quantile))), self.sum, self.count).into()
    }
}

/// Methods that nobody serves are one: a stranger cannot make series.
fn method_name(method: &Method) -> String {
    match *method {
        Method::GET | Method::PUT | Method::POST | Method::DELETE | Method::OPTIONS => {
            method.as_str().to_ascii_lowercase()
        }
        _ => "other".to_owned(),
    }
}

fn family(name: &str, help: &str, kind: Kind, series: Vec<Series>) -> Family {
    Family { name: name.into(), help: help.into(), kind, pushed: 0, series: series.into() }
}

fn gauge(name: &str, help: &str, kind: Kind, value: f64) -> Family {
    family(name, help, kind, vec![Series::number(String::new(), value)])
}

/// What the kernel tells of this process.
#[expect(clippy::cast_precision_loss, reason = "bytes, ticks and counts are far below 2^53")]
fn process() -> Vec<Family> {
    let mut families = Vec::new();
    let file = std::fs::File::open("/proc/self/stat").ok();
    let Some(stat) = file.and_then(|file| Stat::from_read(file).ok()) else { return families };
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    families.push(gauge(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        Kind::Counter,
        (stat.utime + stat.stime) as f64 / ticks,
    ));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    families.push(gauge(
        "process_max_fds",
        "Maximum number of open file descriptors.",
        Kind::Gauge,
        limit.map_or(f64::INFINITY, |limit| limit as f64),
    ));
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let help = "Number of open file descriptors.";
        families.push(gauge("process_open_fds", help, Kind::Gauge, open.count() as f64));
    }
    let resident = stat.rss as f64 * rustix::param::page_size() as f64;
    families.push(gauge("process_resident_memory_bytes", "Resident memory size in bytes.", Kind::Gauge, resident));
    if let Some(booted) = boot_seconds() {
        families.push(gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            Kind::Gauge,
            booted + stat.starttime as f64 / ticks,
        ));
    }
    families.push(gauge(
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        Kind::Gauge,
        stat.vsize as f64,
    ));
    families
}

fn boot_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::reserved::OWN;

    #[test]
    fn every_family_is_reserved_with_its_type_and_in_order() {
        let own = Own::default();
        own.answered("push", &Method::POST, StatusCode::OK);
        own.pushed(&Method::POST, 100, Duration::from_millis(2));
        let families: Vec<_> = own.families().iter().map(|family| (family.name.to_string(), family.kind)).collect();
        let reserved: Vec<_> = OWN.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        assert_eq!(families, reserved);
    }

    #[test]
    fn quantiles_are_those_of_what_was_seen() {
        let mut observed = Observed::default();
        (1..=10).for_each(|value| observed.observe(f64::from(value)));
        let Value::Summary(summary) = observed.summary() else { panic!("a summary was made") };
        assert_eq!(summary.quantiles().collect::<Vec<_>>(), [(0.1, 2.0), (0.5, 6.0), (0.9, 10.0)]);
        assert_eq!((summary.sum(), summary.count()), (55.0, 10));
    }
}
