//! Counts what must never be: two bots at the same real time. And how long it took until all was well.

/// What one schedule came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How often two bots came to run at the same time.
    pub overlaps: u32,
    /// For how long altogether, in microseconds.
    pub overlap: i64,
    /// From the end of the faults until exactly one bot ran.
    pub leader_after: Option<i64>,
    /// From the end of the faults until the last change of who runs it.
    pub settled_after: i64,
    /// Exactly one bot runs at the end, at the preferred site.
    pub settled: bool,
    /// A site gave up on its bot, so the preferred one may be at rest.
    pub gave_up: bool,
    /// Times without any bot between two: how long, from which host, to which.
    pub gaps: Vec<(i64, usize, usize)>,
    /// Bots started.
    pub starts: u64,
    /// Events that were worked off.
    pub events: u64,
}

/// Watches the bots of all hosts with the eye of a god.
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    /// What it found.
    pub outcome: Outcome,
    running: Vec<usize>,
    last: Option<usize>,
    since: i64,
}

impl Monitor {
    /// Those who run now, by host.
    #[must_use]
    pub fn running(&self) -> &[usize] {
        &self.running
    }

    /// Since when it has been like this.
    #[must_use]
    pub fn since(&self) -> i64 {
        self.since
    }

    /// Takes note of who runs at `now`; returns whether a second bot has just joined.
    pub fn look(&mut self, now: i64, calm: i64, running: impl Iterator<Item = usize>) -> bool {
        let before = std::mem::take(&mut self.running);
        self.running.extend(running);
        let (many, were_many) = (self.running.len() >= 2, before.len() >= 2);
        if were_many {
            self.outcome.overlap += now - self.since;
        }
        if many && !were_many {
            self.outcome.overlaps += 1;
        }
        if now >= calm {
            if self.running.len() == 1 {
                self.outcome.leader_after.get_or_insert(now - calm);
            }
            if self.running != before {
                self.outcome.settled_after = now - calm;
            }
        }
        if let (1, true, Some(last)) = (self.running.len(), before.is_empty(), self.last) {
            self.outcome.gaps.push((now - self.since, last, self.running[0]));
        }
        if let Some(first) = self.running.first() {
            self.last = Some(*first);
        }
        if self.running != before || were_many {
            self.since = now;
        }
        many && !were_many
    }
}
