//! What becomes of a host's figures while there is no way to the hub, with the real Pushgateway and VictoriaMetrics.
//!
//! Time is told to the exporter with each page instead of being waited for: an hour of pushes takes seconds, and every
//! byte goes the way that it goes in earnest. A relay stands for the way; cut, it takes no connection and drops those
//! that there are.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]
#![expect(clippy::print_stdout, reason = "the counts are what this test is run for")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exporter::buffer::Moment;
use exporter::{Config, Delivery, Exporter};
use exposition::Limits;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

const INTERVAL: u64 = 15;
/// A quarter of an hour, half an hour without a way, a quarter of an hour.
const PAGES: u64 = 240;
const CUT: std::ops::Range<u64> = 60..180;

/// An engine that does not outlive its test.
struct Engine {
    child: Child,
    address: SocketAddr,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Engine {
    async fn start(program: &str, arguments: impl Fn(SocketAddr) -> Vec<String>, health: &str) -> Self {
        let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(program)
            .args(arguments(address))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}; run scripts/install-test-deps"));
        let engine = Self { child, address };
        for _ in 0..600 {
            if get(&format!("http://{address}{health}")).await.is_some() {
                return engine;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{program} is not ready");
    }

    async fn pushgateway() -> Self {
        Self::start("prometheus-pushgateway", |address| vec![format!("--web.listen-address={address}")], "/-/ready")
            .await
    }

    async fn store(folder: &TempDir) -> Self {
        let data = folder.path().join("victoria-metrics").display().to_string();
        let arguments = |address| {
            vec![
                format!("-httpListenAddr={address}"),
                format!("-storageDataPath={data}"),
                "-retentionPeriod=1".to_owned(),
            ]
        };
        Self::start("victoria-metrics", arguments, "/health").await
    }
}

/// The way to an engine.
struct Way {
    here: SocketAddr,
    there: SocketAddr,
    relay: Option<JoinHandle<()>>,
}

impl Way {
    async fn to(there: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        Self { here, there, relay: Some(tokio::spawn(relay(listener, there))) }
    }

    async fn cut(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.abort();
            let _ = relay.await;
        }
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(self.here).await.unwrap();
        self.relay = Some(tokio::spawn(relay(listener, self.there)));
    }
}

async fn relay(listener: TcpListener, there: SocketAddr) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        connections.spawn(async move {
            let Ok(mut far) = TcpStream::connect(there).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

async fn get(url: &str) -> Option<String> {
    let client = daemon::http::client("noroshi-e2e").unwrap();
    client.get(url).send().await.ok()?.error_for_status().ok()?.text().await.ok()
}

/// All that the store has: the samples of each series, as time and value.
async fn stored(store: &Engine) -> BTreeMap<String, Vec<(u64, f64)>> {
    let address = store.address;
    get(&format!("http://{address}/internal/force_flush")).await.unwrap();
    let url = format!("http://{address}/api/v1/export?match[]=%7Binstance%3D%22web-1%22%7D&start=1");
    let mut series: BTreeMap<String, Vec<(u64, f64)>> = BTreeMap::new();
    for line in get(&url).await.unwrap().lines() {
        let block: Value = serde_json::from_str(line).unwrap();
        let times = block["timestamps"].as_array().unwrap().iter().map(|time| time.as_u64().unwrap());
        let values = block["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN));
        series.entry(block["metric"].to_string()).or_default().extend(times.zip(values));
    }
    for samples in series.values_mut() {
        samples.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    }
    series
}

fn config(gateway: SocketAddr, store: SocketAddr, pages: &str, folder: &TempDir) -> Config {
    let folder = folder.path().display();
    let text = format!(
        "exporter:\n  url: http://{gateway}/metrics/job/host/instance/web-1\n  retry_budget: 0s\n  \
         state: {folder}/exporter.json\n  buffer:\n    dir: {folder}/buffer\n    backfill_url: http://{store}\n    pages: {pages}\n"
    );
    config::section::parse("exporter", &text, "noroshi.yaml").unwrap()
}

/// Pushes for an hour, of which the way is cut for 30 minutes. The process is killed and started anew with every
/// seventh page: nothing is closed, nothing is written at an end. Returns the times of the pages and how many pushes failed.
async fn an_hour(config: &Config, ways: &mut [Way]) -> (Vec<u64>, usize) {
    let environment = config::Environment::default();
    let page = Exporter::build(config, &environment).print(&mut |_| ()).await.unwrap();
    let limits = Limits { bytes: 1 << 20, series: 10_000, labels: 64, name_bytes: 512, value_bytes: 4096 };
    let page = exposition::parse(page.as_bytes(), &limits).unwrap();
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let begin = now - PAGES * INTERVAL * 1000;
    let build = || Delivery::build(&config.delivery(), &environment, &mut |warning| panic!("{warning}")).unwrap();
    let build = || build().every(Duration::from_secs(INTERVAL));
    let (mut delivery, mut times, mut failures) = (build(), Vec::new(), 0);
    for number in 0..PAGES {
        if number == CUT.start {
            for way in ways.iter_mut() {
                way.cut().await;
            }
        }
        if number == CUT.end {
            for way in ways.iter_mut() {
                way.mend().await;
            }
        }
        if number % 7 == 6 {
            std::mem::forget(std::mem::replace(&mut delivery, build()));
        }
        let time = begin + number * INTERVAL * 1000;
        let moment = Moment::at(Duration::from_millis(time), Duration::from_secs(number * INTERVAL), "boot");
        let mut page = page.clone();
        page.counter("e2e_pages_total", "").unwrap().set(number as f64).unwrap();
        let result = delivery.deliver(page, None, moment, &mut |_| ()).await;
        assert_eq!(result.is_err(), CUT.contains(&number), "page {number}: {result:?}");
        failures += usize::from(result.is_err());
        times.push(time);
    }
    (times, failures)
}

/// Holds what is stored against the pages that should be.
fn compare(stored: &BTreeMap<String, Vec<(u64, f64)>>, times: &[u64], first: usize) {
    let counter = stored.iter().find(|(metric, _)| metric.contains("\"e2e_pages_total\"")).unwrap().1;
    let expected: Vec<_> = times.iter().enumerate().map(|(index, time)| (*time, (first + index) as f64)).collect();
    assert_eq!(*counter, expected, "every page once, with its own time and value");
    let (mut samples, mut gaps, mut duplicates) = (0, 0, 0);
    for (metric, series) in stored {
        assert!(metric.contains("\"job\":\"host\""), "{metric}");
        let mut missing: Vec<_> = times.to_vec();
        missing.retain(|time| series.binary_search_by_key(time, |sample| sample.0).is_err());
        gaps += missing.len();
        duplicates += series.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
        samples += series.len();
    }
    println!(
        "{} series, {} pages, {samples} samples stored, {gaps} gaps, {duplicates} duplicates",
        stored.len(),
        times.len()
    );
    assert_eq!((gaps, duplicates, samples), (0, 0, stored.len() * times.len()));
    assert!(stored.len() > 100, "a whole page is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_hour_without_a_way_leaves_no_gap_and_no_duplicate() {
    let folder = TempDir::new().unwrap();
    let (pushgateway, store) = (Engine::pushgateway().await, Engine::store(&folder).await);
    let mut ways = [Way::to(pushgateway.address).await, Way::to(store.address).await];
    let config = config(ways[0].here, ways[1].here, "all", &folder);

    let (times, failures) = an_hour(&config, &mut ways).await;

    println!("{failures} pushes of {} failed", times.len());
    compare(&stored(&store).await, &times, 0);
    // And the Pushgateway has what is now.
    let present = get(&format!("http://{}/metrics", pushgateway.address)).await.unwrap();
    assert!(present.contains("e2e_pages_total{instance=\"web-1\",job=\"host\"} 239"), "{present}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_and_nothing_else_is_made_up_for() {
    let folder = TempDir::new().unwrap();
    let (pushgateway, store) = (Engine::pushgateway().await, Engine::store(&folder).await);
    // The store is within reach all the time; the gateway is what counts.
    let mut ways = [Way::to(pushgateway.address).await];
    let config = config(ways[0].here, store.address, "missed", &folder);

    let (times, failures) = an_hour(&config, &mut ways).await;

    println!("{failures} pushes of {} failed", times.len());
    let cut = CUT.start as usize..CUT.end as usize;
    compare(&stored(&store).await, &times[cut], CUT.start as usize);
    let waiting = std::fs::read_dir(folder.path().join("buffer")).unwrap().count();
    assert_eq!(waiting, 1, "nothing but the note of the place is left on disk");
}
