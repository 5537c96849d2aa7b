//! The whole product on one machine, for as long as a test lasts.
//!
//! Ports are free ones, times are shortened by `scripts/render-config`, everything written goes to a temporary folder.
//! A test waits with [`World::eventually`] and its kin, which fail with the last words of every process, and at once
//! when one of them died. Nothing survives a world: not when its test panics, and not when the test itself is killed.

mod authority;
mod binaries;
mod engine;
mod gate;
mod host;
mod ports;
mod pretence;
mod process;
mod stages;
mod waits;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::discord::{Discord, Limits};

pub use authority::{Authority, Validity};
pub use binaries::ours;
pub use engine::Engine;
pub use gate::{Framing, Knock, Reply, knock, knock_twice};
pub use host::{Host, Pushing};
pub use process::{Ended, Launch, run};
pub use stages::Front;

use ports::{Port, Turn};
use process::Process;
use stages::Plan;

/// Who may push, and with what. The password must not be seen anywhere else.
pub const USER: &str = "prom";
/// See [`USER`].
pub const PASSWORD: &str = "e2e-password-5f2c";
/// The part of the webhook's URL that must not be seen anywhere.
pub const TOKEN: &str = "e2e-webhook-token-91d7";

/// Everything that runs for one test. The order of the fields is the order in which it goes down.
pub struct World {
    processes: Mutex<Vec<Process>>,
    /// Where the messages arrive.
    pub discord: Discord,
    client: reqwest::Client,
    addresses: Addresses,
    speedup: u32,
    troubles: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
    _turn: Turn,
}

/// Ports of the stages.
struct Addresses {
    gate: Port,
    gate_admin: Port,
    pushgateway: Port,
    prometheus: Port,
    alertmanager: Port,
    other_alertmanager: Port,
    bridge: Port,
    bridge_admin: Port,
}

/// One sample of a query's answer.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl World {
    /// Starts every stage, with our proxy in front. A minute takes two seconds.
    pub async fn whole() -> Self {
        Self::start(Plan { front: Some(Front::Proxy), watching: true, alerting: true, ..Plan::default() }).await
    }

    /// Starts every stage with times that are so many times shorter.
    pub async fn whole_at(speedup: u32) -> Self {
        Self::start(Plan { front: Some(Front::Proxy), watching: true, alerting: true, speedup, ..Plan::default() })
            .await
    }

    /// Starts a Pushgateway and what stands in front of it.
    pub async fn gate(front: Front) -> Self {
        Self::start(Plan { front: Some(front), ..Plan::default() }).await
    }

    /// Starts Alertmanager, the bridge and Discord.
    pub async fn alerting() -> Self {
        Self::start(Plan { alerting: true, ..Plan::default() }).await
    }

    /// Starts Prometheus with no rule but the sign of life, Alertmanager, and a bridge whose section
    /// also says `config`, two blanks before each key.
    pub async fn watched_over(config: &str) -> Self {
        Self::start(Plan { watching: true, alerting: true, bridge: Some(config.to_owned()), ..Plan::default() }).await
    }

    /// Starts Alertmanager, the bridge and a Discord with these limits.
    pub async fn alerting_under(limits: Limits) -> Self {
        Self::start(Plan { alerting: true, limits, ..Plan::default() }).await
    }

    /// Starts Alertmanager and a bridge with a `noroshi.yaml` of the test's own, which `configure` writes into a folder.
    pub async fn alerting_with(configure: impl FnOnce(&Path) + Send + 'static) -> Self {
        Self::start(Plan { alerting: true, configure: Some(Box::new(configure)), ..Plan::default() }).await
    }

    // --- what a test does ---

    /// Returns a host that pushes as `job` and `name`.
    pub fn host(&self, job: &str, name: &str) -> Host {
        self.host_at(&format!("/metrics/job/{job}/instance/{name}"))
    }

    /// Returns a host that pushes to this path.
    pub fn host_at(&self, path: &str) -> Host {
        let url = format!("https://localhost:{}{path}", self.addresses.gate.number);
        let interval = Duration::from_secs(60) / self.speedup;
        Host::new(url, self.ca(), self.folder(), interval, Arc::clone(&self.troubles))
    }

    /// Returns a good push of one sample, to be spoilt by the test.
    pub fn push(&self, path: &str) -> Knock {
        Knock {
            method: "PUT",
            path: path.to_owned(),
            login: Some((USER.to_owned(), PASSWORD.to_owned())),
            headers: Vec::new(),
            body: b"e2e_sample 1\n".to_vec(),
            framing: Framing::Length,
            from: Ipv4Addr::LOCALHOST,
        }
    }

    /// Sends `push` to the gate.
    pub async fn knock(&self, push: &Knock) -> std::io::Result<Reply> {
        knock(local(&self.addresses.gate), &self.ca(), push).await
    }

    /// Sends two requests in one breath on one connection, and returns the statuses that come back.
    ///
    /// # Errors
    /// As [`World::knock`].
    pub async fn knock_twice(&self, first: &Knock, second: &Knock) -> std::io::Result<Vec<u16>> {
        knock_twice(local(&self.addresses.gate), &self.ca(), first, second).await
    }

    /// Hands alerts to Alertmanager, as Prometheus would.
    pub async fn alerts(&self, alerts: &Value) {
        self.alerts_to(&self.addresses.alertmanager, alerts).await;
    }

    /// Hands alerts to both Alertmanagers, as Prometheus would.
    pub async fn alerts_to_both(&self, alerts: &Value) {
        self.alerts_to(&self.addresses.alertmanager, alerts).await;
        self.alerts_to(&self.addresses.other_alertmanager, alerts).await;
    }

    async fn alerts_to(&self, alertmanager: &Port, alerts: &Value) {
        let url = format!("{}/api/v2/alerts", url(alertmanager));
        let sent = self.client.post(url).json(alerts).send().await;
        let status = sent.unwrap_or_else(|error| self.fail(&format!("Alertmanager takes no alerts: {error}"))).status();
        assert!(status.is_success(), "Alertmanager answered {status} to {alerts}");
    }

    /// Posts `body` to the bridge, as Alertmanager would: the status, none when there was no answer.
    pub async fn webhook(&self, body: impl Into<Vec<u8>>) -> Option<u16> {
        self.webhook_as(Method::POST, &[("content-type", "application/json")], body).await
    }

    /// Sends `body` to the bridge in another way than Alertmanager would.
    pub async fn webhook_as(&self, method: Method, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Option<u16> {
        let url = format!("{}/alertmanager", url(&self.addresses.bridge));
        let mut request = self.client.request(method, url).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// Posts a note to the bridge, as a script would: the status, none when there was no answer.
    pub async fn notify(&self, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Option<u16> {
        let mut request = self.client.post(format!("{}/notify", url(&self.addresses.bridge))).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// Returns where the bridge is.
    pub fn bridge_url(&self) -> String {
        url(&self.addresses.bridge)
    }

    /// Kills a stage.
    pub fn kill(&self, name: &str) {
        let mut processes = self.processes();
        let before = processes.len();
        processes.retain(|process| process.name != name);
        assert!(processes.len() < before, "there is no {name} to kill");
    }

    // --- what a test sees ---

    /// Asks Prometheus.
    pub async fn query(&self, query: &str) -> Vec<Sample> {
        let answer = self.get(&self.addresses.prometheus, "/api/v1/query", &[("query", query)]).await;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let samples = answer["data"]["result"].as_array().into_iter().flatten();
        samples
            .map(|sample| Sample {
                labels: serde_json::from_value(sample["metric"].clone()).unwrap_or_default(),
                value: sample["value"][1].as_str().and_then(|value| value.parse().ok()).unwrap_or(f64::NAN),
            })
            .collect()
    }

    /// Reads the groups of the Pushgateway, past the gate.
    pub async fn pushed(&self) -> String {
        self.get(&self.addresses.pushgateway, "/metrics", &[]).await
    }

    /// Reads a series of the bridge's own metrics.
    pub async fn bridge_metrics(&self) -> String {
        self.get(&self.addresses.bridge_admin, "/metrics", &[]).await
    }

    /// Returns where Alertmanager is.
    pub fn alertmanager_url(&self) -> String {
        url(&self.addresses.alertmanager)
    }

    /// Reads the front's own metrics.
    pub async fn gate_metrics(&self) -> String {
        self.get(&self.addresses.gate_admin, "/metrics", &[]).await
    }

    /// Returns what the processes left where others may look: all files of the world, logs among them, and the
    /// command lines, which every user of the machine can read.
    pub fn traces(&self) -> Vec<(String, String)> {
        let mut traces = Vec::new();
        for process in self.processes().iter() {
            traces.push((format!("command line of {}", process.name), process.command_line()));
        }
        let mut folders = vec![self.folder().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().expect("a folder can be listed").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    // A temporary file of an engine may have gone meanwhile.
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    traces.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
        traces
    }

    /// Returns the file of the authority that signed the gate's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder().join("tls/ca.pem")
    }

    /// Returns where hosts push to.
    pub fn gate_address(&self) -> SocketAddr {
        local(&self.addresses.gate)
    }

    /// Returns a folder for what the test itself needs to write.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the bridge has nothing left to tell.
    pub async fn all_is_told(&self) {
        // The figures are of the last round, so they must hold for a moment.
        let is_told = async || {
            for _ in 0..3 {
                let metrics = self.bridge_metrics().await;
                let queued = metrics.lines().find(|line| line.starts_with("noroshi_bridge_queued{"))?;
                if !queued.ends_with(" 0") {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Some(())
        };
        self.eventually("the bridge to have told everything", is_told).await;
    }

    // --- inside ---

    async fn get(&self, port: &Port, path: &str, query: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let address = format!("{}{path}?{query}", url(port));
        let answer = async {
            let answer = self.client.get(&address).send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        match answer.await {
            Ok((status, text)) if status.is_success() => text,
            Ok((status, text)) => self.fail(&format!("{address} answered {status}: {text}")),
            Err(error) => self.fail(&format!("no answer from {address}: {error}")),
        }
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn local(port: &Port) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port.number).into()
}

fn url(port: &Port) -> String {
    format!("http://{}", local(port))
}
