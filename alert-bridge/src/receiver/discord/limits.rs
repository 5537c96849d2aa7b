//! How fast we may be: as fast as Discord's answers say, and no faster than its channels bear.
//!
//! Discord tells the limit of a webhook with every answer (seen: 5 requests in 2 s, for new messages and edits apart), and
//! keeps another one to itself: new messages of a channel, from all its webhooks together (seen: 30 in 60 s). What is left
//! of either is not spent in one go but spread over its time, so that in a storm each message waits a little, and takes
//! along what came meanwhile, instead of five leaving at once and the sixth waiting for the window's end.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::super::Deed;
use super::answer::Limit;
use crate::scope::Scope;

/// Discord's clock and ours do not tick together, and asking too early counts as one more offence.
const MARGIN: Duration = Duration::from_millis(50);
/// Edits of messages older than an hour: about three in 20 s are taken.
const OLD_EDIT_PAUSE: Duration = Duration::from_secs(7);

/// So many in so long, written `30/60` (thirty in sixty seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// In how long.
    pub window: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        Self { count: 30, window: Duration::from_secs(60) }
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('/').and_then(|(count, seconds)| Some((count.parse().ok()?, seconds.parse().ok()?)));
        match parts {
            Some((count @ 1.., seconds @ 1..)) => Ok(Self { count, window: Duration::from_secs(seconds) }),
            _ => Err("a rate is written like 30/60: messages / seconds"),
        }
    }
}

impl TryFrom<String> for Rate {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// What all webhooks of this process have in common.
#[derive(Debug, Default)]
pub struct Shared {
    channel_rate: Rate,
    state: Mutex<Common>,
}

#[derive(Debug, Default)]
struct Common {
    /// Discord as a whole, or Cloudflare before it, wants to hear nothing of this machine.
    blocked: Option<Instant>,
    channels: HashMap<String, Channel>,
}

/// New messages of one channel.
#[derive(Debug, Default)]
struct Channel {
    posts: VecDeque<Instant>,
    blocked: Option<Instant>,
}

impl Shared {
    /// Starts with nothing spent; channels bear `channel_rate`.
    #[must_use]
    pub fn new(channel_rate: Rate) -> Self {
        Self { channel_rate, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, Common> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one webhook has left.
#[derive(Debug)]
pub(super) struct Budget {
    shared: Arc<Shared>,
    own: Mutex<Own>,
}

#[derive(Debug)]
struct Own {
    /// The channel's id. Until an answer has told it, the webhook counts alone, under a name that no channel has.
    channel: String,
    post: Option<Instant>,
    edit: Option<Instant>,
    edit_old: Option<Instant>,
}

impl Budget {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let mut common = shared.state();
        let channel = format!("?{}", common.channels.len());
        common.channels.insert(channel.clone(), Channel::default());
        drop(common);
        Self { shared, own: Mutex::new(Own { channel, post: None, edit: None, edit_old: None }) }
    }

    /// Returns the earliest moment for `deed`.
    pub(super) fn opens_at(&self, deed: Deed) -> Instant {
        let (own, common, now) = (self.own(), self.shared.state(), Instant::now());
        let channel = common.channels.get(&own.channel);
        let moments = match deed {
            Deed::Post => [own.post, channel.and_then(|channel| channel.opens_at(self.shared.channel_rate, now))],
            Deed::Edit => [own.edit, None],
            Deed::EditOld => [own.edit, own.edit_old],
        };
        moments.into_iter().flatten().chain(common.blocked).fold(now, Instant::max)
    }

    /// Notes a request before it goes out: its answer may never come.
    pub(super) fn spend(&self, deed: Deed) {
        let (mut own, mut common, now) = (self.own(), self.shared.state(), Instant::now());
        match deed {
            Deed::Post => {
                let channel = common.channels.entry(own.channel.clone()).or_default();
                channel.posts.push_back(now);
                if channel.posts.len() > self.shared.channel_rate.count {
                    channel.posts.pop_front();
                }
            }
            Deed::Edit | Deed::EditOld => own.edit_old = Some(now + OLD_EDIT_PAUSE),
        }
    }

    /// Notes what an answer said about the webhook's limit, and which channel it belongs to.
    pub(super) fn learn(&self, deed: Deed, limit: Option<Limit>, channel: Option<&str>) {
        let mut own = self.own();
        let next = limit.map(|limit| {
            let left = u32::try_from(limit.remaining).unwrap_or(u32::MAX).saturating_add(1);
            Instant::now() + limit.reset_after / left + if limit.remaining == 0 { MARGIN } else { Duration::ZERO }
        });
        match deed {
            Deed::Post => own.post = next,
            Deed::Edit | Deed::EditOld => own.edit = next,
        }
        if let Some(channel) = channel.filter(|channel| *channel != own.channel) {
            let mut common = self.shared.state();
            let known = common.channels.remove(&own.channel).unwrap_or_default();
            common.channels.entry(channel.to_owned()).or_default().join(known, self.shared.channel_rate);
            channel.clone_into(&mut own.channel);
        }
    }

    /// Notes that a request was refused as one too many.
    pub(super) fn blocked(&self, deed: Deed, scope: Scope, wait: Duration) {
        let until = Some(Instant::now() + wait + MARGIN);
        let (mut own, mut common) = (self.own(), self.shared.state());
        match (scope, deed) {
            (Scope::Global | Scope::Cloudflare, _) => common.blocked = common.blocked.max(until),
            (Scope::Shared, Deed::Post) => {
                let channel = common.channels.entry(own.channel.clone()).or_default();
                channel.blocked = channel.blocked.max(until);
            }
            (_, Deed::Post) => own.post = own.post.max(until),
            (_, Deed::Edit | Deed::EditOld) => own.edit = own.edit.max(until),
        }
    }

    /// Notes messages that the process before this one posted so long ago.
    pub(super) fn remember(&self, ages: &[Duration]) {
        let (own, mut common, now) = (self.own(), self.shared.state(), Instant::now());
        let posts = ages.iter().filter_map(|age| now.checked_sub(*age)).collect();
        let channel = common.channels.entry(own.channel.clone()).or_default();
        channel.join(Channel { posts, blocked: None }, self.shared.channel_rate);
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// The earliest moment for a new message: some of the rate may be spent quickly, the rest is spread over its time.
    fn opens_at(&self, rate: Rate, now: Instant) -> Option<Instant> {
        let recent = || self.posts.iter().filter(|post| now.saturating_duration_since(**post) < rate.window);
        let paced = recent().next().zip(recent().next_back()).map(|(first, last)| {
            let over = *first + rate.window;
            let spent = recent().count();
            let left = u32::try_from(rate.count.saturating_sub(spent)).unwrap_or(u32::MAX);
            if left == 0 {
                over + MARGIN
            } else if spent < rate.count * 4 / 5 {
                *last + rate.window / u32::try_from(rate.count * 4).unwrap_or(u32::MAX)
            } else {
                *last + over.saturating_duration_since(*last) / (left + 1)
            }
        });
        paced.max(self.blocked)
    }

    fn join(&mut self, other: Self, rate: Rate) {
        let mut posts: Vec<Instant> = self.posts.drain(..).chain(other.posts).collect();
        posts.sort();
        self.posts = posts.into();
        while self.posts.len() > rate.count {
            self.posts.pop_front();
        }
        self.blocked = self.blocked.max(other.blocked);
    }
}

#[cfg(test)]
mod tests;
