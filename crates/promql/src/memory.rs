//! A storage for tests of rules and for small sets.

use std::collections::BTreeMap;

use series::{Labels, Matcher, Sample};

use crate::storage::{Storage, Stored, Unreadable};

/// Series in memory, found by looking at every one.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<Labels, Vec<Sample>>);

impl Memory {
    /// Returns a storage without a series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample. One of the same moment is replaced.
    pub fn add(&mut self, labels: &Labels, sample: Sample) {
        let samples = match self.0.get_mut(labels) {
            Some(samples) => samples,
            None => self.0.entry(labels.clone()).or_default(),
        };
        match samples.binary_search_by_key(&sample.timestamp, |other| other.timestamp) {
            Ok(place) => samples[place] = sample,
            Err(place) => samples.insert(place, sample),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Storage for Memory {
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Vec<Box<dyn Stored + 'a>>, Unreadable> {
        Ok(self
            .0
            .iter()
            .filter(|(labels, _)| matchers.iter().all(|matcher| matcher.accepts_series(labels)))
            .map(|(labels, samples)| Box::new(Kept { labels, samples, start, end }) as Box<dyn Stored + 'a>)
            .collect())
    }
}

struct Kept<'a> {
    labels: &'a Labels,
    samples: &'a [Sample],
    start: i64,
    end: i64,
}

impl Stored for Kept<'_> {
    fn labels(&self) -> &Labels {
        self.labels
    }

    fn read(&self, into: &mut Vec<Sample>) -> Result<(), Unreadable> {
        let first = self.samples.partition_point(|sample| sample.timestamp < self.start);
        let end = self.samples.partition_point(|sample| sample.timestamp <= self.end);
        into.extend_from_slice(self.samples.get(first..end).unwrap_or_default());
        Ok(())
    }
}
