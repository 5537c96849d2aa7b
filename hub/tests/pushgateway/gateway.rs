//! Gateways, ours and the real one, and requests whose every byte is ours.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that does not outlive its test.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Running {
    /// Starts `command`, which will listen at `address`, and waits until it answers 200 at `ready`.
    ///
    /// # Panics
    /// When it is not installed, or does not answer within half a minute.
    pub fn start(mut command: Command, address: SocketAddr, ready: &str, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let program = command.get_program().to_owned();
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {} ({error}); scripts/install-test-deps installs it", program.display())
        });
        let mut running = Self { child, address };
        let begin = Instant::now();
        while !running.try_request("GET", ready, &[], b"").is_ok_and(|answer| answer.status == 200) {
            if let Some(status) = running.child.try_wait().unwrap() {
                panic!("{} ended: {status}", program.display());
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{} does not answer", program.display());
            pause(20);
        }
        running
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would, but for the page cache.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// Sends one request over a connection of its own.
    ///
    /// # Panics
    /// When there is no answer within ten seconds.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_request(method, target, headers, body)
            .unwrap_or_else(|error| panic!("{method} {target} is not answered: {error}"))
    }

    /// Sends one request over a connection of its own, whatever comes of it.
    pub fn try_request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding")) {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        Answer::read(&mut BufReader::new(stream))
    }

    /// Returns the lines of /metrics, sorted, without helps and without what a gateway tells of itself.
    pub fn pushed_lines(&self) -> Vec<String> {
        let page = self.request("GET", "/metrics", &[], b"").text();
        let own = ["go_", "process_", "pushgateway_", "push_"];
        let name = |line: &str| line.trim_start_matches("# TYPE ").to_owned();
        let lines = page.lines().filter(|line| !line.starts_with("# HELP"));
        lines.filter(|line| !own.iter().any(|own| name(line).starts_with(own))).map(str::to_owned).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer.
    pub fn read(reader: &mut impl BufRead) -> std::io::Result<Self> {
        let bad = || std::io::Error::other("this is no answer");
        let mut line = String::new();
        let mut next = |reader: &mut dyn BufRead| -> std::io::Result<String> {
            line.clear();
            reader.read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        let status = next(reader)?.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
        let mut headers = Vec::new();
        loop {
            let line = next(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(bad)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Self { status, headers, body: Vec::new() };
        if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
            answer.body.resize(length, 0);
            reader.read_exact(&mut answer.body)?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let length = usize::from_str_radix(&next(reader)?, 16).map_err(|_| bad())?;
                let begin = answer.body.len();
                answer.body.resize(begin + length, 0);
                reader.read_exact(&mut answer.body[begin..])?;
                next(reader)?;
                if length == 0 {
                    break;
                }
            }
        } else {
            reader.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Returns an address that is free at this moment.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Returns the command line of ours, with its files in `dir` and this section of a configuration.
pub fn ours(dir: &Path, address: SocketAddr, section: &str) -> Command {
    let config = dir.join("noroshi.yaml");
    std::fs::write(&config, format!("pushgateway: {{{section}}}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_noroshi"));
    command.arg("--config").arg(config).args(["pushgateway", "--admin-listen", "127.0.0.1:0"]);
    command.arg("--listen").arg(address.to_string()).arg("--data").arg(dir.join("data"));
    command
}

/// Starts ours.
pub fn start_ours(dir: &Path, section: &str) -> Running {
    let address = free_address();
    start_ours_below("", dir, address, section)
}

/// Starts ours with all its paths below `prefix`.
pub fn start_ours_below(prefix: &str, dir: &Path, address: SocketAddr, section: &str) -> Running {
    let section = format!("route_prefix: '{prefix}/', {section}");
    Running::start(ours(dir, address, &section), address, &format!("{prefix}/-/ready"), &dir.join("ours.log"))
}

/// Starts the real one.
pub fn start_real(dir: &Path, more: &[&str]) -> Running {
    let address = free_address();
    let mut command = Command::new("prometheus-pushgateway");
    command.arg(format!("--web.listen-address={address}")).arg("--persistence.file=").args(more).current_dir(dir);
    Running::start(command, address, "/-/ready", &dir.join("real.log"))
}

/// Waits for so many milliseconds: other processes know no paused clock.
#[expect(clippy::disallowed_methods, reason = "a test without a runtime, waiting for another process")]
pub fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
