//! A real Redis, on a socket file of its own: no port could be taken from under it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

pub struct Redis {
    directory: PathBuf,
    more: Vec<String>,
    process: Child,
}

impl Redis {
    pub fn start(directory: &Path) -> Self {
        Self::with(directory, &[])
    }

    pub fn with(directory: &Path, more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(|option| (*option).to_owned()).collect();
        let process = spawn(directory, &more);
        Self { directory: directory.to_owned(), more, process }
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("redis.sock")
    }

    /// `redis-cli` with these arguments; returns what it prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// kill -9, and a new one in its place that has lost everything.
    pub fn die_and_come_back_empty(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.directory, &self.more);
    }
}

fn spawn(directory: &Path, more: &[String]) -> Child {
    let socket = directory.join("redis.sock");
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket);
    command.arg("--dir").arg(directory).args(more).stdout(Stdio::null());
    let process = command.spawn().expect("redis-server is missing; run scripts/install-test-deps");
    let until = Instant::now() + PATIENCE;
    while UnixStream::connect(&socket).is_err() {
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
