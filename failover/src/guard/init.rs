//! The first process inside a container: starts the bot, reaps what it orphans, and ends when it ends.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use clap::Args;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process_group, pidfd_open, set_child_subreaper,
    set_parent_process_death_signal, waitpid,
};

use super::cage::Cage;
use super::contain::{self, Containment};
use super::die_with;
use crate::clock;
use crate::core::clock::Moment;

/// What the first process in a container is told.
#[derive(Args, Clone, Debug)]
pub struct Init {
    /// What kind of container this is.
    #[arg(long)]
    containment: Containment,
    /// The cgroup to be in.
    #[arg(long)]
    cage: Option<String>,
    /// Start the bot's process before `go`; it gets a line `GO` then.
    #[arg(long)]
    prestart: bool,
    /// The bot.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the bot, if its time has not run out.
#[derive(Args, Clone, Debug)]
pub struct Launch {
    /// Who starts it.
    #[arg(long)]
    parent: i32,
    /// When it would be killed, on CLOCK_BOOTTIME in microseconds.
    #[arg(long)]
    deadline: i64,
    /// The bot.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Init {
    /// Holds the bot; returns its exit code.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(self) -> anyhow::Result<i32> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        match self.containment {
            Containment::Cgroup | Containment::Group => set_child_subreaper(Some(Pid::INIT))?,
            Containment::Namespace | Containment::UserNamespace => contain::own_proc(),
        }
        if let Some(cage) = &self.cage {
            Cage::at(cage).enter()?;
        }
        let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut commands = BufReader::new(control.try_clone()?);
        let mut bot = if self.prestart { Some(self.launch(None, i64::MAX)?) } else { None };
        // Should the guard have died before we asked to die with it, this is where we learn of it: its end is closed.
        let mut line = String::new();
        if commands.read_line(&mut line)? == 0 {
            return Ok(-1);
        }
        let mut words = line.split_whitespace().skip(1);
        let (epoch, deadline) = (words.next().unwrap_or("0").to_owned(), words.next().unwrap_or("0").parse()?);
        if clock::now() >= Moment::from_micros(deadline) {
            return Ok(-1);
        }
        let mut bot = match bot.take() {
            Some(mut bot) => {
                if let Some(mut input) = bot.stdin.take() {
                    let _ = writeln!(input, "GO {epoch}");
                }
                bot
            }
            None => self.launch(Some(&epoch), deadline)?,
        };
        Self::hold(&mut bot, &control, &mut commands)
    }

    fn launch(&self, epoch: Option<&str>, deadline: i64) -> anyhow::Result<Child> {
        let mut launch = Command::new("/proc/self/exe");
        launch.arg0(super::BELOW).arg("launch").arg("--parent").arg(std::process::id().to_string());
        launch.arg("--deadline").arg(deadline.to_string()).arg("--").args(&self.command);
        launch.process_group(0);
        match epoch {
            Some(epoch) => launch.env("FAILOVER_EPOCH", epoch).stdin(Stdio::null()),
            None => launch.env("FAILOVER_PRESTART", "1").stdin(Stdio::piped()),
        };
        Ok(launch.spawn()?)
    }

    fn hold(bot: &mut Child, control: &UnixStream, commands: &mut BufReader<UnixStream>) -> anyhow::Result<i32> {
        let pid = Pid::from_child(bot);
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        loop {
            let mut waited = [PollFd::new(&handle, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
            // Orphans of the bot are ours to reap; they make no noise, so we look now and then.
            // What came together with the word to go is in the buffer, not in the socket.
            let buffered = !commands.buffer().is_empty();
            let now_and_then = rustix::time::Timespec { tv_sec: if buffered { 0 } else { 30 }, tv_nsec: 0 };
            match poll(&mut waited, Some(&now_and_then)) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            let (ended, told) = (!waited[0].revents().is_empty(), buffered || !waited[1].revents().is_empty());
            if ended {
                let code = code(bot.wait()?);
                let _ = kill_process_group(pid, Signal::KILL);
                contain::reap_strays();
                return Ok(code);
            }
            if told {
                let mut line = String::new();
                if commands.read_line(&mut line)? == 0 {
                    anyhow::bail!("the guard is gone"); // With us, the whole container ends.
                }
                let _ = kill_process_group(pid, Signal::TERM);
            }
            reap_orphans(pid);
        }
    }
}

/// Reaps what has ended, but not the bot itself, whose end [`Init::hold`] waits for.
fn reap_orphans(bot: Pid) {
    for child in contain::children().into_iter().filter(|child| *child != bot) {
        let _ = waitpid(Some(child), WaitOptions::NOHANG);
    }
}

impl Launch {
    /// Becomes the bot.
    ///
    /// # Errors
    /// When its time has run out or it cannot be executed; it returns for nothing else.
    pub fn run(self) -> anyhow::Result<()> {
        // In a namespace our parent is PID 1 there, by the number that it sees itself.
        die_with(self.parent)?;
        anyhow::ensure!(clock::now().as_micros() < self.deadline, "the lease is over before the bot began");
        let mut command = self.command.into_iter();
        let program = command.next().unwrap_or_default();
        let error = Command::new(&program).args(command).exec();
        Err(anyhow::Error::new(error).context(format!("cannot run {}", program.display())))
    }
}

/// The exit code as a shell would give it: 128 and the signal for one that was killed.
pub fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
