//! The service as systemd, a scraper and cron see it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A push, and the number of the connection that it came over.
struct Push {
    connection: usize,
    page: String,
}

/// A gateway that takes everything.
fn gateway() -> (String, Receiver<Push>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, pushes) = channel();
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().enumerate() {
            let sender = sender.clone();
            thread::spawn(move || take(connection, stream.unwrap(), &sender));
        }
    });
    (url, pushes)
}

fn take(connection: usize, stream: TcpStream, sender: &Sender<Push>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut page = vec![0; length];
        reader.read_exact(&mut page).ok()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        sender.send(Push { connection, page: String::from_utf8(page).ok()? }).ok()?;
    }
}

struct Service {
    child: Child,
    systemd: Receiver<String>,
    folder: tempfile::TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Starts with what the section says, as systemd would.
    fn start(section: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let systemd = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let (sender, told) = channel();
        // Read all the time, as systemd does: what is not read makes the sender wait.
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok(length) = systemd.recv(&mut buffer) {
                let _ = sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        });
        fs::write(folder.path().join("noroshi.yaml"), format!("exporter:\n{section}")).unwrap();
        let child = command(folder.path(), "run")
            .env("NOTIFY_SOCKET", folder.path().join("notify"))
            .env("WATCHDOG_USEC", "400000")
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, systemd: told, folder }
    }

    /// Waits until systemd was told `word`.
    fn tells(&self, word: &str) -> String {
        loop {
            let told = self.systemd.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {word}: {}", self.log()));
            if told.contains(word) {
                return told;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("noroshi.yaml")
    }
}

fn command(folder: &Path, word: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noroshi-exporter"));
    command.arg(word).env_clear().stdin(Stdio::null());
    command.env("NOROSHI_CONFIG", folder.join("noroshi.yaml")).env("NOROSHI_EXPORTER_STATE", folder.join("state.json"));
    command
}

#[test]
fn a_service_is_ready_feeds_its_watchdog_and_says_good_bye() {
    let (url, pushes) = gateway();
    let mut service = Service::start(&format!("  url: {url}\n  interval: 1s\n"));
    service.tells("READY=1");
    let pages: Vec<_> = (0..3).map(|_| pushes.recv_timeout(PATIENCE).unwrap()).collect();
    service.tells("WATCHDOG=1");
    service.signal(Signal::TERM);
    service.tells("STOPPING=1");
    let status = service.child.wait().unwrap();

    assert_eq!(status.code(), Some(0), "{}", service.log());
    assert!(pages.iter().all(|push| push.connection == 0), "one connection is held open");
    assert!(pages.iter().all(|push| push.page.contains("\nnoroshi_exporter_stopping 0\n")));
    let last = pushes.try_iter().last().unwrap();
    assert!(last.page.contains("\nnoroshi_exporter_stopping 1\n"), "{}", last.page);
}

#[test]
fn the_last_page_speaks_of_nothing_that_stops_together_with_the_host() {
    let (url, pushes) = gateway();
    let watch = "  watch:\n    tcp: [{name: bot, target: '127.0.0.1:1'}]\n";
    let mut service = Service::start(&format!("  url: {url}\n  interval: 1s\n{watch}"));
    service.tells("READY=1");
    let first = pushes.recv_timeout(PATIENCE).unwrap();
    service.signal(Signal::TERM);
    service.child.wait().unwrap();

    assert!(first.page.contains("\nprobe_success{"), "{}", first.page);
    let last = pushes.try_iter().last().unwrap();
    assert!(last.page.contains("\nnoroshi_exporter_stopping 1\n"), "{}", last.page);
    assert!(!last.page.contains("probe_success"), "{}", last.page);
}

#[test]
fn a_reload_takes_over_a_good_configuration_and_refuses_a_bad_one() {
    let ((old, old_pushes), (new, new_pushes)) = (gateway(), gateway());
    let service = Service::start(&format!("  url: {old}\n  interval: 1s\n"));
    service.tells("READY=1");
    old_pushes.recv_timeout(PATIENCE).unwrap();

    fs::write(service.config(), "exporter:\n  ulr: x\n").unwrap();
    service.signal(Signal::HUP);
    let told = service.tells("RELOADING=1");
    assert!(told.contains("MONOTONIC_USEC="), "{told}");
    service.tells("READY=1");
    for _ in old_pushes.try_iter() {}
    old_pushes.recv_timeout(PATIENCE).unwrap();
    assert!(service.log().contains("the new configuration is refused and the old one stays"), "{}", service.log());

    fs::write(service.config(), format!("exporter:\n  url: {new}\n")).unwrap();
    service.signal(Signal::HUP);
    new_pushes.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_scraper_gets_the_page_from_this_machine() {
    let (url, _pushes) = gateway();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let service = Service::start(&format!("  url: {url}\n  listen: 127.0.0.1:{port}\n"));
    service.tells("READY=1");
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    // Whoever says nothing keeps nobody else waiting.
    let _silent: Vec<_> = (0..2).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let page = ask("/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("\nnode_load1 "), "{page}");
    assert!(page.contains("\nnoroshi_exporter_stopping 0\n"), "{page}");
    assert!(ask("/").starts_with("HTTP/1.1 404 "));
}

/// A gateway that takes the first connection and never says a word, until it is told to.
fn silent_at_first() -> (String, Receiver<Push>, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own = listener.try_clone().unwrap();
    let (sender, pushes) = channel();
    thread::spawn(move || {
        let _silent = own.accept().unwrap();
        // The connection is made and its request sent: now the push is under way.
        let _ = sender.send(Push { connection: 0, page: String::new() });
        for (connection, stream) in own.incoming().enumerate() {
            take(connection + 1, stream.unwrap(), &sender);
        }
    });
    (url, pushes, listener)
}

#[test]
fn a_scraper_does_not_wait_for_a_push_under_way() {
    let (url, pushes, _listener) = silent_at_first();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let service = Service::start(&format!("  url: {url}\n  listen: 127.0.0.1:{port}\n  timeout: 1h\n  interval: 2h\n"));
    service.tells("READY=1");
    pushes.recv_timeout(PATIENCE).unwrap();

    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("\nnode_load1 "), "{page}");
    assert_eq!(pushes.try_iter().count(), 0, "the push is still under way");
    // And the watchdog is fed meanwhile.
    (0..3).for_each(|_| drop(service.tells("WATCHDOG=1")));
}

#[test]
fn a_stop_cuts_a_long_push_short_and_the_last_one_is_sent() {
    let (url, pushes, _listener) = silent_at_first();
    let mut service = Service::start(&format!("  url: {url}\n  timeout: 1h\n  interval: 2h\n"));
    service.tells("READY=1");
    pushes.recv_timeout(PATIENCE).unwrap();
    service.signal(Signal::TERM);
    let last = pushes.recv_timeout(PATIENCE).unwrap();
    assert!(last.page.contains("\nnoroshi_exporter_stopping 1\n"), "{}", last.page);
    assert_eq!(service.child.wait().unwrap().code(), Some(0), "{}", service.log());
    assert!(!service.log().contains("warning"), "{}", service.log());
}

#[test]
fn a_push_beside_a_service_leaves_quietly_and_a_second_service_with_a_word() {
    let (url, pushes) = gateway();
    let service = Service::start(&format!("  url: {url}\n  interval: 1h\n"));
    service.tells("READY=1");
    pushes.recv_timeout(PATIENCE).unwrap();

    let push = command(service.folder.path(), "push").output().unwrap();
    assert_eq!((push.status.code(), push.stderr.as_slice()), (Some(0), &b""[..]));
    assert_eq!(pushes.try_iter().count(), 0, "nothing is pushed twice");

    let run = command(service.folder.path(), "run").output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(said.contains("another exporter with this state file is running"), "{said}");
}

#[test]
fn a_gateway_that_is_away_is_told_once_and_its_return_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let service = Service::start(&format!("  url: http://{address}\n  interval: 1s\n"));
    // Each round feeds the watchdog at its end: after that many there were some pushes.
    (0..15).for_each(|_| drop(service.tells("WATCHDOG=1")));
    let listener = TcpListener::bind(address).unwrap();
    let (sender, pushes) = channel();
    thread::spawn(move || take(0, listener.accept().unwrap().0, &sender));
    pushes.recv_timeout(PATIENCE).unwrap();
    pushes.recv_timeout(PATIENCE).unwrap();

    let log = service.log();
    assert!(log.contains("pushes are taken again, after "), "{log}");
    assert_eq!(log.matches("warning: ").count(), 1, "{log}");
}

#[test]
fn the_configuration_of_a_service_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        fs::write(folder.path().join("noroshi.yaml"), text).unwrap();
        command(folder.path(), "run").arg("--check").output().unwrap()
    };
    let output = check("exporter:\n  url: http://127.0.0.1:1/metrics/job/a/instance/b\n");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "the configuration holds: pushes go to http://127.0.0.1:1/metrics/job/a/instance/b\n");
    for wrong in ["interval: 0s", "listen: 0.0.0.0:9100", "buffer: {dir: /tmp/x}", "compress: brotli"] {
        let output = check(&format!("exporter:\n  {wrong}\n"));
        assert_eq!(output.status.code(), Some(78), "{wrong}");
    }
}
