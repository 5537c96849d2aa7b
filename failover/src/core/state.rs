//! The states of one supervisor.

use super::clock::Moment;
use super::record::{Nonce, Site};

/// Where a supervisor stands, with what it must remember there.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// No answer of Redis yet.
    Booting,
    /// Another supervisor with our site's name is at work; we look on and keep quiet.
    Duplicate,
    /// No bot here; we look and wait.
    Watching,
    /// As watching, but not to be chosen while another site can.
    CoolDown,
    /// An acquisition is in flight.
    Claiming(Nonce),
    /// The lease is ours; the bot is to be started, or started again.
    Starting(Term),
    /// The lease is ours and the bot runs.
    Leading(Term),
    /// The bot still runs, and a better site is asked whether it would have it.
    Yielding(Term, Offer),
    /// The bot was asked to end; the lease is kept until it is gone.
    Draining(Term, Departure),
    /// The bot is gone; the lease is being given back.
    Releasing(Term, Option<Site>),
    /// The lease is over or another holds it: the bot was killed and is not gone yet. Its nonce is dead.
    Killed,
}

/// One term of leadership.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub nonce: Nonce,
    pub epoch: u64,
    /// Up to here the lease is ours, by our clock.
    pub lease_end: Moment,
    /// Number of the last renewal that was sent.
    pub tried: u64,
    /// Number of the last one that is known to be written.
    pub acked: u64,
    pub renew_at: Moment,
    /// An acquisition whose answer was lost must be renewed before the bot may start.
    pub confirmed: bool,
    /// When the bot may start (again).
    pub start_at: Moment,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub to: Site,
    pub since: Moment,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    pub since: Moment,
    pub to: Option<Site>,
    pub killed: bool,
}

impl State {
    /// The term, where there is one that a renewal could keep.
    pub fn term(&self) -> Option<&Term> {
        match self {
            Self::Starting(term)
            | Self::Leading(term)
            | Self::Yielding(term, _)
            | Self::Draining(term, _)
            | Self::Releasing(term, _) => Some(term),
            _ => None,
        }
    }

    pub fn term_mut(&mut self) -> Option<&mut Term> {
        match self {
            Self::Starting(term)
            | Self::Leading(term)
            | Self::Yielding(term, _)
            | Self::Draining(term, _)
            | Self::Releasing(term, _) => Some(term),
            _ => None,
        }
    }

    pub fn phase(&self) -> Phase {
        match self {
            Self::Booting => Phase::Booting,
            Self::Duplicate => Phase::Duplicate,
            Self::Watching => Phase::Watching,
            Self::CoolDown => Phase::CoolDown,
            Self::Claiming(_) => Phase::Claiming,
            Self::Starting(_) => Phase::Starting,
            Self::Leading(_) => Phase::Leading,
            Self::Yielding(..) => Phase::Yielding,
            Self::Draining(..) => Phase::Draining,
            Self::Releasing(..) => Phase::Releasing,
            Self::Killed => Phase::Killed,
        }
    }
}

/// The name of a state, as people see it in `failover status`, in `/status` and in the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the states are described in the module `core`")]
pub enum Phase {
    #[default]
    Booting,
    Duplicate,
    Watching,
    CoolDown,
    Claiming,
    Starting,
    Leading,
    Yielding,
    Draining,
    Releasing,
    Killed,
}

impl Phase {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Booting,
        Self::Duplicate,
        Self::Watching,
        Self::CoolDown,
        Self::Claiming,
        Self::Starting,
        Self::Leading,
        Self::Yielding,
        Self::Draining,
        Self::Releasing,
        Self::Killed,
    ];

    /// Returns the name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Duplicate => "duplicate",
            Self::Watching => "watching",
            Self::CoolDown => "cool_down",
            Self::Claiming => "claiming",
            Self::Starting => "starting",
            Self::Leading => "leading",
            Self::Yielding => "yielding",
            Self::Draining => "draining",
            Self::Releasing => "releasing",
            Self::Killed => "killed",
        }
    }

    /// Returns the state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name)
    }
}
