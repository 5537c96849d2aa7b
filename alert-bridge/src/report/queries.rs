//! What is asked, in PromQL.
//!
//! The series of `alert-rules/recording.yml` go first: they hold what the rules see, and end when a host falls silent. Each
//! has a twin made of what hosts push, for those who load no recording rules, and for a VictoriaMetrics without vmalert.

use jiff::SignedDuration;

use super::fleet::Gauge;

/// Seconds after its last push from which a host counts as down, as in the alert rules.
pub const DOWN_AFTER_SECONDS: i64 = 180;

/// How often a day is looked at where only looking again and again helps.
const LOOKS: i32 = 288;

/// Seconds since the last push, of plain pushes; and of hosts that Prometheus scrapes itself.
const AGE: &str = r"
(
  time() - max by (job, instance) (
    push_time_seconds and ignoring (domainname, machine, nodename, release, sysname, version) node_uname_info
  )
  or time() - max by (job, instance) (push_time_seconds) and on (job, instance) node_uname_info
  or time() - max by (job, instance) (timestamp(node_uname_info unless on (job, instance) push_time_seconds))
)";

/// Returns when each host was heard of last, in seconds since 1970.
///
/// While the Pushgateway cannot be read, the last age seen counts: nobody is called down for it.
pub fn last_seen() -> String {
    format!("time() - (host:known_push_age_seconds or host:push_age_seconds or {AGE})")
}

/// Returns the same of all hosts that were there in the period, those that nobody knows any more included.
pub fn last_seen_in(period: SignedDuration) -> String {
    let step = seconds(period / LOOKS);
    format!("max_over_time((time() - (host:push_age_seconds or {AGE}))[{}:{step}])", seconds(period))
}

/// Asks whether the Pushgateway can be read: 1 or 0, or nothing where there is none.
pub const GATEWAY: &str = r#"min(up{job="pushgateway"})"#;

/// Returns for how many seconds each host has been running.
pub fn uptime() -> String {
    format!(
        "max by (job, instance) (time() - node_boot_time_seconds) and on (job, instance) ({} < {DOWN_AFTER_SECONDS})",
        age()
    )
}

/// Returns the recorded series of `gauge`.
pub fn recorded(gauge: Gauge) -> &'static str {
    match gauge {
        Gauge::Cpu => "host:cpu_used:ratio_avg5m",
        Gauge::Memory => "host:memory_used:ratio_avg5m",
        Gauge::Disk => "host:filesystem_used_max:ratio",
    }
}

/// Returns what makes the recorded series of `gauge` where nobody records it.
pub fn pushed(gauge: Gauge) -> String {
    let figure = match gauge {
        Gauge::Cpu => {
            r#"
  avg by (job, instance) (avg_over_time(noroshi_exporter_cpu_used_ratio[5m]))
  or 1 - sum by (job, instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))
       / sum by (job, instance) (rate(node_cpu_seconds_total[5m]))"#
        }
        Gauge::Memory => {
            r"
  avg by (job, instance) (avg_over_time(noroshi_exporter_memory_used_ratio[5m]))
  or 1 - avg by (job, instance) (node_memory_MemAvailable_bytes) / avg by (job, instance) (node_memory_MemTotal_bytes)"
        }
        Gauge::Disk => {
            r#"
  max by (job, instance) (noroshi_exporter_filesystem_used_ratio_max)
  or max by (job, instance) (
    1 - node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|devtmpfs|squashfs|iso9660|erofs"}
      / (node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|devtmpfs|squashfs|iso9660|erofs"} > 0)
  )"#
        }
    };
    format!("({figure}) and on (job, instance) ({} < {DOWN_AFTER_SECONDS})", age())
}

/// Returns the highest of `expression` over each `span`; `pushed` figures are looked at three times in it.
pub fn highest(expression: &str, span: SignedDuration) -> String {
    if expression.contains('(') {
        format!("max_over_time(({expression})[{}:{}])", seconds(span), seconds(span / 3))
    } else {
        format!("max_over_time({expression}[{}])", seconds(span))
    }
}

/// Returns for how many looks each alert fired in the period, and how far the looks are apart.
pub fn alerts(period: SignedDuration, watchdog: &str) -> (String, SignedDuration) {
    let apart = SignedDuration::from_millis((period.as_millis() / 1440).try_into().unwrap_or(i64::MAX))
        .max(SignedDuration::from_millis(1));
    let firing = firing(watchdog);
    (format!("count_over_time({firing}[{}:{}])", seconds(period), seconds(apart)), apart)
}

/// Asks for the alerts that fire now.
pub fn firing(watchdog: &str) -> String {
    let watchdog = watchdog.replace('\\', "\\\\").replace('"', "\\\"");
    format!(r#"ALERTS{{alertstate="firing",alertname!="{watchdog}"}}"#)
}

fn age() -> String {
    format!("(host:push_age_seconds or {AGE})")
}

/// PromQL's durations are whole; milliseconds are its smallest.
fn seconds(duration: SignedDuration) -> String {
    let milliseconds = duration.as_millis().max(1);
    if milliseconds % 1000 == 0 { format!("{}s", milliseconds / 1000) } else { format!("{milliseconds}ms") }
}
