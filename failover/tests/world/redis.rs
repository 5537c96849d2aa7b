//! A real Redis.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, free_port, local};

pub struct Redis {
    directory: PathBuf,
    port: u16,
    more: Vec<String>,
    process: Child,
}

impl Redis {
    pub fn start(directory: &Path) -> Self {
        Self::with(directory, &[])
    }

    pub fn with(directory: &Path, more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(|option| (*option).to_owned()).collect();
        let port = free_port();
        let process = spawn(directory, port, &more);
        Self { directory: directory.to_owned(), port, more, process }
    }

    pub fn address(&self) -> SocketAddr {
        local(self.port)
    }

    /// `redis-cli` with these arguments; returns what it prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-p").arg(self.port.to_string()).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// kill -9, and a new one in its place that has lost everything.
    pub fn die_and_come_back_empty(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.directory, self.port, &self.more);
    }
}

fn spawn(directory: &Path, port: u16, more: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(port.to_string());
    command.arg("--dir").arg(directory).args(more).stdout(Stdio::null());
    let process = command.spawn().expect("redis-server is missing; run scripts/install-test-deps");
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(local(port)).is_err() {
        assert!(Instant::now() < until, "redis-server does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    process
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
