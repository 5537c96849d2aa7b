//! What happens to the state machine, and what it wants done.

use super::clock::{Moment, Span};
use super::record::{Answer, Request, Site};

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Nothing but time. Due at [`super::Core::wake_at`]; earlier does no harm, later only shortens the lease.
    Tick,
    /// Redis answered the request of this number.
    Answered(u64, Answer),
    /// The request of this number will not be answered any more. What became of it is unknown (R11).
    Unanswered(u64),
    /// Something in Redis changed: look now instead of at the next poll.
    Hint,
    /// The bot that was started is up.
    BotUp,
    /// Every process of the bot is gone and reaped. `lived` is how long it ran; none for a bot that could not be started.
    BotGone {
        /// From its start to its end.
        lived: Option<Span>,
    },
    /// SIGTERM: give the bot away and end.
    Stop,
    /// Give the bot away now, and do not take it back for a while if another site can have it.
    StepDown,
}

/// What the surroundings must do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this request and report its end by its number.
    Send(u64, Request),
    /// Throw the connection to Redis away, with whatever is still under way on it (R11).
    Disconnect,
    /// The guard shall kill the bot at this moment, whatever happens to us. Always before [`Action::Start`] (R9).
    Arm(Moment),
    /// Start the bot under this epoch.
    Start {
        /// The fencing token that the bot is given.
        epoch: u64,
    },
    /// Ask the bot to end (SIGTERM).
    Terminate,
    /// End the bot (SIGKILL).
    Kill,
    /// Tell people.
    Tell(Notice),
}

/// What people may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// We lead.
    Leads {
        /// The term's epoch.
        epoch: u64,
        /// Who led before, as far as the record tells.
        from: Option<Site>,
        /// How we came to it.
        why: Why,
    },
    /// We give the bot away.
    Leaves {
        /// To whom, if somebody is named.
        to: Option<Site>,
        /// Why.
        why: Leave,
    },
    /// The lease is over or another holds it: the bot was killed.
    Lost(Loss),
    /// The bot ended by itself and will be started again after this pause.
    Restarts(Span),
    /// The bot failed to start so often that another site shall have it.
    GaveUp,
    /// Redis restarted, perhaps without its data.
    RedisRestarted,
    /// Another supervisor uses our site's name.
    Duplicate,
    /// It has stopped doing so.
    DuplicateGone,
    /// An old client of the plain lock holds it, so nobody of us may start.
    OldClient,
    /// An operator wants the bot elsewhere, but no other site is ready to have it.
    NoSuccessor,
    /// A better site was offered the bot and did not answer.
    OfferLapsed(Site),
}

/// How a site came to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The last leader gave the bot to us.
    HandedOver,
    /// The last leader gave it back.
    Released,
    /// The last leader was not heard of for W.
    WaitedOut,
    /// Nothing was stored, and W went by.
    FirstStart,
}

/// Why a site gives the bot away of its own will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// A better site is back.
    Preferred,
    /// Our supervisor was asked to end.
    Stopping,
    /// An operator asked for it.
    SteppedDown,
    /// The bot cannot be started here.
    FailedStarts,
    /// Redis does not answer, and the lease will end.
    LeaseAtRisk,
}

/// How a site came to lose the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The lease is over.
    LeaseOver,
    /// Another holder was seen, or the record is not ours any more.
    OtherHolder,
    /// An old client of the plain lock holds it.
    OldClient,
}
