//! The real VictoriaMetrics behind the gate.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::gate::{Gate, push};

/// A store that does not outlive its test.
struct Store {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Store {
    async fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new("victoria-metrics")
            .arg(format!("-httpListenAddr={address}"))
            .arg(format!("-storageDataPath={}", folder.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start victoria-metrics: {error}; run scripts/install-test-deps"));
        let store = Self { child, address, _folder: folder };
        for _ in 0..600 {
            if store.get("/health").await.is_some() {
                return store;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("victoria-metrics is not ready");
    }

    async fn get(&self, path: &str) -> Option<String> {
        let client = daemon::http::client("test").unwrap();
        client.get(format!("http://{}{path}", self.address)).send().await.ok()?.text().await.ok()
    }
}

#[tokio::test]
async fn a_push_becomes_series_with_the_labels_of_its_path() {
    let store = Store::start().await;
    let upstream = format!("http://{}/api/v1/import/prometheus", store.address);
    let gate = Gate::start(|config| config.upstream = upstream.parse().unwrap()).await;
    let at = |path: &str, body: &str| push(body).replace("/metrics/job/a", path);

    let answer = gate.exchange(&at("/metrics/job/host/instance/web%201", "m{instance=\"forged\",b=\"c\"} 7\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let removal = gate.exchange(&at("/metrics/job/host", "").replace("PUT ", "DELETE ")).await;
    assert!(removal.starts_with("HTTP/1.1 405 ") && removal.contains("VictoriaMetrics keeps"), "{removal}");

    let mut stored = String::new();
    // It shows what it has taken once it has written it down.
    for _ in 0..200 {
        store.get("/internal/force_flush").await;
        stored = store.get("/api/v1/export?match[]={job=\"host\"}").await.unwrap();
        if stored.contains("push_time_seconds") && stored.contains(r#""__name__":"m""#) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(stored.contains(r#""__name__":"m""#) && stored.contains(r#""b":"c""#), "{stored}");
    assert!(stored.contains(r#""instance":"web 1""#) && !stored.contains("forged"), "{stored}");
    assert!(stored.contains(r#""__name__":"push_time_seconds""#), "{stored}");
}
