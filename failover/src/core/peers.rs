//! What we know of the other sites, and in which order they come.

use super::clock::{Moment, Span};
use super::record::{Beat, Nonce, Order, Site};
use super::timing::Timing;

#[derive(Clone, Copy, Debug)]
struct Peer {
    beat: Beat,
    /// When the heartbeat last moved, by our clock. What Redis lets expire is no sign of anything (R2).
    moved: Moment,
    /// Since when it has moved without a hole.
    steady: Moment,
    /// How long it must be steady before it is offered the bot: grows when handing back fails.
    delay: Span,
    seen: bool,
}

/// All sites of the list, ourselves included.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    me: Site,
    peers: Vec<Peer>,
    order: Order,
}

impl Peers {
    pub fn new(me: Site, sites: usize, timing: &Timing) -> Self {
        let zero = Moment::from_micros(0);
        let peer = Peer { beat: Beat::default(), moved: zero, steady: zero, delay: timing.preempt, seen: false };
        Self { me, peers: vec![peer; sites], order: Order::Listed }
    }

    pub fn observe(&mut self, beats: &[Option<Beat>], order: Order, now: Moment, timing: &Timing) {
        self.order = order;
        for (peer, beat) in self.peers.iter_mut().zip(beats) {
            let Some(beat) = beat else { continue };
            if !peer.seen {
                // What stands there when we first look may be a dead one's: only movement counts.
                peer.moved = now - timing.alive();
                peer.steady = now;
            } else if peer.beat.seq != beat.seq || peer.beat.instance != beat.instance {
                if now - peer.moved >= timing.alive() {
                    peer.steady = now;
                }
                peer.moved = now;
            }
            if !beat.ready {
                peer.steady = now;
            }
            peer.beat = *beat;
            peer.seen = true;
        }
    }

    /// Lower goes first.
    fn rank(&self, site: Site) -> u8 {
        match self.order {
            Order::Prefer(first) | Order::Pin(first) if first == site => 0,
            _ => site.0.saturating_add(1),
        }
    }

    /// Whether operators let this site lead at all.
    pub fn may_lead(&self, site: Site) -> bool {
        !matches!(self.order, Order::Pin(only) if only != site)
    }

    fn others(&self) -> impl Iterator<Item = (Site, &Peer)> {
        let me = self.me;
        (0_u8..).map(Site).zip(&self.peers).filter(move |(site, peer)| *site != me && peer.seen)
    }

    /// How many better sites are alive and ready: they go first when nobody leads.
    pub fn queue(&self, now: Moment, timing: &Timing) -> i64 {
        let better = |(site, peer): &(Site, &Peer)| {
            self.rank(*site) < self.rank(self.me)
                && self.may_lead(*site)
                && peer.beat.ready
                && now - peer.moved < timing.alive()
        };
        i64::try_from(self.others().filter(better).count()).unwrap_or(0)
    }

    /// The best other site that could take the bot right now.
    pub fn successor(&self, now: Moment, timing: &Timing) -> Option<Site> {
        self.others()
            .filter(|(site, peer)| self.may_lead(*site) && peer.beat.ready && now - peer.moved < timing.lively())
            .map(|(site, _)| site)
            .min_by_key(|site| self.rank(*site))
    }

    /// The better site, if any, that has been well for long enough to be offered the bot.
    pub fn preferred(&self, now: Moment, timing: &Timing) -> Option<Site> {
        if self.order == Order::Pause {
            return None;
        }
        let due = |(site, peer): &(Site, &Peer)| {
            let asked_for = matches!(self.order, Order::Prefer(first) | Order::Pin(first) if first == *site);
            self.may_lead(*site)
                && self.rank(*site) < self.rank(self.me)
                && peer.beat.ready
                && now - peer.moved < timing.lively()
                && (now - peer.steady >= if asked_for { timing.poll } else { peer.delay })
        };
        self.others().filter(due).map(|(site, _)| site).min_by_key(|site| self.rank(*site))
    }

    pub fn accepts(&self, site: Site, offer: Nonce) -> bool {
        self.peers.get(site.index()).is_some_and(|peer| peer.beat.accept == Some(offer))
    }

    /// Handing the bot to this site failed: it must be well for longer before the next try.
    pub fn distrust(&mut self, site: Site, now: Moment, timing: &Timing) {
        if let Some(peer) = self.peers.get_mut(site.index()) {
            peer.steady = now;
            peer.delay = peer.delay.times(2).min(timing.preempt_max);
        }
    }

    /// This site kept the bot: the next hand-over to it need not wait longer than the first.
    pub fn trust(&mut self, site: Site, timing: &Timing) {
        if let Some(peer) = self.peers.get_mut(site.index()) {
            peer.delay = timing.preempt;
        }
    }

    pub fn delay(&self, site: Site) -> Span {
        self.peers.get(site.index()).map_or(Span::ZERO, |peer| peer.delay)
    }

    /// The heartbeat and how long ago it moved, for people.
    pub fn seen(&self, site: Site, now: Moment) -> Option<(Beat, Span)> {
        self.peers.get(site.index()).filter(|peer| peer.seen).map(|peer| (peer.beat, now - peer.moved))
    }
}
