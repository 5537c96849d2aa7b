//! The times of the protocol, and the conditions under which they are safe.

use std::time::Duration;

use super::clock::{Moment, Span};

/// How the protocol is paced. A value of this type keeps the conditions that the proof needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// W: a candidate takes over after it has seen the record unchanged for this long on its own clock. Also the TTL of our keys.
    pub wait: Span,
    /// R: pause between two renewals.
    pub renew: Span,
    /// Pause between two looks at Redis.
    pub poll: Span,
    /// Time for one answer of Redis, after which the connection is thrown away.
    pub request: Span,
    /// G: time for the bot to end after SIGTERM.
    pub grace: Span,
    /// K: time from SIGKILL until the last process of the bot is gone.
    pub kill: Span,
    /// D: how long a better site must have been well before it gets the bot back.
    pub preempt: Span,
    /// What D may grow to when handing back fails again and again.
    pub preempt_max: Span,
    /// L: the lease, counted from before its request was sent, on the leader's clock.
    pub lease: Span,
}

/// What an operator sets; everything else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// W, see [`Timing::wait`].
    pub ttl: Duration,
    /// R, see [`Timing::renew`].
    pub renew: Duration,
    /// See [`Timing::poll`].
    pub poll: Duration,
    /// See [`Timing::request`].
    pub request: Duration,
    /// G, see [`Timing::grace`].
    pub grace: Duration,
    /// K, see [`Timing::kill`].
    pub kill: Duration,
    /// D, see [`Timing::preempt`].
    pub preempt: Duration,
    /// See [`Timing::preempt_max`].
    pub preempt_max: Duration,
    /// r: bound on how much a second of one clock may differ from a true one, in millionths.
    pub drift_ppm: u32,
}

/// Why a pace cannot be kept. The message names both sides of the condition.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// A time of zero.
    #[error("{0} must be longer than zero")]
    Zero(&'static str),
    /// Clocks that differ so much cannot be allowed for.
    #[error("drift_ppm must be between 0 and 200000 (20 %)")]
    Drift,
    /// A single lost renewal would stop the bot.
    #[error(
        "renew + 2 × request ({needed}) must be less than lease − kill − grace ({room}), or one lost renewal stops the bot: \
         renew more often, shorten grace or lengthen ttl (lease {lease} = ttl less the drift)"
    )]
    Tight {
        /// renew + 2 × request.
        needed: Span,
        /// lease − kill − grace.
        room: Span,
        /// L.
        lease: Span,
    },
    /// Polls would overlap.
    #[error("poll ({0}) must not be longer than renew ({1})")]
    SlowPoll(Span, Span),
}

impl Pace {
    /// The times that the first users know: TTL 90 s, renewal every 30 s.
    pub const DOC: Self = Self {
        ttl: Duration::from_secs(90),
        renew: Duration::from_secs(30),
        poll: Duration::from_secs(1),
        request: Duration::from_secs(2),
        grace: Duration::from_secs(10),
        kill: Duration::from_secs(2),
        preempt: Duration::from_secs(60),
        preempt_max: Duration::from_secs(3600),
        drift_ppm: 10_000,
    };

    /// A take-over within 16 s of a crash: recommended.
    pub const FAST: Self = Self {
        ttl: Duration::from_secs(15),
        renew: Duration::from_secs(3),
        poll: Duration::from_millis(500),
        request: Duration::from_secs(1),
        grace: Duration::from_secs(4),
        kill: Duration::from_secs(1),
        preempt: Duration::from_secs(10),
        preempt_max: Duration::from_secs(3600),
        drift_ppm: 10_000,
    };
}

impl Timing {
    /// Derives the lease and checks that one renewal may be lost without harm.
    ///
    /// # Errors
    /// When a time is zero or the times do not fit together.
    pub fn new(pace: &Pace) -> Result<Self, TimingError> {
        for (name, time) in [
            ("ttl", pace.ttl),
            ("renew", pace.renew),
            ("poll", pace.poll),
            ("request", pace.request),
            ("kill", pace.kill),
        ] {
            if time < Duration::from_millis(1) {
                return Err(TimingError::Zero(name));
            }
        }
        if pace.drift_ppm > 200_000 {
            return Err(TimingError::Drift);
        }
        let wait = Span::from(pace.ttl);
        // R3: W/(1+r) >= L/(1-r). Rounded down: a shorter lease is the safe side.
        let million = 1_000_000_i128;
        let drift = i128::from(pace.drift_ppm);
        let lease = i128::from(wait.as_micros()) * (million - drift) / (million + drift);
        let timing = Self {
            wait,
            renew: pace.renew.into(),
            poll: pace.poll.into(),
            request: pace.request.into(),
            grace: pace.grace.into(),
            kill: pace.kill.into(),
            preempt: pace.preempt.into(),
            preempt_max: Span::from(pace.preempt_max).max(pace.preempt.into()),
            lease: Span::from_micros(i64::try_from(lease).unwrap_or(0)),
        };
        let needed = timing.renew + timing.request.times(2);
        let room = timing.lease - timing.kill - timing.grace;
        if needed >= room {
            return Err(TimingError::Tight { needed, room, lease: timing.lease });
        }
        if timing.poll > timing.renew {
            return Err(TimingError::SlowPoll(timing.poll, timing.renew));
        }
        Ok(timing)
    }

    /// When SIGTERM must be sent for a lease that ends at `lease_end`.
    #[must_use]
    pub fn stop_at(&self, lease_end: Moment) -> Moment {
        lease_end - self.kill - self.grace
    }

    /// When SIGKILL must be sent for a lease that ends at `lease_end`.
    #[must_use]
    pub fn kill_at(&self, lease_end: Moment) -> Moment {
        lease_end - self.kill
    }

    /// A peer whose heartbeat moved less than this ago is alive: it counts in the queue of candidates.
    #[must_use]
    pub fn alive(&self) -> Span {
        self.poll.times(4) + self.request
    }

    /// A peer whose heartbeat moved less than this ago may be offered the bot.
    #[must_use]
    pub fn lively(&self) -> Span {
        self.poll.times(2) + self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_profiles_give_the_documented_times() {
        let doc = Timing::new(&Pace::DOC).unwrap();
        let fast = Timing::new(&Pace::FAST).unwrap();
        let zero = Moment::from_micros(0);
        let times = |t: &Timing| {
            [t.lease, t.stop_at(zero + t.lease) - zero, t.kill_at(zero + t.lease) - zero].map(|s| s.to_string())
        };
        assert_eq!(times(&doc), ["88.2 s", "76.2 s", "86.2 s"]);
        assert_eq!(times(&fast), ["14.7 s", "9.7 s", "13.7 s"]);
    }

    #[test]
    fn times_that_one_lost_renewal_would_break_are_refused() {
        let tight = Pace { renew: Duration::from_secs(8), ..Pace::FAST };
        let refused = Timing::new(&tight).unwrap_err().to_string();
        assert!(
            refused.starts_with("renew + 2 × request (10.0 s) must be less than lease − kill − grace (9.7 s)"),
            "{refused}"
        );
        assert_eq!(Timing::new(&Pace { kill: Duration::ZERO, ..Pace::FAST }), Err(TimingError::Zero("kill")));
        assert_eq!(Timing::new(&Pace { drift_ppm: 999_999, ..Pace::FAST }), Err(TimingError::Drift));
    }
}
