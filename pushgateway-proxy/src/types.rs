//! Which type each metric has, by whom: so that no user spoils another's.
//!
//! A Pushgateway refuses a push whose metric has another type than in any other group. Whoever may push anything could
//! therefore keep another host's pushes out by taking its names first; and a store that checks nothing would mix them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exposition::Kind;
use tokio::time::Instant;

/// Of the users who push a metric, so many are remembered: the latest.
const HOLDERS: usize = 4;
/// A type that nobody has pushed for so long is nobody's any more.
const MEMORY: Duration = Duration::from_secs(24 * 3600);
/// A user cannot fill more than this share of the table.
const SHARE: usize = 2;

/// Remembers the type of each metric and who pushes it.
pub struct Types {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    metrics: HashMap<Box<str>, Metric>,
    /// How many metrics each user was the first to bring.
    brought: HashMap<Arc<str>, usize>,
}

struct Metric {
    kind: Kind,
    first: Arc<str>,
    holders: Vec<(Arc<str>, Instant)>,
}

/// A metric that others have with another type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metric `{name}` is a {} to other users of this gate, and cannot be pushed as {}", .known.as_str(), .pushed.as_str())]
pub struct OtherType {
    /// Which.
    pub name: String,
    /// What it is to others.
    pub known: Kind,
    /// What was pushed.
    pub pushed: Kind,
    /// One of the others: for our own log.
    pub holder: Arc<str>,
}

impl Types {
    /// Remembers up to `limit` metrics; 0 remembers none and refuses nothing.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, table: Mutex::default() }
    }

    /// Refuses the first of `metrics` that another user has with another type.
    ///
    /// # Errors
    /// When there is one.
    pub fn check<'a>(&self, user: &str, metrics: impl IntoIterator<Item = (&'a str, Kind)>) -> Result<(), OtherType> {
        if self.limit == 0 {
            return Ok(());
        }
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, pushed) in metrics {
            let Some(metric) = table.metrics.get(name).filter(|metric| metric.kind != pushed) else { continue };
            let other = metric.holders.iter().find(|(holder, seen)| &**holder != user && seen.elapsed() < MEMORY);
            if let Some((holder, _)) = other {
                let holder = Arc::clone(holder);
                return Err(OtherType { name: name.to_owned(), known: metric.kind, pushed, holder });
            }
        }
        Ok(())
    }

    /// Remembers what `user` has pushed, once the push was kept.
    pub fn learn<'a>(&self, user: &Arc<str>, metrics: impl IntoIterator<Item = (&'a str, Kind)>) {
        if self.limit == 0 {
            return;
        }
        let now = Instant::now();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, kind) in metrics {
            match table.metrics.get_mut(name) {
                Some(metric) => metric.hold(user, kind, now),
                None => table.bring(name, kind, user, now, self.limit),
            }
        }
    }
}

impl Table {
    fn bring(&mut self, name: &str, kind: Kind, user: &Arc<str>, now: Instant, limit: usize) {
        if self.metrics.len() >= limit {
            self.forget_the_old(now);
        }
        let brought = self.brought.entry(Arc::clone(user)).or_default();
        if self.metrics.len() >= limit || *brought >= limit.div_ceil(SHARE) {
            return;
        }
        *brought += 1;
        let holders = vec![(Arc::clone(user), now)];
        self.metrics.insert(name.into(), Metric { kind, first: Arc::clone(user), holders });
    }

    fn forget_the_old(&mut self, now: Instant) {
        let Self { metrics, brought } = self;
        metrics.retain(|_, metric| {
            let is_held = metric.holders.iter().any(|(_, seen)| now.duration_since(*seen) < MEMORY);
            if !is_held && let Some(count) = brought.get_mut(&metric.first) {
                *count = count.saturating_sub(1);
            }
            is_held
        });
    }
}

impl Metric {
    fn hold(&mut self, user: &Arc<str>, kind: Kind, now: Instant) {
        if self.kind != kind {
            self.kind = kind;
            self.holders.clear();
        }
        match self.holders.iter_mut().find(|(holder, _)| holder == user) {
            Some((_, seen)) => *seen = now,
            None => {
                if self.holders.len() == HOLDERS {
                    let oldest =
                        self.holders.iter().enumerate().min_by_key(|(_, (_, seen))| *seen).map(|(index, _)| index);
                    oldest.map(|oldest| self.holders.swap_remove(oldest));
                }
                self.holders.push((Arc::clone(user), now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(types: &Types, user: &str, name: &str, kind: Kind) -> Result<(), OtherType> {
        types.check(user, [(name, kind)])?;
        types.learn(&Arc::from(user), [(name, kind)]);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gives_anothers_metric_another_type() {
        let types = Types::new(100);
        push(&types, "web-1", "requests", Kind::Counter).unwrap();
        push(&types, "web-2", "requests", Kind::Counter).unwrap();

        let refused = push(&types, "web-1", "requests", Kind::Gauge).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the metric `requests` is a counter to other users of this gate, and cannot be pushed as gauge"
        );
        assert_eq!(&*refused.holder, "web-2");
        push(&types, "web-1", "own", Kind::Gauge).unwrap();
        push(&types, "web-1", "own", Kind::Counter).unwrap();
        assert!(push(&types, "web-2", "own", Kind::Gauge).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_type_that_nobody_pushes_any_more_is_free() {
        let types = Types::new(100);
        push(&types, "web-1", "requests", Kind::Counter).unwrap();
        tokio::time::advance(MEMORY).await;
        push(&types, "web-2", "requests", Kind::Gauge).unwrap();
        assert!(push(&types, "web-1", "requests", Kind::Counter).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_stays_small_and_nobody_fills_it_alone() {
        let types = Types::new(10);
        for number in 0..100 {
            push(&types, "noisy", &format!("metric_{number}"), Kind::Gauge).unwrap();
        }
        push(&types, "web-1", "requests", Kind::Counter).unwrap();
        assert!(push(&types, "noisy", "requests", Kind::Gauge).is_err());
        assert_eq!(types.table.lock().unwrap().metrics.len(), 6);
        assert_eq!(push(&Types::new(0), "a", "b", Kind::Gauge), Ok(()));
    }
}
