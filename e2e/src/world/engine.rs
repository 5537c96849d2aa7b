//! One engine by itself, with a past that a test has made up.

use std::fs;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::ports::{Port, Turn};
use super::process::{Launch, Process};
use super::{binaries, url};

const PATIENCE: Duration = Duration::from_secs(60);

/// An engine that answers queries. Ends with this value. The order of the fields is that in which they go.
pub struct Engine {
    process: Process,
    port: Port,
    _folder: TempDir,
    _turn: Turn,
}

impl Engine {
    /// Starts a Prometheus that remembers `past`, in OpenMetrics' text format without its last line.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn prometheus(past: &str) -> Self {
        let (turn, port, folder) = (Turn::come().await, Port::reserve(), folder());
        let (file, blocks) = (folder.path().join("past.txt"), folder.path().join("blocks"));
        fs::write(&file, format!("{past}# EOF\n")).expect("a folder can be written");
        fs::write(folder.path().join("prometheus.yml"), "{}\n").expect("a folder can be written");
        let made = Command::new(binaries::engine("promtool"))
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&file, &blocks])
            .output()
            .expect("promtool can be run");
        assert!(made.status.success(), "promtool: {}", String::from_utf8_lossy(&made.stderr));
        let launch = Launch::with([
            format!("--config.file={}", folder.path().join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", blocks.display()),
            format!("--web.listen-address=127.0.0.1:{}", port.number),
        ]);
        Self::start("prometheus", launch, port, folder, turn, "/-/ready").await
    }

    /// Starts a VictoriaMetrics and hands it `past`, in Prometheus' text format with timestamps in milliseconds.
    ///
    /// # Panics
    /// When it does not start, or does not take it.
    pub async fn victoria_metrics(past: String) -> Self {
        let (turn, port, folder) = (Turn::come().await, Port::reserve(), folder());
        let launch = Launch::with([
            format!("-storageDataPath={}", folder.path().join("data").display()),
            format!("-httpListenAddr=127.0.0.1:{}", port.number),
            "-search.latencyOffset=0s".to_owned(),
        ]);
        let engine = Self::start("victoria-metrics", launch, port, folder, turn, "/health").await;
        let client = daemon::http::client("noroshi-e2e").expect("an HTTP client can be set up");
        let import = client.post(format!("{}/api/v1/import/prometheus", engine.url())).body(past).send().await;
        assert!(import.expect("VictoriaMetrics answers").status().is_success());
        let flush = client.get(format!("{}/internal/force_flush", engine.url())).send().await;
        assert!(flush.expect("VictoriaMetrics answers").status().is_success());
        engine
    }

    /// Returns where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.port)
    }

    async fn start(program: &'static str, launch: Launch, port: Port, folder: TempDir, turn: Turn, page: &str) -> Self {
        let process = Process::start(program, &binaries::engine(program), launch, folder.path());
        let mut engine = Self { process, port, _folder: folder, _turn: turn };
        let client = daemon::http::client("noroshi-e2e").expect("an HTTP client can be set up");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = client.get(format!("{}{page}", engine.url())).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return engine;
            }
            let ended = engine.process.ended();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{program} does not start: {}",
                engine.process.last_words()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn folder() -> TempDir {
    TempDir::with_prefix("noroshi-e2e-").expect("a temporary folder can be made")
}
