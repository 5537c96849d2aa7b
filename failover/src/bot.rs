//! The supervisor's end of guard and bot.

mod hands;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::clock;
use crate::core::clock::Moment;
use crate::core::event::Event;
use crate::guard::Containment;
use crate::guard::cage::Cage;
use crate::hooks::Hook;

use hands::{Hands, Spawned, pass_on};

/// A guard that does not act on SIGKILL for its bot within this time is stopped or stuck, and is killed itself.
const GUARD_PATIENCE: Duration = Duration::from_millis(100);

/// What the supervisor wants of guard and bot.
#[derive(Debug)]
pub(crate) enum Order {
    Arm(Moment),
    Start { epoch: u64 },
    Terminate,
    Kill,
}

/// What is run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub command: Vec<OsString>,
    pub containment: Containment,
    pub prestart: bool,
    pub site: String,
    pub name: String,
    pub acquire: Hook,
    pub release: Hook,
}

/// Carries out orders, one bot after the other, until nobody can give any more.
pub(crate) async fn keep(recipe: Recipe, mut orders: UnboundedReceiver<Order>, events: UnboundedSender<Event>) {
    let hands = Hands::new(recipe.clone());
    loop {
        match one(&recipe, &hands, &mut orders, &events).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                warn!("cannot guard the bot: {error:#}");
                if events.send(Event::BotGone { lived: None }).is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// One guard and one bot. Returns whether there may be another.
async fn one(
    recipe: &Recipe,
    hands: &Hands,
    orders: &mut UnboundedReceiver<Order>,
    events: &UnboundedSender<Event>,
) -> anyhow::Result<bool> {
    let mut guard = Watched::new(hands.spawn().await?, recipe)?;
    let mut deadline = Moment::NEVER;
    let mut started: Option<Moment> = None;
    let mut ended: Option<&'static str> = None;
    // The acquire hook at work, and the epoch of the bot that waits for it. It runs beside us: no order waits for a hook.
    let mut hook: Option<(u64, JoinHandle<bool>)> = None;
    loop {
        let kill_at = guard.kill_at;
        tokio::select! {
            order = orders.recv() => match order {
                None => {
                    guard.kill();
                    return Ok(false);
                }
                Some(Order::Arm(at)) => {
                    deadline = at;
                    guard.say(&format!("arm {}", at.as_micros())).await;
                }
                Some(Order::Start { epoch }) => {
                    let acquire = recipe.acquire.clone();
                    hook = Some((epoch, tokio::spawn(async move { acquire.run(epoch, deadline).await })));
                }
                Some(Order::Terminate) => {
                    ended.get_or_insert("asked to end");
                    give_up(&mut hook);
                    guard.say("term").await;
                }
                Some(Order::Kill) => {
                    ended = Some("killed");
                    give_up(&mut hook);
                    guard.say("kill").await;
                    guard.kill_soon();
                }
            },
            (epoch, well) = outcome(&mut hook) => {
                hook = None;
                if !well || clock::now() >= deadline {
                    warn!("the bot is not started: its hook failed or took too long");
                    let _ = events.send(Event::BotGone { lived: None });
                    continue;
                }
                started = Some(clock::now());
                guard.epoch = epoch;
                guard.say(&format!("start {epoch}")).await;
            }
            line = guard.lines.next_line() => match line {
                Ok(Some(line)) => match line.split_once(' ') {
                    Some(("init", pid)) => guard.watch_init(pid),
                    Some(("cage", path)) => guard.cage = Some(Cage::at(path)),
                    Some(("gone", code)) => guard.code = code.parse().unwrap_or(-1),
                    _ if line == "up" => { let _ = events.send(Event::BotUp); }
                    _ => {}
                },
                _ => break,
            },
            () = sleep_until(kill_at) => guard.kill(),
        }
    }
    let prepared = hook.is_some();
    give_up(&mut hook);
    guard.all_gone().await;
    let Some(started) = started else {
        // A guard without a bot, or with one that was only prepared.
        match ended {
            Some(_) => drop(events.send(Event::BotGone { lived: None })),
            // The guard ended while the hook was at work.
            None if prepared => drop(events.send(Event::BotGone { lived: None })),
            // Such as a prepared bot that did not wait: not again and again without a pause.
            None => tokio::time::sleep(Duration::from_secs(1)).await,
        }
        return Ok(true);
    };
    let lived = clock::now() - started;
    match ended {
        Some(how) => info!("{} is gone ({how}) after {lived}", recipe.name),
        None => warn!("{} ended by itself with code {} after {lived}", recipe.name, guard.code),
    }
    if ended == Some("asked to end") {
        recipe.release.run(guard.epoch, deadline).await;
    }
    let lived = (guard.code != -1).then_some(lived);
    Ok(events.send(Event::BotGone { lived }).is_ok())
}

/// Waits for the hook, if one is at work.
async fn outcome(hook: &mut Option<(u64, JoinHandle<bool>)>) -> (u64, bool) {
    match hook {
        Some((epoch, work)) => (*epoch, work.await.unwrap_or(false)),
        None => std::future::pending().await,
    }
}

/// Kills a hook whose bot shall not start any more.
fn give_up(hook: &mut Option<(u64, JoinHandle<bool>)>) {
    if let Some((_, work)) = hook.take() {
        work.abort();
    }
}

/// A guard as the supervisor sees it.
struct Watched {
    child: Child,
    ended: AsyncFd<OwnedFd>,
    init: Option<AsyncFd<OwnedFd>>,
    /// Where the bot is held in a cgroup.
    cage: Option<Cage>,
    lines: tokio::io::Lines<BufReader<tokio::net::unix::OwnedReadHalf>>,
    control: tokio::net::unix::OwnedWriteHalf,
    code: i32,
    epoch: u64,
    kill_at: Option<tokio::time::Instant>,
}

impl Watched {
    fn new(spawned: Spawned, recipe: &Recipe) -> anyhow::Result<Self> {
        let Spawned { mut child, control } = spawned;
        for (from, is_error) in
            [(child.stdout.take().map(OwnedFd::from), false), (child.stderr.take().map(OwnedFd::from), true)]
        {
            if let Some(from) = from {
                let pipe = pipe::Receiver::from_owned_fd(from)?;
                tokio::spawn(pass_on(pipe, recipe.name.clone(), is_error));
            }
        }
        control.set_nonblocking(true)?;
        let (read, write) = tokio::net::UnixStream::from_std(control)?.into_split();
        let ended = clock::watched(pidfd_open(Pid::from_child(&child), PidfdFlags::NONBLOCK)?)?;
        Ok(Self {
            child,
            ended,
            init: None,
            cage: None,
            lines: BufReader::new(read).lines(),
            control: write,
            code: -1,
            epoch: 0,
            kill_at: None,
        })
    }

    async fn say(&mut self, line: &str) {
        // A guard that cannot take it is about to end, which we shall hear of.
        let _ = self.control.write_all(format!("{line}\n").as_bytes()).await;
    }

    fn watch_init(&mut self, pid: &str) {
        let handle =
            pid.parse().ok().and_then(Pid::from_raw).and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok());
        self.init = handle.and_then(|handle| clock::watched(handle).ok());
    }

    /// With the guard ends everything below it.
    fn kill(&mut self) {
        self.kill_at = None;
        let _ = self.child.kill();
    }

    fn kill_soon(&mut self) {
        self.kill_at = Some(tokio::time::Instant::now() + GUARD_PATIENCE);
    }

    /// Waits until guard and container have ended.
    async fn all_gone(&mut self) {
        self.kill_soon();
        tokio::select! {
            _ = self.ended.readable() => {}
            () = sleep_until(self.kill_at) => {
                let _ = self.child.kill();
                let _ = self.ended.readable().await;
            }
        }
        let _ = self.child.wait();
        if let Some(init) = &self.init {
            let _ = init.readable().await;
        }
        if let Some(cage) = &self.cage {
            while !cage.is_empty() {
                cage.kill();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cage.remove();
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
