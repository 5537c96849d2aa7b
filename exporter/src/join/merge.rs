//! Who may say what on a host's page.

use anyhow::ensure;
use exposition::{Families, Family, Kind, LabelName};

/// What became of a source's series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Those on the page.
    pub series: usize,
    /// Those that did not go with the rest of it.
    pub left_out: usize,
}

/// Names that only a host itself uses.
const OF_HOSTS: [&str; 4] = ["node_", "namedprocess_", "probe_", "systemd_"];

/// Names that only our own parts and a gateway use.
const OURS: [&str; 2] = ["noroshi_", "pushgateway_"];

/// Names that a gateway, or Prometheus at a scrape, writes itself: pushed ones would lie beside the true ones.
const OF_THE_SCRAPE: [&str; 9] = [
    "push_time_seconds",
    "push_failure_time_seconds",
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "ALERTS",
    "ALERTS_FOR_STATE",
];

/// Puts a bot's families onto `page`: all of them or none, but for [misfits](is_misfit), which are left out alone.
///
/// # Errors
/// For a name that is a host's, a type that is not that of the same family elsewhere, and series that are there
/// already; the page is as it was then.
pub fn bot(page: &mut Families, own: Families, bot: Option<&str>) -> anyhow::Result<Joined> {
    let (mut ours, mut joined) = (Families::new(), Joined::default());
    for family in own {
        let name = family.name().as_str();
        ensure!(!OF_HOSTS.iter().any(|prefix| name.starts_with(prefix)), "the name `{name}` is for hosts only");
        ensure!(!is_kept(name), "the name `{name}` is not for others to use");
        if is_misfit(&family) {
            joined.left_out += family.series_count();
            continue;
        }
        joined.series += family.series_count();
        ours.merge(labelled(family, bot)?)?;
    }
    page.merge_all(ours)?;
    Ok(joined)
}

/// Returns whether nobody may push this name but ourselves.
pub fn is_kept(name: &str) -> bool {
    OURS.iter().any(|prefix| name.starts_with(prefix)) || OF_THE_SCRAPE.contains(&name)
}

/// Returns whether a gateway would refuse the push for this family.
///
/// Programs tell their own memory and CPU under the names `process_…` and `go_…`, and so does the gateway: there a type
/// must be the same. Some libraries know no types.
pub fn is_misfit(family: &Family) -> bool {
    const COUNTERS: [&str; 6] = [
        "process_cpu_seconds_total",
        "go_memstats_alloc_bytes_total",
        "go_memstats_frees_total",
        "go_memstats_lookups_total",
        "go_memstats_mallocs_total",
        "process_network_receive_bytes_total",
    ];
    const GAUGES: [&str; 9] = [
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
        "process_virtual_memory_max_bytes",
        "go_goroutines",
        "go_info",
        "go_threads",
    ];
    let name = family.name().as_str();
    let kind = match name {
        "go_gc_duration_seconds" => Kind::Summary,
        // In the gateway these are lines of that summary.
        "go_gc_duration_seconds_sum" | "go_gc_duration_seconds_count" => return true,
        _ if COUNTERS.contains(&name) => Kind::Counter,
        _ if GAUGES.contains(&name) || name.starts_with("go_memstats_") => Kind::Gauge,
        _ => return false,
    };
    family.kind() != kind
}

/// Returns the family with the label `bot` where there is none.
///
/// `job` and `instance` are the gateway's, which overwrites them: series that nothing else tells apart would become
/// one, and the push be refused. They get the names that Prometheus gives them in the same need.
pub fn labelled(family: Family, bot: Option<&str>) -> anyhow::Result<Family> {
    let names = ["bot", "job", "instance", "exported_job", "exported_instance"];
    let [bot_label, job, instance, exported_job, exported_instance] = names.map(LabelName::new);
    let (bot_label, job, instance) = (bot_label?, job?, instance?);
    let (exported_job, exported_instance) = (exported_job?, exported_instance?);
    Ok(family.relabel(|labels| {
        let labels = labels.renamed(&job, &exported_job).renamed(&instance, &exported_instance);
        match bot {
            Some(bot) => labels.or_with(&bot_label, bot),
            None => labels,
        }
    })?)
}

/// Returns a number of things as a value.
#[expect(clippy::cast_precision_loss, reason = "no page has 2^53 series")]
pub fn figure(number: usize) -> f64 {
    number as f64
}
