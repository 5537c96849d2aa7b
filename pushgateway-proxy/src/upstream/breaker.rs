//! Leaves a store alone that fails again and again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row are bad luck; with one more it rests.
const FAILURES: u32 = 5;
/// The first rest, doubled with every try that fails.
const REST: Duration = Duration::from_secs(1);
/// The longest rest. It is looked for in the meantime, and asked as soon as it is back.
const LONGEST_REST: Duration = Duration::from_secs(15);

/// Counts failures in a row. While it is open nobody is sent; then one is sent to try, and the others wait for him.
#[derive(Default)]
pub struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    rests_until: Option<Instant>,
    reason: String,
}

impl Breaker {
    /// Returns how long to leave it alone, after how many failures, and what the last one was; none to go ahead.
    pub fn rests(&self) -> Option<(Duration, u32, String)> {
        let mut state = self.state();
        let until = state.rests_until?;
        let now = Instant::now();
        if until > now {
            return Some((until - now, state.failures, state.reason.clone()));
        }
        // This one tries. Until it is known how that went, the others do not.
        state.rests_until = Some(now + rest(state.failures));
        None
    }

    /// Notes an answer, of whatever kind: it is there.
    pub fn succeeded(&self) {
        let mut state = self.state();
        if state.failures > 0 {
            *state = State::default();
        }
    }

    /// Notes that there was none.
    pub fn failed(&self, reason: &str) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.reason = reason.to_owned();
        if state.failures >= FAILURES {
            state.rests_until = Some(Instant::now() + rest(state.failures));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rest(failures: u32) -> Duration {
    REST.saturating_mul(1 << failures.saturating_sub(FAILURES).min(8)).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_five_failures_it_rests_and_one_push_tries_again() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed("refused");
            assert!(breaker.rests().is_none());
        }
        breaker.failed("refused");
        assert_eq!(breaker.rests().unwrap(), (REST, 5, "refused".into()));

        tokio::time::advance(REST).await;
        assert!(breaker.rests().is_none(), "one tries");
        assert!(breaker.rests().is_some(), "the others do not");
        breaker.failed("refused");
        assert_eq!(breaker.rests().unwrap().0, REST * 2);
        for _ in 0..10 {
            breaker.failed("refused");
        }
        assert_eq!(breaker.rests().unwrap().0, LONGEST_REST);

        breaker.succeeded();
        assert!(breaker.rests().is_none());
    }
}
