//! A real Redis, real supervisors with guards and bots, a way to Redis that can be cut, and a door that bots log in at.
#![expect(clippy::print_stderr, reason = "a failed test shows what the supervisors wrote")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

mod door;
mod redis;
mod way;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub use door::Door;
pub use redis::Redis;
pub use way::Way;

/// Longer than anything here takes, on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(25);
/// W of the tests.
pub const TTL: Duration = Duration::from_secs(4);

/// Times of the protocol that are short, but leave room for a machine that is busy.
const TIMES: &str =
    "ttl: 4s\n  renew: 700ms\n  poll: 150ms\n  request: 400ms\n  grace: 700ms\n  kill: 500ms\n  preempt: 1s\n";

/// A bot: logs in at the door and keeps the session open for as long as it, or anything that it started, lives.
const BOT: &str = r#"exec 3<>"/dev/tcp/$DOOR" || exit 1
echo "$SITE_ID $FAILOVER_EPOCH" >&3
setsid sleep 1000 &
trap 'exit 0' TERM
while :; do sleep 0.05; done"#;

pub struct World {
    pub directory: tempfile::TempDir,
    pub redis: Redis,
    pub door: Door,
}

impl World {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { redis: Redis::start(directory.path()), door: Door::open(), directory }
    }

    /// Two sites, of which `xserver` leads and `oci` has been well for a moment.
    pub fn led_by_xserver() -> (Self, Site, Site) {
        let world = Self::start();
        let xserver = world.site("xserver", "");
        world.door.wait("a session of xserver", |session| session.site == "xserver");
        let oci = world.site("oci", "");
        thread::sleep(Duration::from_secs(1));
        (world, xserver, oci)
    }

    /// A supervisor for `name`, over a way of its own; `more` are further lines of the section `failover:`.
    pub fn site(&self, name: &str, more: &str) -> Site {
        let way = Way::to(self.redis.socket());
        self.site_over(name, way, more)
    }

    pub fn site_over(&self, name: &str, way: Way, more: &str) -> Site {
        let unique = way.address().port();
        let (host, port) = (way.address().ip(), way.address().port());
        let redis = format!("{{host: {host}, port: {port}}}");
        let files = self.directory.path().join(format!("{name}-{unique}"));
        let mut site = Site::new(name, &files, &redis, more, Some(way), format!("127.0.0.1/{}", self.door.port()));
        site.run();
        site
    }
}

/// One site.
pub struct Site {
    pub name: String,
    pub file: PathBuf,
    pub way: Option<Way>,
    /// The network namespace to run in.
    pub net: Option<String>,
    door: String,
    process: Option<Child>,
}

impl Site {
    /// Writes the settings of a site, whose files are called `files` and more.
    pub fn new(name: &str, files: &Path, redis: &str, more: &str, way: Option<Way>, door: String) -> Self {
        let file = files.with_extension("yaml");
        let state = files.with_extension("json");
        let text = format!(
            "failover:\n  site: {name}\n  sites: [xserver, oci, tokyo]\n  {TIMES}  listen: 127.0.0.1:0\n  \
             state: {}\n  redis: {redis}\n{more}",
            state.display()
        );
        fs::write(&file, text).unwrap();
        Self { name: name.to_owned(), file, way, net: None, door, process: None }
    }

    pub fn way(&self) -> &Way {
        self.way.as_ref().unwrap()
    }

    /// Where the side-car listens: as the last supervisor's log says.
    pub fn listen(&self) -> SocketAddr {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let line = log.lines().rfind(|line| line.contains("the side-car listens on "));
            if let Some(line) = line {
                return line.rsplit(' ').next().unwrap().parse().unwrap();
            }
            assert!(Instant::now() < until, "there is no side-car: {log}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn run(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.file.with_extension("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_failover"));
        if let Some(net) = &self.net {
            command = Command::new("ip");
            command.args(["netns", "exec", net, env!("CARGO_BIN_EXE_failover")]);
        }
        command.args(["run", "--config"]).arg(&self.file).args(["--", "bash", "-c", BOT]);
        command.env("DOOR", &self.door).env("BOT_NAME", "rectbot").env("RUST_LOG", "debug");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.file.with_extension("log")).unwrap_or_default()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().unwrap())
    }

    /// The guard: the supervisor's only child that is called so.
    pub fn guard(&self) -> Pid {
        let until = Instant::now() + PATIENCE;
        loop {
            let pid = self.pid().as_raw_nonzero();
            for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
                let children = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
                if let Some(child) = children.split_whitespace().next() {
                    return Pid::from_raw(child.parse().unwrap()).unwrap();
                }
            }
            assert!(Instant::now() < until, "there is no guard: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Every process below the guard: init, the bot and what it has started.
    pub fn below_guard(&self) -> Vec<i32> {
        let mut found = vec![self.guard().as_raw_nonzero().get()];
        let mut next = 0;
        while next < found.len() {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", found[next])).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
            next += 1;
        }
        found.split_off(1)
    }

    /// SIGKILL, as when the machine dies.
    pub fn crash(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGTERM; returns whether it ended well.
    pub fn stop(&mut self) -> bool {
        self.signal(Signal::TERM);
        self.process.take().unwrap().wait().unwrap().success()
    }

    /// Runs another command of ours for this site.
    pub fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_failover"));
        command.args(arguments).arg("--config").arg(&self.file).arg("--listen").arg(self.listen().to_string());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.success(), text)
    }

    /// Asks the side-car; returns the status code and the body.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.listen()).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let code = answer.split(' ').nth(1)?.parse().ok()?;
        Some((code, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {} ---\n{}", self.name, self.log());
        }
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), Signal::CONT);
            let _ = process.kill(); // And with it the guard, and with that the bot.
            let _ = process.wait();
        }
    }
}

/// Answers 200 to one request and keeps its body.
pub fn answer(stream: TcpStream, book: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if length == 0 || reader.read_exact(&mut body).is_err() {
        return; // A sender that has given up meanwhile.
    }
    book.lock().unwrap().push(String::from_utf8(body).unwrap());
    let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}
