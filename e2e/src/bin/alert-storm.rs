//! A storm of alerts through our bridge and through Alertmanager's own Discord receiver, at the same time.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use e2e::discord::{Discord, Limits, Rate};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, sleep_until};

/// Sends the same alerts to two Alertmanagers, of which one tells Discord by itself and the other through alert-bridge, and
/// prints who was told when. Each has a double of Discord of its own, with the same limits.
#[derive(Parser)]
struct Cli {
    /// The bridge's program.
    #[arg(long, value_name = "FILE")]
    bridge: PathBuf,
    /// Groups, with one alert each.
    #[arg(long, default_value_t = 200)]
    groups: usize,
    /// Seconds from the first alert to the last.
    #[arg(long, default_value_t = 10.0)]
    spread: f64,
    /// Seconds from the first alert to the verdict.
    #[arg(long, default_value_t = 40)]
    watch: u64,
    /// New messages that a channel takes, as in 30/60; without it the channel has no limit of its own.
    #[arg(long, value_name = "N/SECONDS")]
    channel_limit: Option<Rate>,
}

/// One way from alerts to people.
struct Way {
    name: &'static str,
    discord: Discord,
    alertmanager: u16,
    /// Whose memory counts.
    process: u32,
    memory_kb: u64,
    /// When each alert was named first, in seconds after it was sent.
    told: BTreeMap<usize, f64>,
    named: BTreeMap<usize, usize>,
    messages: usize,
    _children: Vec<Child>,
    _folder: TempDir,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let client = daemon::http::client("alert-storm")?;
    let mut ways = [Way::own(&cli).await?, Way::bridge(&cli).await?];
    for way in &ways {
        way.is_ready(&client).await?;
    }
    let begin = Instant::now();
    let mut sent = Vec::new();
    for number in 0..cli.groups {
        let due = begin + Duration::from_secs_f64(number as f64 * cli.spread / cli.groups as f64);
        while Instant::now() < due {
            look(&mut ways, &sent);
            sleep_until(due.min(Instant::now() + Duration::from_millis(20))).await;
        }
        sent.push(Instant::now());
        for way in &ways {
            way.fire(&client, number).await?;
        }
    }
    while begin.elapsed() < Duration::from_secs(cli.watch) {
        look(&mut ways, &sent);
        sleep(Duration::from_millis(20)).await;
    }
    report(&ways, &cli)
}

impl Way {
    async fn own(cli: &Cli) -> anyhow::Result<Self> {
        let (discord, folder) = (cli.discord().await?, TempDir::new()?);
        let url = discord.webhook(1, "token");
        let (child, alertmanager) =
            alertmanager(folder.path(), &format!("discord_configs: [{{webhook_url: '{url}'}}]"))?;
        Self::new("Alertmanager", discord, folder, alertmanager, vec![child])
    }

    async fn bridge(cli: &Cli) -> anyhow::Result<Self> {
        let (discord, folder) = (cli.discord().await?, TempDir::new()?);
        let (listen, admin) = (free_port()?, free_port()?);
        let bridge = Command::new(&cli.bridge)
            .args(["--listen", &format!("127.0.0.1:{listen}"), "--admin-listen", &format!("127.0.0.1:{admin}")])
            .arg("--data")
            .arg(folder.path().join("bridge"))
            .env("DISCORD_ALERT_WEBHOOK_URL", discord.webhook(1, "token"))
            .stderr(std::fs::File::create(folder.path().join("bridge.log"))?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", cli.bridge.display()))?;
        let to = format!("webhook_configs: [{{url: 'http://127.0.0.1:{listen}/alertmanager'}}]");
        let (child, alertmanager) = alertmanager(folder.path(), &to)?;
        Self::new("alert-bridge", discord, folder, alertmanager, vec![bridge, child])
    }

    fn new(
        name: &'static str,
        discord: Discord,
        folder: TempDir,
        alertmanager: u16,
        children: Vec<Child>,
    ) -> anyhow::Result<Self> {
        let process = children.first().and_then(Child::id).context("a program ended at once")?;
        let (told, named) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            name,
            discord,
            alertmanager,
            process,
            memory_kb: 0,
            told,
            named,
            messages: 0,
            _children: children,
            _folder: folder,
        })
    }

    async fn is_ready(&self, client: &reqwest::Client) -> anyhow::Result<()> {
        let url = format!("http://127.0.0.1:{}/-/ready", self.alertmanager);
        for _ in 0..200 {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("Alertmanager is not ready; is prometheus-alertmanager installed? scripts/install-test-deps does it")
    }

    async fn fire(&self, client: &reqwest::Client, number: usize) -> anyhow::Result<()> {
        let name = format!("storm-{number:04}");
        let now = jiff::Timestamp::now();
        let alerts = json!([{
            "labels": {"alertname": format!("Storm{number:03}"), "instance": name, "severity": "warning"},
            "annotations": {"summary": format!("Disk of {name} is 97 % full")},
            "startsAt": now.to_string(), "endsAt": (now + Duration::from_secs(3600)).to_string(),
        }]);
        let url = format!("http://127.0.0.1:{}/api/v2/alerts", self.alertmanager);
        client.post(url).json(&alerts).send().await?.error_for_status()?;
        Ok(())
    }

    fn look(&mut self, sent: &[Instant]) {
        let memory = memory_kb(self.process).unwrap_or_default();
        self.memory_kb = self.memory_kb.max(memory);
        while let Some(message) = self.discord.take_message() {
            self.messages += 1;
            let text = message.text();
            for number in text.match_indices("storm-").filter_map(|(at, _)| text.get(at + 6..at + 10)?.parse().ok()) {
                let number: usize = number;
                if let Some(sent) = sent.get(number).filter(|_| !self.told.contains_key(&number)) {
                    self.told.insert(number, sent.elapsed().as_secs_f64());
                }
            }
            for number in 0..sent.len() {
                *self.named.entry(number).or_default() += usize::from(text.contains(&format!("storm-{number:04}")));
            }
        }
    }

    fn percentile(&self, share: f64) -> Option<f64> {
        let mut times: Vec<f64> = self.told.values().copied().collect();
        times.sort_by(f64::total_cmp);
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied()
    }
}

impl Cli {
    async fn discord(&self) -> anyhow::Result<Discord> {
        Discord::start(Limits { channel: self.channel_limit, ..Limits::default() }).await
    }
}

fn look(ways: &mut [Way], sent: &[Instant]) {
    for way in ways {
        way.look(sent);
    }
}

fn alertmanager(folder: &Path, receiver: &str) -> anyhow::Result<(Child, u16)> {
    let port = free_port()?;
    let config = folder.join("alertmanager.yml");
    let route = "{receiver: people, group_by: [alertname], group_wait: 1s, group_interval: 5m, repeat_interval: 4h}";
    std::fs::write(&config, format!("route: {route}\nreceivers:\n  - name: people\n    {receiver}\n"))?;
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("alertmanager").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start prometheus-alertmanager; scripts/install-test-deps installs it")?;
    Ok((child, port))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn memory_kb(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}

fn report(ways: &[Way; 2], cli: &Cli) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{} groups in {} s, seen for {} s", cli.groups, cli.spread, cli.watch)?;
    writeln!(out, "{:<32} {:>14} {:>14}", "", ways[0].name, ways[1].name)?;
    let mut row = |what: &str, figure: &dyn Fn(&Way) -> Value| {
        let show = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "{what:<32} {:>14} {:>14}", show(figure(&ways[0])), show(figure(&ways[1])))
    };
    let seconds = |time: Option<f64>| time.map_or(Value::Null, |time| json!(format!("{time:.2}")));
    let refused = |way: &Way| way.discord.requests().iter().filter(|request| request.status == Some(429)).count();
    row("alerts named", &|way| json!(way.told.len()))?;
    row("named by more than one message", &|way| json!(way.named.values().filter(|count| **count > 1).count()))?;
    row("seconds to half of them", &|way| seconds(way.percentile(0.5)))?;
    row("seconds to 95 %", &|way| seconds(way.percentile(0.95)))?;
    row("messages", &|way| json!(way.messages))?;
    row("requests", &|way| json!(way.discord.requests().len()))?;
    row("refused as too many (429)", &|way| json!(refused(way)))?;
    row("asked again too early", &|way| json!(way.discord.early_retries()))?;
    row("memory at most, MB", &|way| json!(format!("{:.1}", way.memory_kb as f64 / 1024.0)))?;
    let ratio = ways[1].told.len() as f64 / ways[0].told.len().max(1) as f64;
    writeln!(out, "alert-bridge told {ratio:.1} times as many alerts as Alertmanager's own receiver")?;
    Ok(())
}
