//! Many schedules, on as many threads as there are, and what they came to.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::monitor::Outcome;
use crate::plan::Plan;
use crate::world::World;

/// Schedules that a thread takes at a time.
const PORTION: u64 = 250;

/// The sum of many schedules. Times are in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many were run.
    pub schedules: u64,
    /// Events in them.
    pub events: u64,
    /// Bots started in them.
    pub starts: u64,
    /// Schedules in which two bots ran at the same time.
    pub violations: u64,
    /// The first few of them.
    pub seeds: Vec<u64>,
    /// The longest time of two bots in one schedule.
    pub worst_overlap: i64,
    /// Of the schedules that settled: until there was a leader.
    pub leader_after: Spread,
    /// Of the schedules that settled: until the last change.
    pub settled_after: Spread,
    /// Schedules at whose end not exactly the preferred site ran the bot.
    pub unsettled: u64,
    /// The first few of them.
    pub unsettled_seeds: Vec<u64>,
    /// A crash's gap: from the end of the preferred host's bot to the start of the other's.
    pub take_over: Spread,
    /// From the end of the other's bot to the start of the preferred one's.
    pub hand_back: Spread,
    /// How long it took.
    pub took: Duration,
}

/// How times are spread: whole seconds of which there were how many, and the largest of all.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    tenths: Vec<u64>,
    count: u64,
    max: i64,
    max_seed: u64,
}

impl Spread {
    fn add(&mut self, micros: i64, seed: u64) {
        let tenth = usize::try_from(micros / 10_000).unwrap_or(0);
        if self.tenths.len() <= tenth {
            self.tenths.resize(tenth + 1, 0);
        }
        self.tenths[tenth] += 1;
        self.count += 1;
        if micros > self.max {
            (self.max, self.max_seed) = (micros, seed);
        }
    }

    fn merge(&mut self, other: &Self) {
        if self.tenths.len() < other.tenths.len() {
            self.tenths.resize(other.tenths.len(), 0);
        }
        for (mine, theirs) in self.tenths.iter_mut().zip(&other.tenths) {
            *mine += theirs;
        }
        self.count += other.count;
        if other.max > self.max {
            (self.max, self.max_seed) = (other.max, other.max_seed);
        }
    }

    /// The largest.
    #[must_use]
    pub fn max(&self) -> i64 {
        self.max
    }

    /// The schedule of the largest.
    #[must_use]
    pub fn max_seed(&self) -> u64 {
        self.max_seed
    }

    /// The time that `per_mille` of a thousand do not exceed, in hundredths of a second.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> i64 {
        let mut left = self.count * per_mille / 1000;
        for (hundredths, count) in (0_i64..).zip(&self.tenths) {
            if *count > left {
                return hundredths * 10_000;
            }
            left -= count;
        }
        self.max
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let seconds = |micros: i64| micros as f64 / 1e6;
        let (half, most, max) = (seconds(self.quantile(500)), seconds(self.quantile(990)), seconds(self.max));
        write!(f, "median {half:.2} s, 99 % {most:.2} s, max {max:.2} s")
    }
}

impl Tally {
    fn add(&mut self, seed: u64, plan: &Plan, outcome: &Outcome) {
        self.schedules += 1;
        self.events += outcome.events;
        self.starts += outcome.starts;
        if outcome.overlaps > 0 {
            self.violations += 1;
            self.worst_overlap = self.worst_overlap.max(outcome.overlap);
            if self.seeds.len() < 8 {
                self.seeds.push(seed);
            }
        }
        if let Some(after) = outcome.leader_after {
            self.leader_after.add(after, seed);
        }
        // With operators about, or after a site gave up on its bot, the preferred site may rest rightly.
        let may_rest = plan.double || plan.operators || outcome.gave_up;
        if outcome.settled {
            if !may_rest {
                self.settled_after.add(outcome.settled_after, seed);
            }
        } else if !may_rest || outcome.leader_after.is_none() {
            self.unsettled += 1;
            if self.unsettled_seeds.len() < 8 {
                self.unsettled_seeds.push(seed);
            }
        }
        if plan.one_crash {
            for (gap, from, to) in &outcome.gaps {
                match (from, to) {
                    (0, 1) => self.take_over.add(*gap, seed),
                    (1, 0) => self.hand_back.add(*gap, seed),
                    _ => {}
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.events += other.events;
        self.starts += other.starts;
        self.violations += other.violations;
        self.worst_overlap = self.worst_overlap.max(other.worst_overlap);
        self.seeds.extend(&other.seeds);
        self.seeds.sort_unstable();
        self.seeds.truncate(8);
        self.unsettled += other.unsettled;
        self.unsettled_seeds.extend(&other.unsettled_seeds);
        self.unsettled_seeds.truncate(8);
        self.leader_after.merge(&other.leader_after);
        self.settled_after.merge(&other.settled_after);
        self.take_over.merge(&other.take_over);
        self.hand_back.merge(&other.hand_back);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let (share, overlap, rate) = (
            100.0 * self.violations as f64 / self.schedules.max(1) as f64,
            self.worst_overlap as f64 / 1e6,
            self.schedules as f64 / self.took.as_secs_f64().max(0.001),
        );
        writeln!(
            f,
            "{} schedules, {} events, {} bot starts in {:.0} s ({rate:.0}/s)",
            self.schedules,
            self.events,
            self.starts,
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "  two bots at once: in {} schedules ({share:.4} %), longest {overlap:.2} s, seeds {:?}",
            self.violations, self.seeds
        )?;
        writeln!(f, "  after the last fault, a leader: {} (seed {})", self.leader_after, self.leader_after.max_seed)?;
        write!(
            f,
            "  settled on the preferred site: {} (seed {}); never: {} {:?}",
            self.settled_after, self.settled_after.max_seed, self.unsettled, self.unsettled_seeds
        )?;
        if self.take_over.count > 0 {
            write!(f, "\n  take-over after a crash: {}\n  hand-back: {}", self.take_over, self.hand_back)?;
        }
        Ok(())
    }
}

/// Runs the schedules `first` to `first + count` of `plan` on `threads` threads; `progress` hears of the sums so far.
pub fn run(plan: &Plan, first: u64, count: u64, threads: usize, progress: impl Fn(&Tally) + Sync) -> Tally {
    let begin = Instant::now();
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(PORTION, Ordering::Relaxed);
                    if from >= first + count {
                        break;
                    }
                    let mut part = Tally::default();
                    for seed in from..(from + PORTION).min(first + count) {
                        part.add(seed, plan, &World::new(plan, seed).run());
                    }
                    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    sum.merge(&part);
                    sum.took = begin.elapsed();
                    progress(&sum);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
