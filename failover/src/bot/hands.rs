//! Starts guards, and passes on what their bots write.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use super::Recipe;
use crate::guard::{self, Guard};

/// A guard that was started, and our end of its socket.
pub(super) struct Spawned {
    pub child: Child,
    pub control: UnixStream,
}

/// A thread that starts guards and never ends: PR_SET_PDEATHSIG speaks of the parent's thread, not of its process.
pub(super) struct Hands {
    wanted: std::sync::mpsc::Sender<tokio::sync::oneshot::Sender<io::Result<Spawned>>>,
}

impl Hands {
    pub fn new(recipe: Recipe) -> Self {
        let (wanted, wishes) = std::sync::mpsc::channel::<tokio::sync::oneshot::Sender<_>>();
        std::thread::spawn(move || {
            while let Ok(wish) = wishes.recv() {
                let _ = wish.send(spawn(&recipe));
            }
            // The guards must not end before the process does, or a stop would be a kill.
            loop {
                std::thread::park();
            }
        });
        Self { wanted }
    }

    pub async fn spawn(&self) -> anyhow::Result<Spawned> {
        let (wish, spawned) = tokio::sync::oneshot::channel();
        self.wanted.send(wish)?;
        Ok(spawned.await??)
    }
}

fn spawn(recipe: &Recipe) -> io::Result<Spawned> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0(guard::BELOW)
        .args(Guard::arguments(recipe.containment, recipe.prestart, &recipe.command))
        .env("SITE_ID", &recipe.site)
        // What only the supervisor is to be told.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        // Signals for the supervisor's group are not for the bot: it is asked to end when its turn comes.
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn()?;
    Ok(Spawned { child, control: ours })
}

/// Copies what the bot writes, line by line, with its name in front.
pub(super) async fn pass_on(from: impl AsyncRead + Unpin, name: String, is_error: bool) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        line.extend_from_slice(format!("[{name}] ").as_bytes());
        let head = line.len();
        match tokio::io::AsyncReadExt::take(&mut lines, 64 * 1024).read_until(b'\n', &mut line).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
        if line.len() > head && line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        // Nobody listens any more: the bot goes on all the same.
        let _ = if is_error { io::stderr().write_all(&line) } else { io::stdout().write_all(&line) };
    }
}
