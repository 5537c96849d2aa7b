//! How long to wait after a failure.

use std::time::Duration;

use tokio::time::Instant;

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that grow with the outage: whoever is back after four seconds is asked again within one, and whoever is away for
/// hours is asked twice a minute.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    since: Option<Instant>,
    until: Option<Instant>,
}

impl Backoff {
    /// Nothing is tried before this moment, if it lies ahead.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until.filter(|until| *until > Instant::now())
    }

    /// Returns for how long the place has not answered.
    pub(super) fn lasts(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Notes a failure; returns whether it is the first one, and the pause.
    pub(super) fn failed(&mut self) -> (bool, Duration) {
        let now = Instant::now();
        let first = self.since.is_none();
        let lasts = now - *self.since.get_or_insert(now);
        let pause = (lasts / 4).clamp(SHORTEST, LONGEST);
        self.until = Some(now + pause);
        (first, pause)
    }

    /// Notes that the place answers again; returns how long it did not.
    pub(super) fn passed(&mut self) -> Option<Duration> {
        self.until = None;
        self.since.take().map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_with_the_outage_and_is_bounded() {
        let mut backoff = Backoff::default();
        let mut pauses = Vec::new();
        for _ in 0..30 {
            let (_, pause) = backoff.failed();
            pauses.push(pause);
            tokio::time::sleep(pause).await;
        }
        assert_eq!(pauses[0], SHORTEST);
        assert_eq!(pauses[29], LONGEST);
        assert!(pauses.is_sorted());
        assert!(backoff.passed().is_some_and(|lasted| lasted > Duration::from_secs(60)));
        assert_eq!(backoff.failed(), (true, SHORTEST));
    }
}
