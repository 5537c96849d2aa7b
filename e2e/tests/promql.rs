//! Our PromQL and the real Prometheus' on the same samples: every query of `testdata/promql-queries.txt`, at three
//! instants and over a range. Every value must be the same to one part in a billion, and what Prometheus refuses we refuse.
//!
//! The samples are those of a small fleet: counters with resets, a gap, a host that dies, one that joins late, NaN,
//! an event that is rare. `jitter` has them at odd milliseconds, `aligned` on the second, where the edges of windows count.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]
#![expect(clippy::print_stdout, reason = "the counts are what this test is run for")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use promql::{Engine, Memory, Query, Range, Semantics, Value as Answered};
use serde_json::Value;
use series::{Labels, METRIC_NAME, Sample};
use tempfile::TempDir;

/// A moment of the past, in milliseconds; two hours and a half are asked for, three are there.
const BEGIN: i64 = 1_760_000_000_000;
const HOURS_3: i64 = 3 * 3_600_000;
const STEP: i64 = 15_000;

const QUERIES: &str = include_str!("../testdata/promql-queries.txt");

#[tokio::test]
async fn queries_on_jittered_samples_answer_as_prometheus_does() {
    compare("jitter", true).await;
}

#[tokio::test]
async fn queries_on_aligned_samples_answer_as_prometheus_does() {
    compare("aligned", false).await;
}

async fn compare(name: &str, jitter: bool) {
    let fleet = Fleet::new(jitter);
    let prometheus = Prometheus::start(&fleet).await;
    let engine = Engine { semantics: Semantics::V2, ..Engine::default() };
    let memory = fleet.memory();

    let queries: Vec<&str> = QUERIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let (mut equal, mut different) = (0, Vec::new());
    for query in queries {
        match differs(&prometheus, &engine, &memory, query).await {
            None => equal += 1,
            Some(difference) => different.push(format!("{query}\n    {difference}")),
        }
    }

    println!("{name}: {} series, {equal} queries equal, {} different", fleet.series.len(), different.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(equal > 200, "the list of queries has shrunk to {equal}");
}

async fn differs(prometheus: &Prometheus, engine: &Engine, memory: &Memory, query: &str) -> Option<String> {
    let parsed = Query::parse(query);
    for time in [BEGIN + 3_600_000, BEGIN + 2 * 3_600_000 + 7_000, BEGIN + HOURS_3 - 60_000] {
        let seconds = (time as f64 / 1000.0).to_string();
        let theirs = prometheus.ask("query", &[("query", query), ("time", &seconds)]).await;
        let ours = parsed.clone().ok().and_then(|query| engine.instant(memory, &query, time).ok());
        if let Some(difference) = tell_apart(theirs, ours.map(|answer| answer.value)) {
            return Some(format!("at {seconds}: {difference}"));
        }
    }
    let range = Range { start: BEGIN + 1_800_000, end: BEGIN + 1_800_000 + 149 * 60_000, step: 60_000 };
    let (start, end) = ((range.start / 1000).to_string(), (range.end / 1000).to_string());
    let theirs =
        prometheus.ask("query_range", &[("query", query), ("start", &start), ("end", &end), ("step", "60")]).await;
    let ours = parsed.ok().and_then(|query| engine.range(memory, &query, range).ok());
    tell_apart(theirs, ours.map(|answer| answer.value)).map(|difference| format!("as a range: {difference}"))
}

/// A series' values by time, in milliseconds.
type Series = BTreeMap<String, Vec<(i64, f64)>>;

fn tell_apart(theirs: Option<Value>, ours: Option<Answered>) -> Option<String> {
    let (theirs, ours) = match (theirs, ours) {
        (None, None) => return None,
        (None, Some(ours)) => return Some(format!("refused there, here {ours:?}")),
        (Some(theirs), None) => return Some(format!("refused here, there {theirs}")),
        (Some(theirs), Some(ours)) => (flatten_theirs(&theirs), flatten_ours(ours)),
    };
    if theirs.keys().ne(ours.keys()) {
        return Some(format!("there {:?}, here {:?}", theirs.keys(), ours.keys()));
    }
    for (labels, points) in &theirs {
        let others = &ours[labels];
        if points.len() != others.len() {
            return Some(format!("{labels}: there {} samples, here {}", points.len(), others.len()));
        }
        for ((time, one), (moment, other)) in points.iter().zip(others) {
            if time != moment || !is_same(*one, *other) {
                return Some(format!("{labels}: there {one} at {time}, here {other} at {moment}"));
            }
        }
    }
    None
}

fn is_same(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan()) || (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

fn flatten_ours(answer: Answered) -> Series {
    match answer {
        Answered::Scalar(sample) => [("scalar".to_owned(), vec![(sample.timestamp, sample.value)])].into(),
        Answered::Text(text) => [(format!("text {text}"), Vec::new())].into(),
        Answered::Vector(points) => points
            .into_iter()
            .map(|point| (named(point.labels.iter()), vec![(point.sample.timestamp, point.sample.value)]))
            .collect(),
        Answered::Matrix(all) => all
            .into_iter()
            .map(|points| {
                let samples = points.samples.iter().map(|sample| (sample.timestamp, sample.value)).collect();
                (named(points.labels.iter()), samples)
            })
            .collect(),
    }
}

fn flatten_theirs(answer: &Value) -> Series {
    let result = &answer["data"]["result"];
    match answer["data"]["resultType"].as_str().unwrap() {
        "scalar" => [("scalar".to_owned(), vec![point(result)])].into(),
        "string" => [(format!("text {}", result[1].as_str().unwrap()), Vec::new())].into(),
        kind => result
            .as_array()
            .unwrap()
            .iter()
            .map(|series| {
                let labels = series["metric"].as_object().unwrap();
                let points = match kind {
                    "vector" => vec![point(&series["value"])],
                    _ => series["values"].as_array().unwrap().iter().map(point).collect(),
                };
                (named(labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()))), points)
            })
            .collect(),
    }
}

fn named<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_unstable();
    format!("{labels:?}")
}

fn point(pair: &Value) -> (i64, f64) {
    let value = match pair[1].as_str().unwrap() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        other => other.parse().unwrap(),
    };
    ((pair[0].as_f64().unwrap() * 1000.0).round() as i64, value)
}

// --- the samples ---

/// Three hours of a small fleet.
struct Fleet {
    series: BTreeMap<String, (Labels, Vec<Sample>)>,
    /// A generator of numbers that are the same in every run.
    state: u64,
    jitter: bool,
}

impl Fleet {
    fn new(jitter: bool) -> Self {
        let mut fleet = Self { series: BTreeMap::new(), state: 0x5eed, jitter };
        for host in 1..=6 {
            fleet.machine(host);
            fleet.bot(host);
        }
        fleet.odd_ones();
        fleet
    }

    fn number(&mut self) -> f64 {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Adds a series with what `value` says for each step; nothing where it says nothing.
    fn add(
        &mut self,
        metric: &str,
        labels: &[(&str, &str)],
        phase: i64,
        value: impl Fn(&mut Self, i64) -> Option<f64>,
    ) {
        let all: Labels = labels.iter().copied().chain([(METRIC_NAME, metric)]).collect();
        let phase = if self.jitter { phase % STEP } else { 0 };
        let mut samples = Vec::new();
        for step in 0..HOURS_3 / STEP {
            if let Some(value) = value(self, step) {
                samples.push(Sample::new(BEGIN + step * STEP + phase, value));
            }
        }
        self.series.insert(all.to_string(), (all, samples));
    }

    /// A host scraped as node_exporter is: the third has a gap, the fifth dies, the sixth comes late, the second reboots.
    fn machine(&mut self, host: i64) {
        let instance = format!("h{host}:9100");
        let phase = host * 2_317;
        let there = move |step: i64| match host {
            3 => !(200..260).contains(&step),
            5 => step < 500,
            6 => step > 300,
            _ => true,
        };
        let since = move |step: i64| if host == 2 && step >= 400 { step - 400 } else { step };
        let base = [("instance", instance.as_str()), ("job", "node")];
        let with = |more: &[(&'static str, &'static str)]| [&base[..], more].concat();
        self.add("up", &base, phase, move |_, step| Some(f64::from(u8::from(there(step)))));
        for name in ["node_load1", "node_load5"] {
            self.add(name, &base, phase, move |fleet, step| {
                there(step).then(|| (fleet.number() * 300.0).round() / 100.0 + (step % 7) as f64 / 10.0)
            });
        }
        for (cpu, mode) in
            [("0", "idle"), ("0", "user"), ("0", "iowait"), ("1", "idle"), ("1", "user"), ("1", "iowait")]
        {
            let share = match mode {
                "idle" => 0.7,
                "user" => 0.25,
                _ => 0.05,
            };
            let labels = [&base[..], &[("cpu", cpu), ("mode", mode)]].concat();
            self.add("node_cpu_seconds_total", &labels, phase, move |fleet, step| {
                there(step).then(|| since(step) as f64 * 15.0 * share + fleet.number())
            });
        }
        for (name, share) in [
            ("node_memory_MemTotal_bytes", 1.0),
            ("node_memory_MemAvailable_bytes", 0.4),
            ("node_memory_Buffers_bytes", 0.1),
            ("node_memory_Cached_bytes", 0.2),
            ("node_memory_SwapTotal_bytes", if host == 4 { 0.0 } else { 0.5 }),
            ("node_memory_SwapFree_bytes", if host == 4 { 0.0 } else { 0.3 }),
        ] {
            let moves = name.contains("Available") || name.contains("Free");
            self.add(name, &base, phase, move |fleet, step| {
                let noise = if moves { fleet.number() * 0.1 } else { 0.0 };
                there(step).then(|| (2e9 * share * (1.0 + noise)).round())
            });
        }
        for (mountpoint, fstype, device) in
            [("/", "ext4", "sda1"), ("/data", "xfs", "sdb1"), ("/run", "tmpfs", "tmpfs")]
        {
            let labels = [("mountpoint", mountpoint), ("fstype", fstype), ("device", device)];
            let falls = if mountpoint == "/data" { 5e7 } else { 1e5 };
            self.add("node_filesystem_size_bytes", &with(&labels), phase, move |_, step| there(step).then_some(4e10));
            self.add("node_filesystem_avail_bytes", &with(&labels), phase, move |fleet, step| {
                there(step).then(|| (3.9e10 - step as f64 * falls + fleet.number() * 1e6).round())
            });
            self.add("node_filesystem_readonly", &with(&labels), phase, move |_, step| there(step).then_some(0.0));
            self.add("node_filesystem_files", &with(&labels), phase, move |_, step| there(step).then_some(1e6));
            self.add("node_filesystem_files_free", &with(&labels), phase, move |_, step| {
                there(step).then_some(1e6 - step as f64)
            });
        }
        for name in ["node_disk_read_bytes_total", "node_disk_written_bytes_total", "node_disk_io_time_seconds_total"] {
            let scale = if name.ends_with("seconds_total") { 5.0 } else { 4096.0 * 100.0 };
            self.add(name, &with(&[("device", "sda")]), phase, move |fleet, step| {
                there(step).then(|| since(step) as f64 * scale + fleet.number())
            });
        }
        for device in ["eth0", "lo", "veth12"] {
            for name in ["receive_bytes", "transmit_bytes", "receive_errs"] {
                let scale = if name.ends_with("errs") { 0.01 } else { 1e5 };
                self.add(
                    &format!("node_network_{name}_total"),
                    &with(&[("device", device)]),
                    phase,
                    move |fleet, step| {
                        there(step).then(|| (since(step) as f64 * scale * (1.0 + fleet.number() * 1e-4)).floor())
                    },
                );
            }
        }
        self.add("node_time_seconds", &base, phase, move |_, step| {
            there(step).then(|| (BEGIN / 1000 + step * 15) as f64)
        });
        self.add("node_boot_time_seconds", &base, phase, move |_, step| {
            there(step).then(|| (BEGIN / 1000 - 500_000 + if host == 2 && step >= 400 { 506_000 } else { 0 }) as f64)
        });
        let nodename = format!("host-{host}");
        let release = if host % 2 == 0 { "6.1.0" } else { "6.12.0" };
        let uname = [&base[..], &[("nodename", nodename.as_str()), ("release", release)]].concat();
        self.add("node_uname_info", &uname, phase, move |_, step| there(step).then_some(1.0));
    }

    /// A host that pushes, with a bot and a game server.
    fn bot(&mut self, host: i64) {
        let name = format!("h{host}");
        let phase = host * 1_733;
        let there = move |step: i64| host != 5 || step < 480;
        let base = [("host", name.as_str()), ("job", "hostpush")];
        self.add("push_time_seconds", &base, phase, move |_, step| {
            Some((BEGIN / 1000 + if there(step) { step - step % 4 } else { 480 } * 15) as f64 + 0.75)
        });
        self.add("host_cpu_percent", &base, phase, move |fleet, step| {
            there(step).then(|| if host == 1 { 85.0 } else { (fleet.number() * 1000.0).round() / 10.0 })
        });
        self.add("host_mem_percent", &base, phase, move |fleet, step| {
            there(step).then(|| if host == 4 && step % 50 == 0 { f64::NAN } else { 40.0 + fleet.number() * 60.0 })
        });
        let owner = if host % 2 == 0 { "bob" } else { "ann" };
        let info = [("host", name.as_str()), ("owner", owner), ("region", "tokyo"), ("job", "inventory")];
        self.add("host_info", &info, phase, |_, _| Some(1.0));
        let bot = [("host", name.as_str()), ("job", "bots"), ("bot", "rect")];
        self.add("discord_bot_up", &bot, phase, move |_, step| Some(f64::from(u8::from((step / 40 + host) % 5 != 0))));
        self.add("discord_gateway_latency_ms", &bot, phase, |fleet, _| Some((fleet.number() * 400.0).round()));
        self.add("discord_guilds", &bot, phase, move |_, step| Some((2000 + host * 10 + step / 30) as f64));
        for (cmd, status) in [("play", "ok"), ("play", "err"), ("skip", "ok"), ("skip", "err")] {
            let labels = [&bot[..], &[("cmd", cmd), ("status", status)]].concat();
            let scale = if status == "ok" { 3.0 } else { 0.4 };
            self.add("discord_commands_total", &labels, phase, move |_, step| {
                Some((((step + host * 13) % 333) as f64 * scale).floor())
            });
        }
        for (place, bound) in ["0.05", "0.1", "0.5", "1", "+Inf"].into_iter().enumerate() {
            let labels = [&bot[..], &[("le", bound)]].concat();
            self.add("discord_command_duration_seconds_bucket", &labels, phase, move |_, step| {
                Some((step as f64 * [0.5, 1.1, 2.3, 2.9, 3.0][place] * (1.0 + host as f64 / 10.0)).floor())
            });
        }
        let server = if host % 2 == 0 { "minecraft" } else { "valheim" };
        let game = [("host", name.as_str()), ("job", "games"), ("server", server)];
        self.add("game_server_tps", &game, phase, |fleet, _| Some((10.0 + fleet.number() * 10.0).round()));
        self.add("game_players_online", &game, phase, move |_, step| Some(((step / 25 + host) % 6) as f64));
    }

    fn odd_ones(&mut self) {
        self.add("rare_event", &[("job", "odd")], 4_321, |_, step| (step % 37 == 0).then_some(step as f64));
        let backup = (BEGIN / 1000) as f64;
        self.add("backup_last_success_timestamp_seconds", &[("job", "odd")], 777, move |_, step| {
            Some(backup + (step / 100 * 1500) as f64)
        });
    }

    fn memory(&self) -> Memory {
        let mut memory = Memory::new();
        for (labels, samples) in self.series.values() {
            samples.iter().for_each(|sample| memory.add(labels, *sample));
        }
        memory
    }

    /// The samples as a file that promtool makes blocks of.
    fn openmetrics(&self) -> String {
        let mut families: BTreeMap<&str, Vec<&(Labels, Vec<Sample>)>> = BTreeMap::new();
        self.series.values().for_each(|series| families.entry(series.0.metric()).or_default().push(series));
        let mut text = String::new();
        for (name, all) in families {
            // Of an unknown type no suffix is asked for.
            writeln!(text, "# TYPE {name} unknown").unwrap();
            for (labels, samples) in all {
                let series = labels.to_string().replace(", ", ",");
                for sample in samples {
                    writeln!(text, "{series} {} {}", sample.value, sample.timestamp as f64 / 1000.0).unwrap();
                }
            }
        }
        text + "# EOF\n"
    }
}

// --- the real Prometheus ---

struct Prometheus {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    async fn start(fleet: &Fleet) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(file("samples"), fleet.openmetrics()).unwrap();
        std::fs::write(file("prometheus.yml"), "global: {evaluation_interval: 1m}\n").unwrap();
        let made = tokio::process::Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", &file("samples"), &file("data")])
            .output()
            .await
            .unwrap_or_else(|error| panic!("cannot start promtool: {error}; run scripts/install-test-deps"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", file("data")))
            .arg(format!("--web.listen-address={address}"))
            .arg("--storage.tsdb.retention.time=100y")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start prometheus: {error}; run scripts/install-test-deps"));
        let prometheus = Self { child, url: format!("http://{address}"), _folder: folder };
        for _ in 0..600 {
            if prometheus.ask("query", &[("query", "1")]).await.is_some() {
                return prometheus;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("prometheus is not ready");
    }

    /// Asks; nothing when it is refused.
    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Option<Value> {
        let client = daemon::http::client("noroshi-e2e").unwrap();
        let mut url = url::Url::parse(&format!("{}/api/v1/{what}", self.url)).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        let answer: Value = client.get(url).send().await.ok()?.json().await.ok()?;
        (answer["status"] == "success").then_some(answer)
    }
}
