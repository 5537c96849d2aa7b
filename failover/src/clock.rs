//! CLOCK_BOOTTIME, which goes on while a machine is suspended, and a timer on it.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::core::clock::Moment;

/// Returns the present moment on this host.
#[must_use]
pub fn now() -> Moment {
    let time = clock_gettime(ClockId::Boottime);
    Moment::from_micros(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)
}

/// Creates a timer that shows itself by its descriptor becoming readable.
pub(crate) fn timer_fd() -> io::Result<OwnedFd> {
    Ok(timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?)
}

/// Sets it to go off at `at`; a moment that has passed goes off at once.
pub(crate) fn set_timer(timer: &OwnedFd, at: Moment) -> io::Result<()> {
    let micros = at.as_micros().max(1); // Zero would switch it off.
    let value = Timespec { tv_sec: micros / 1_000_000, tv_nsec: micros % 1_000_000 * 1_000 };
    let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
    timerfd_settime(timer.as_fd(), TimerfdTimerFlags::ABSTIME, &once)?;
    Ok(())
}

/// Makes a descriptor something that a task can wait for.
#[expect(
    deprecated,
    reason = "its replacement is unsafe, for types that could close the descriptor early; OwnedFd does not"
)]
pub(crate) fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

/// A timer for tasks.
#[derive(Debug)]
pub(crate) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    pub fn new() -> io::Result<Self> {
        Ok(Self(watched(timer_fd()?)?))
    }

    /// Returns at `at`, or a little later.
    pub async fn until(&self, at: Moment) -> io::Result<()> {
        set_timer(self.0.get_ref(), at)?;
        loop {
            let mut ready = self.0.readable().await?;
            if now() >= at {
                return Ok(());
            }
            // Left over from an earlier setting.
            let mut expirations = [0_u8; 8];
            let _ = rustix::io::read(self.0.get_ref(), &mut expirations);
            ready.clear_ready();
        }
    }
}
