//! How each stage is configured and started.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::authority::{Authority, Validity};
use super::ports::{Port, Turn};
use super::process::{Launch, Process};
use super::{Addresses, PASSWORD, TOKEN, USER, World, binaries, local, url};
use crate::discord::{Discord, Limits};

/// What stands between the hosts and the Pushgateway.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Front {
    /// Our pushgateway-proxy, with a certificate that it has made itself.
    Proxy,
    /// The real nginx with `nginx/pushgateway.conf`.
    Nginx,
}

/// Which stages a world has.
pub(super) struct Plan {
    /// The Pushgateway, and what stands in front of it.
    pub(super) front: Option<Front>,
    /// Prometheus.
    pub(super) watching: bool,
    /// Alertmanager and the bridge.
    pub(super) alerting: bool,
    /// How many times shorter than in earnest the times are.
    pub(super) speedup: u32,
    /// Discord's.
    pub(super) limits: Limits,
    /// What else the bridge's section says, with its indentation; a world that watches nothing but the sign of life.
    pub(super) bridge: Option<String>,
    /// Writes the bridge's `noroshi.yaml`, and the files that it names, into a folder.
    pub(super) configure: Option<Configure>,
}

/// See [`Plan::configure`].
pub(super) type Configure = Box<dyn FnOnce(&Path) + Send>;

/// Nothing at all, where a minute takes two seconds.
impl Default for Plan {
    fn default() -> Self {
        Self {
            front: None,
            watching: false,
            alerting: false,
            speedup: 30,
            limits: Limits::default(),
            bridge: None,
            configure: None,
        }
    }
}

impl World {
    pub(super) async fn start(mut plan: Plan) -> Self {
        let turn = Turn::come().await;
        let port = Port::reserve;
        let world = Self {
            processes: Mutex::default(),
            discord: Discord::start(plan.limits.clone()).await.expect("loopback has a free port"),
            client: daemon::http::client("noroshi-e2e").expect("an HTTP client can be set up"),
            addresses: Addresses {
                gate: port(),
                gate_admin: port(),
                pushgateway: port(),
                prometheus: port(),
                alertmanager: port(),
                other_alertmanager: port(),
                bridge: port(),
                bridge_admin: port(),
            },
            speedup: plan.speedup,
            troubles: Arc::default(),
            folder: TempDir::with_prefix("noroshi-e2e-").expect("a temporary folder can be made"),
            _turn: turn,
        };
        for folder in ["logs", "tls", "prometheus", "alertmanager", "nginx"] {
            fs::create_dir(world.folder().join(folder)).expect("a folder can be made");
        }
        world.render();
        if plan.bridge.is_some() {
            world.keep_only_the_sign_of_life();
        }
        match plan.configure.take() {
            Some(configure) => configure(world.folder()),
            None => {
                // A bridge holds back by itself what a channel would not take; here it takes anything.
                let rate = if plan.limits.is_off() { "1000000/1" } else { "30/60" };
                let config = format!("bridge:\n  channel_rate: {rate}\n{}", plan.bridge.as_deref().unwrap_or_default());
                fs::write(world.folder().join("bridge.yaml"), config).expect("a world can write its configuration");
            }
        }
        world.launch(&plan);
        world.is_ready(&plan).await;
        world
    }

    fn launch(&self, plan: &Plan) {
        if let Some(front) = plan.front {
            make_htpasswd(&self.folder().join("htpasswd"));
            self.start_pushgateway();
            match front {
                Front::Proxy => self.start_proxy(),
                Front::Nginx => self.start_nginx(),
            }
        }
        if plan.alerting {
            self.start_bridge();
            self.start_alertmanager();
        }
        if plan.watching {
            self.start_prometheus();
        }
    }

    async fn is_ready(&self, plan: &Plan) {
        let at = &self.addresses;
        let pages = [
            ("the Pushgateway", &at.pushgateway, plan.front.is_some()),
            ("the proxy", &at.gate_admin, plan.front == Some(Front::Proxy)),
            ("Alertmanager", &at.alertmanager, plan.alerting),
            ("the bridge", &at.bridge_admin, plan.alerting),
            ("Prometheus", &at.prometheus, plan.watching),
        ];
        for (name, port, _) in pages.into_iter().filter(|(_, _, started)| *started) {
            let page = format!("{}/-/ready", url(port));
            let is_ready = async || self.client.get(&page).send().await.ok()?.status().is_success().then_some(());
            self.eventually(&format!("{name} to be ready"), is_ready).await;
        }
        if plan.front == Some(Front::Nginx) {
            let connects = async || tokio::net::TcpStream::connect(local(&at.gate)).await.ok();
            self.eventually("nginx to be ready", connects).await;
        }
    }

    /// Copies the configuration of the engines, with our addresses and shorter times.
    fn render(&self) {
        let at = &self.addresses;
        let maps = [
            ("pushgateway:9091", &at.pushgateway),
            ("pushgateway-proxy:9444", &at.gate_admin),
            ("prometheus:9090", &at.prometheus),
            ("alertmanager:9093", &at.alertmanager),
            ("alert-bridge:9096", &at.bridge),
            ("alert-bridge:9097", &at.bridge_admin),
        ];
        let mut command = Command::new(binaries::root().join("scripts/render-config"));
        command.arg(self.folder().join("config")).args(["--speedup", &self.speedup.to_string()]);
        for (from, to) in maps {
            command.args(["--map", &format!("{from}={}", local(to))]);
        }
        let output = command.output().expect("scripts/render-config can be run");
        assert!(output.status.success(), "render-config: {}", String::from_utf8_lossy(&output.stderr));
        // Reminders keep their time, and the sign of life is one. Here it comes with every flush.
        let file = self.folder().join("config/alertmanager/alertmanager.yml");
        let text = fs::read_to_string(&file).expect("render-config copies alertmanager.yml");
        fs::write(&file, replace(&text, "repeat_interval: 45s", "repeat_interval: 500ms"))
            .expect("a world can write its configuration");
    }

    /// Leaves out the rules about what such a world does not have.
    fn keep_only_the_sign_of_life(&self) {
        for rules in
            fs::read_dir(self.folder().join("config/alert-rules")).expect("render-config copies the rules").flatten()
        {
            if rules.file_name() != "watchdog.yml" {
                fs::remove_file(rules.path()).expect("a world can change its configuration");
            }
        }
    }

    /// Starts the Pushgateway. Also for a second time, after it was killed.
    pub fn start_pushgateway(&self) {
        let listen = format!("--web.listen-address={}", local(&self.addresses.pushgateway));
        // In memory: Debian's default is a file below /var/lib, which would hand the pushes of one world to the next.
        let launch = Launch::with([listen, "--persistence.file=".to_owned()]);
        self.start_engine("pushgateway", "prometheus-pushgateway", launch);
    }

    /// Starts our proxy. Also for a second time, after it was killed.
    pub fn start_proxy(&self) {
        let launch = Launch::with([
            "--listen".to_owned(),
            local(&self.addresses.gate).to_string(),
            "--admin-listen".to_owned(),
            local(&self.addresses.gate_admin).to_string(),
            "--upstream".to_owned(),
            url(&self.addresses.pushgateway),
            "--self-signed".to_owned(),
            self.path("tls"),
            "--htpasswd".to_owned(),
            self.path("htpasswd"),
        ]);
        self.start_ours("pushgateway-proxy", launch);
    }

    fn start_nginx(&self) {
        Authority::found().issue(&self.folder().join("tls"), Validity::Current);
        let site = self.folder().join("config/nginx/pushgateway.conf");
        let text = fs::read_to_string(&site).expect("render-config copies nginx/pushgateway.conf");
        let listen = format!("listen {} ssl", local(&self.addresses.gate));
        let text = replace(&text, "listen 9443 ssl", &listen);
        let text = replace(&text, "/etc/noroshi/cert.pem", &self.path("tls/cert.pem"));
        let text = replace(&text, "/etc/noroshi/key.pem", &self.path("tls/key.pem"));
        let text = replace(&text, "/etc/noroshi/htpasswd", &self.path("htpasswd"));
        fs::write(&site, text).expect("a world can write its configuration");

        let folder = self.path("nginx");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
            .collect();
        let main = format!(
            "daemon off;\n# One process: there is no worker that could outlive it.\nmaster_process off;\n\
             pid {folder}/nginx.pid;\nerror_log stderr info;\nevents {{ worker_connections 2048; }}\nhttp {{\n\
             \x20   access_log {logs}/nginx-access.log;\n{temporary}    include {site};\n}}\n",
            logs = self.path("logs"),
            site = site.display(),
        );
        let file = self.folder().join("nginx/nginx.conf");
        fs::write(&file, main).expect("a world can write its configuration");
        let launch = Launch::with(["-p", &folder, "-c", &file.display().to_string(), "-e", "stderr"]);
        self.start_engine("nginx", "nginx", launch);
    }

    /// Starts the bridge. Also for a second time, after it was killed.
    pub fn start_bridge(&self) {
        let launch = Launch::with([
            "--listen".to_owned(),
            local(&self.addresses.bridge).to_string(),
            "--admin-listen".to_owned(),
            local(&self.addresses.bridge_admin).to_string(),
            "--data".to_owned(),
            self.path("bridge"),
            "--language".to_owned(),
            "en".to_owned(),
        ]);
        let launch = launch.env("NOROSHI_SPOOL", self.path("spool"));
        let own = self.folder().join("noroshi.yaml");
        let launch = if own.exists() {
            launch.env("NOROSHI_CONFIG", own.display().to_string())
        } else {
            let launch = launch.env("NOROSHI_CONFIG", self.path("bridge.yaml"));
            launch.env("DISCORD_ALERT_WEBHOOK_URL", self.discord.webhook(100_200_300, TOKEN))
        };
        self.start_ours("alert-bridge", launch);
    }

    /// Starts Alertmanager. Also for a second time, after it was killed.
    pub fn start_alertmanager(&self) {
        self.start_engine(
            "alertmanager",
            "prometheus-alertmanager",
            self.alertmanager("alertmanager", &self.addresses.alertmanager),
        );
    }

    /// Starts another Alertmanager with the same configuration, which knows nothing of the first: what a pair is while its
    /// two halves cannot hear each other.
    pub async fn start_other_alertmanager(&self) {
        let other = &self.addresses.other_alertmanager;
        self.start_engine("other-alertmanager", "prometheus-alertmanager", self.alertmanager("other", other));
        let page = format!("{}/-/ready", url(other));
        let is_ready = async || self.client.get(&page).send().await.ok()?.status().is_success().then_some(());
        self.eventually("the other Alertmanager to be ready", is_ready).await;
    }

    fn alertmanager(&self, storage: &str, port: &Port) -> Launch {
        Launch::with([
            format!("--config.file={}", self.path("config/alertmanager/alertmanager.yml")),
            format!("--storage.path={}", self.path(storage)),
            format!("--web.listen-address={}", local(port)),
            format!("--web.external-url={}", url(port)),
            // Alone: nobody to gossip with.
            "--cluster.listen-address=".to_owned(),
        ])
    }

    /// Starts Prometheus. Also for a second time, after it was killed.
    pub fn start_prometheus(&self) {
        let launch = Launch::with([
            format!("--config.file={}", self.path("config/prometheus/prometheus.yml")),
            format!("--storage.tsdb.path={}", self.path("prometheus")),
            // A minute in earnest: what is sent before Alertmanager is found is lost, and sent again after this time.
            format!("--rules.alert.resend-delay={}ms", 60_000 / self.speedup),
            format!("--web.listen-address={}", local(&self.addresses.prometheus)),
        ]);
        self.start_engine("prometheus", "prometheus", launch);
    }

    fn start_ours(&self, name: &'static str, launch: Launch) {
        self.start_process(name, &binaries::ours(name), launch);
    }

    fn start_engine(&self, name: &'static str, program: &str, launch: Launch) {
        self.start_process(name, &binaries::engine(program), launch);
    }

    fn start_process(&self, name: &'static str, program: &Path, launch: Launch) {
        let process = Process::start(name, program, launch, &self.folder().join("logs"));
        self.processes().push(process);
    }

    fn path(&self, below: &str) -> String {
        self.folder().join(below).display().to_string()
    }
}

fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "a configuration file no longer says `{from}`");
    text.replace(from, to)
}

/// Makes the file as an operator does. The password goes in by stdin: an argument would be seen in the list of processes.
fn make_htpasswd(file: &Path) {
    let mut child = Command::new(binaries::engine("htpasswd"))
        .args(["-ciB".as_ref(), file.as_os_str(), USER.as_ref()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("htpasswd can be run");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(PASSWORD.as_bytes()).expect("htpasswd reads its password");
    drop(stdin);
    assert!(child.wait().expect("htpasswd ends").success(), "htpasswd failed");
}
