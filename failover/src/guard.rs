//! The process that stands between supervisor and bot, and holds the moment of SIGKILL (R9).
//!
//! ```text
//! supervisor ── socket ──▶ guard ── socket ──▶ init ──▶ bot and all it starts
//!               arm start          go term      PID 1 of a namespace of its own, or a group
//!               term kill
//! ```
//!
//! Each of them dies with its parent (PR_SET_PDEATHSIG), even when it is stopped. The guard is a program of one thread that
//! waits for its socket, its timer on CLOCK_BOOTTIME and the end of init; it needs the supervisor for nothing but a later
//! deadline. It lives for one bot. All of these are this very binary, started anew under hidden names, because a process
//! with threads can fork safely only to start another program.

mod below;
pub(crate) mod cage;
mod contain;
mod init;

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use clap::Args;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};

use crate::clock;
use crate::core::clock::Moment;

use cage::Cage;

pub use below::below;
pub use contain::{Containment, probe as containment, works};

/// The name under which this binary starts itself anew.
pub(crate) const BELOW: &str = "failover-below";

/// What a guard is told when it is started.
#[derive(Args, Clone, Debug)]
pub struct Guard {
    /// The supervisor: without it, there is nothing to guard.
    #[arg(long)]
    parent: i32,
    /// How to contain the bot.
    #[arg(long)]
    containment: Containment,
    /// Start the bot's process at once; it waits for GO.
    #[arg(long)]
    prestart: bool,
    /// The bot.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Guard {
    /// The arguments for a guard of `command`.
    pub(crate) fn arguments(containment: Containment, prestart: bool, command: &[OsString]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            vec!["guard".into(), "--parent".into(), std::process::id().to_string().into()];
        arguments.extend(["--containment".into(), containment.as_str().into()]);
        if prestart {
            arguments.push("--prestart".into());
        }
        arguments.push("--".into());
        arguments.extend(command.iter().cloned());
        arguments
    }

    /// Guards one bot, from its start to the end of its last process.
    ///
    /// # Errors
    /// When the system refuses what a guard needs. No bot runs then.
    pub fn run(self) -> anyhow::Result<()> {
        die_with(self.parent)?;
        let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut watch = Watch {
            commands: BufReader::new(control.try_clone()?),
            control,
            timer: clock::timer_fd()?,
            deadline: None,
            bot: None,
            started: false,
        };
        if self.prestart {
            watch.spawn(&self)?;
        }
        let code = watch.over(&self)?;
        watch.say(&format!("gone {code}"));
        Ok(())
    }
}

/// Makes this process die with its parent, which should be `parent`.
pub(crate) fn die_with(parent: i32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Had it died before, nothing would tell us.
    anyhow::ensure!(getppid().is_some_and(|pid| pid.as_raw_nonzero().get() == parent), "the supervisor is gone");
    Ok(())
}

struct Watch {
    commands: BufReader<UnixStream>,
    control: UnixStream,
    timer: OwnedFd,
    deadline: Option<Moment>,
    bot: Option<Inmate>,
    started: bool,
}

/// The process that holds the bot.
struct Inmate {
    init: Child,
    handle: OwnedFd,
    control: UnixStream,
    cage: Option<Cage>,
}

impl Watch {
    /// Waits until the bot is gone; returns its exit code.
    fn over(&mut self, guard: &Guard) -> anyhow::Result<i32> {
        loop {
            let mut waited = vec![PollFd::new(&self.control, PollFlags::IN), PollFd::new(&self.timer, PollFlags::IN)];
            if let Some(bot) = &self.bot {
                waited.push(PollFd::new(&bot.handle, PollFlags::IN));
            }
            match poll(&mut waited, None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            let ready: Vec<bool> = waited.iter().map(|fd| !fd.revents().is_empty()).collect();
            // The deadline comes before everything that we might be told now.
            if self.deadline.is_some_and(|deadline| clock::now() >= deadline) {
                if let Some(bot) = &self.bot {
                    bot.kill();
                }
                if ready[1] {
                    let _ = rustix::io::read(&self.timer, &mut [0_u8; 8]);
                }
            }
            if ready.get(2) == Some(&true)
                && let Some(mut bot) = self.bot.take()
            {
                let status = bot.init.wait()?;
                bot.sweep();
                return Ok(init::code(status));
            }
            if ready[0] {
                loop {
                    let mut line = String::new();
                    if self.commands.read_line(&mut line)? == 0 {
                        return Ok(self.end()); // Nobody is left to take the bot's end for.
                    }
                    if let Some(code) = self.obey(line.trim(), guard)? {
                        return Ok(code);
                    }
                    if self.commands.buffer().is_empty() {
                        break;
                    }
                }
            }
        }
    }

    fn obey(&mut self, line: &str, guard: &Guard) -> anyhow::Result<Option<i32>> {
        let (word, value) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "arm" => {
                let deadline = Moment::from_micros(value.parse()?);
                self.deadline = Some(deadline);
                clock::set_timer(&self.timer, deadline)?;
            }
            // No deadline, no bot; and none that has passed.
            "start" if self.deadline.is_none_or(|deadline| clock::now() >= deadline) => return Ok(Some(self.end())),
            "start" => {
                if self.bot.is_none() {
                    self.spawn(guard)?;
                }
                let deadline = self.deadline.map_or(0, Moment::as_micros);
                if let Some(bot) = &mut self.bot {
                    writeln!(bot.control, "go {value} {deadline}")?;
                    self.started = true;
                }
                self.say("up");
            }
            "term" => match &mut self.bot {
                Some(bot) if self.started => {
                    let _ = writeln!(bot.control, "term");
                }
                _ => return Ok(Some(self.end())),
            },
            "kill" => match &self.bot {
                Some(bot) => bot.kill(),
                None => return Ok(Some(self.end())),
            },
            _ => {}
        }
        Ok(None)
    }

    /// Starts init, which waits for `go`.
    fn spawn(&mut self, guard: &Guard) -> anyhow::Result<()> {
        contain::enter(guard.containment)?;
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(BELOW).arg("init").arg("--containment").arg(guard.containment.as_str());
        if guard.prestart {
            command.arg("--prestart");
        }
        let cage = match guard.containment {
            Containment::Cgroup => Some(Cage::make(&format!("failover-{}", std::process::id()))?),
            _ => None,
        };
        if let Some(cage) = &cage {
            command.arg("--cage").arg(cage.path());
            // Should we be killed, the supervisor empties it.
            self.say(&format!("cage {}", cage.path().display()));
        }
        command.arg("--").args(&guard.command).stdin(Stdio::from(OwnedFd::from(theirs)));
        let init = command.spawn()?;
        let pid = Pid::from_child(&init);
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        self.say(&format!("init {}", pid.as_raw_nonzero()));
        self.bot = Some(Inmate { init, handle, control: ours, cage });
        Ok(())
    }

    /// Ends whatever there is and returns its exit code.
    fn end(&mut self) -> i32 {
        let Some(mut bot) = self.bot.take() else { return -1 };
        bot.kill();
        let code = bot.init.wait().map_or(-1, init::code);
        bot.sweep();
        code
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.control, "{line}");
    }
}

impl Inmate {
    fn kill(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        if let Some(cage) = &self.cage {
            cage.kill();
        }
    }

    /// Ends what init has left behind.
    fn sweep(&self) {
        if let Some(cage) = &self.cage {
            cage.kill();
        }
        contain::reap_strays();
        if let Some(cage) = &self.cage {
            cage.end();
        }
    }
}
