//! What stands in Redis, what is asked of it, and what it answers.

use super::clock::Moment;

/// A site, by its place in the ordered list of sites: 0 is the preferred one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(pub u8);

impl Site {
    /// A site whose name is not in our list, such as one that was taken out of it.
    pub const UNLISTED: Self = Self(u8::MAX);

    /// Returns its place as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Names one term of one leader: fresh for each claim, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u64);

/// Names one run of the Redis process: another one after every restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub [u8; 20]);

/// How a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Somebody leads, or did when it was written.
    Held,
    /// The last leader's bot is gone, and it said so.
    Released,
    /// Nothing was stored; a candidate left this witness and waits.
    Grace,
}

/// The authoritative record, `<namespace>:term`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose term it is.
    pub nonce: Nonce,
    /// Counts the writes of that term.
    pub seq: u64,
    /// Held, released or a witness.
    pub standing: Standing,
    /// The run of Redis that wrote it.
    pub run: RunId,
    /// Rises with every term.
    pub epoch: u64,
    /// Who wrote it.
    pub site: Site,
    /// Whom it is offered to (held) or reserved for (released).
    pub to: Option<Site>,
}

/// What tells two versions of the record apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// See [`Record::nonce`].
    pub nonce: Nonce,
    /// See [`Record::seq`].
    pub seq: u64,
    /// See [`Record::standing`].
    pub standing: Standing,
    /// See [`Record::run`].
    pub run: RunId,
}

impl Record {
    /// Returns what tells this version of the record from others.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { nonce: self.nonce, seq: self.seq, standing: self.standing, run: self.run }
    }
}

/// A heartbeat, `<namespace>:hb:<site>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// Moves with every beat.
    pub seq: u64,
    /// The term whose offer is accepted.
    pub accept: Option<Nonce>,
    /// Which supervisor process wrote it.
    pub instance: u64,
    /// Whether the bot may be given to this site.
    pub ready: bool,
    /// The writer's state, for people: [`super::Phase`] as a number.
    pub phase: u8,
}

/// What the operators want, `<namespace>:wish`. Losing it costs only the wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Which site shall have the bot.
    pub order: Order,
    /// The leader of this epoch shall give the bot away.
    pub stepdown: u64,
}

/// Which site shall have the bot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The list of sites says.
    #[default]
    Listed,
    /// This site goes before all others.
    Prefer(Site),
    /// This site, and no other.
    Pin(Site),
    /// Whoever has it keeps it; if it dies, the next one takes over.
    Pause,
}

/// Who holds `<namespace>:leader`, the lock that old clients know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// Nobody, or one of us: it only mirrors the record.
    #[default]
    Free,
    /// A client of the plain TTL lock, which knows nothing of records. Its bot may be running.
    Foreign,
}

/// One call of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The run of Redis under which this was decided; a write is void under another (R5).
    pub run: Option<RunId>,
    /// What to do.
    pub op: Op,
    /// Our heartbeat, unless we keep quiet.
    pub beat: Option<Beat>,
}

/// What the script is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Only look.
    Sync,
    /// Leave a witness where nothing is stored.
    Grace {
        /// A fresh one.
        nonce: Nonce,
        /// Lower bound of later epochs.
        floor: u64,
    },
    /// Take the lease, if the record is still exactly what was seen.
    Acquire {
        /// A fresh one.
        nonce: Nonce,
        /// What was seen.
        seen: Option<Version>,
        /// Lower bound of the epoch.
        floor: u64,
    },
    /// Keep the lease.
    Renew {
        /// The term's.
        nonce: Nonce,
        /// Above all earlier ones of the term.
        seq: u64,
        /// The term's.
        epoch: u64,
        /// Offered to this better site.
        to: Option<Site>,
    },
    /// Give the lease back.
    Release {
        /// The term's.
        nonce: Nonce,
        /// The last renewal known to be written (R6).
        seq: u64,
        /// Reserved for this site.
        to: Option<Site>,
    },
}

/// What the script answered: everything there is to know, whatever was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it was done.
    pub done: bool,
    /// The run of Redis that answered.
    pub run: RunId,
    /// The record after it.
    pub record: Option<Record>,
    /// Who holds the old lock.
    pub lock: Lock,
    /// What operators want.
    pub wish: Wish,
    /// Our own heartbeat as it was before this call.
    pub own: Option<Beat>,
    /// The heartbeats of all sites, in the order of the list.
    pub beats: Vec<Option<Beat>>,
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    pub id: u64,
    pub op: Op,
    /// Just before it was sent: where a lease begins (R1).
    pub sent: Moment,
}
