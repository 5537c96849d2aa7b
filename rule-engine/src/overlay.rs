//! What a group has just written, laid over what is stored: each rule sees what those before it wrote.

use std::collections::BTreeMap;

use promql::{Storage, Stored, Unreadable};
use series::{Labels, Matcher, Sample};

/// A storage with the samples of one moment on top.
pub(crate) struct Overlay<'a> {
    base: &'a dyn Storage,
    at: i64,
    written: BTreeMap<Labels, f64>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn Storage, at: i64) -> Self {
        Self { base, at, written: BTreeMap::new() }
    }

    /// Returns what has been written of a series.
    pub(crate) fn get(&self, labels: &Labels) -> Option<f64> {
        self.written.get(labels).copied()
    }

    pub(crate) fn write(&mut self, labels: Labels, value: f64) {
        self.written.insert(labels, value);
    }
}

impl Storage for Overlay<'_> {
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Vec<Box<dyn Stored + 'a>>, Unreadable> {
        let base = self.base.select(matchers, start, end)?;
        if !(start..=end).contains(&self.at) {
            return Ok(base);
        }
        let accepted = self.written.iter().filter(|(labels, _)| matchers.iter().all(|m| m.accepts_series(labels)));
        let mut written: BTreeMap<&Labels, Sample> =
            accepted.map(|(labels, value)| (labels, Sample::new(self.at, *value))).collect();
        if written.is_empty() {
            return Ok(base);
        }
        let mut merged: Vec<Box<dyn Stored + 'a>> = Vec::with_capacity(base.len() + written.len());
        for stored in base {
            match written.remove(stored.labels()) {
                Some(sample) => merged.push(Box::new(Merged { base: stored, sample })),
                None => merged.push(stored),
            }
        }
        merged.extend(written.into_iter().map(|(labels, sample)| Box::new(New { labels, sample }) as Box<dyn Stored>));
        Ok(merged)
    }
}

/// A stored series that has a new sample.
struct Merged<'a> {
    base: Box<dyn Stored + 'a>,
    sample: Sample,
}

impl Stored for Merged<'_> {
    fn labels(&self) -> &Labels {
        self.base.labels()
    }

    fn read(&self, into: &mut Vec<Sample>) -> Result<(), Unreadable> {
        let first = into.len();
        self.base.read(into)?;
        let stored = into.get(first..).unwrap_or_default();
        match stored.binary_search_by_key(&self.sample.timestamp, |sample| sample.timestamp) {
            Ok(place) => into[first + place] = self.sample,
            Err(place) => into.insert(first + place, self.sample),
        }
        Ok(())
    }
}

/// A series that is not stored yet.
struct New<'a> {
    labels: &'a Labels,
    sample: Sample,
}

impl Stored for New<'_> {
    fn labels(&self) -> &Labels {
        self.labels
    }

    fn read(&self, into: &mut Vec<Sample>) -> Result<(), Unreadable> {
        into.push(self.sample);
        Ok(())
    }
}
