//! How often the bot was started, and how long to wait before the next time.

use std::collections::VecDeque;

use super::clock::{Moment, Span};

const HOUR: Span = Span::from_millis(3_600_000);
const DAY: Span = Span::from_millis(24 * 3_600_000);
/// A bot that lived for this long had started well.
const WELL: Span = Span::from_millis(60_000);
const FIRST_PAUSE: Span = Span::from_millis(1_000);
const LONGEST_PAUSE: Span = Span::from_millis(60_000);
/// After so many failed starts in a row another site shall have the bot.
const PATIENCE: u32 = 5;

/// How often the bot may be started. Discord resets a token after 1000 IDENTIFYs within 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Starts within an hour.
    pub hourly: usize,
    /// Starts within 24 hours.
    pub daily: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { hourly: 20, daily: 200 }
    }
}

/// The starts of the last 24 hours, and the failures in a row.
#[derive(Clone, Debug, Default)]
pub struct Starts {
    times: VecDeque<Moment>,
    failures: u32,
}

impl Starts {
    /// The starts at `times`, oldest first: what the state file remembers.
    #[must_use]
    pub fn remembered(times: impl IntoIterator<Item = Moment>) -> Self {
        Self { times: times.into_iter().collect(), failures: 0 }
    }

    /// Returns when the bot was started within the last 24 hours, oldest first.
    pub fn times(&self) -> impl Iterator<Item = Moment> + '_ {
        self.times.iter().copied()
    }

    pub(super) fn count(&mut self, now: Moment) {
        while self.times.front().is_some_and(|first| now - *first >= DAY) {
            self.times.pop_front();
        }
        self.times.push_back(now);
    }

    /// The bot ended. Returns how long to wait before it is started again.
    pub(super) fn ended(&mut self, lived: Option<Span>) -> Span {
        if lived.is_some_and(|lived| lived >= WELL) {
            self.failures = 0;
            return FIRST_PAUSE;
        }
        self.failures += 1;
        FIRST_PAUSE.times(1 << (self.failures - 1).min(6)).min(LONGEST_PAUSE)
    }

    /// Whether the bot failed to start so often in a row that it should be tried elsewhere.
    pub(super) fn are_hopeless(&self) -> bool {
        self.failures >= PATIENCE
    }

    pub(super) fn forgive(&mut self) {
        self.failures = 0;
    }

    /// When the budget lets the bot start: `now`, unless it is used up.
    #[must_use]
    pub fn allowed_at(&self, budget: Budget, now: Moment) -> Moment {
        let within = |limit: usize, span: Span| {
            // The start that must have grown old before there is room for one more.
            let index = self.times.len().checked_sub(limit.max(1))?;
            self.times.get(index).map(|start| *start + span)
        };
        let hourly = within(budget.hourly, HOUR).unwrap_or(now);
        let daily = within(budget.daily, DAY).unwrap_or(now);
        now.max(hourly).max(daily)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Moment {
        Moment::from_micros(s * 1_000_000)
    }

    #[test]
    fn the_twenty_first_start_of_an_hour_waits_for_the_first_to_grow_old() {
        let mut starts = Starts::default();
        for s in 0..20 {
            assert_eq!(starts.allowed_at(Budget::default(), second(s)), second(s));
            starts.count(second(s));
        }
        assert_eq!(starts.allowed_at(Budget::default(), second(20)), second(3600));
        assert_eq!(starts.allowed_at(Budget::default(), second(3600)), second(3600));
    }

    #[test]
    fn the_two_hundred_and_first_start_of_a_day_waits_for_the_next_day() {
        let mut starts = Starts::default();
        for i in 0..200 {
            starts.count(second(i * 400));
        }
        assert_eq!(starts.allowed_at(Budget::default(), second(80_000)), second(86_400));
    }

    #[test]
    fn pauses_grow_while_starts_fail_and_begin_anew_after_one_that_lived() {
        let mut starts = Starts::default();
        let pauses: Vec<_> = (0..8).map(|_| starts.ended(None).as_micros() / 1_000_000).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(starts.are_hopeless());
        assert_eq!(starts.ended(Some(WELL)), FIRST_PAUSE);
        assert!(!starts.are_hopeless());
    }
}
