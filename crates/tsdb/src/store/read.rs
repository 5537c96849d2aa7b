//! Asking for series and samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use promql::{Storage, Stored, Unreadable};
use series::{Label, Labels, Matcher, Sample};

use super::{Store, View};
use crate::error::Error;
use crate::index::SeriesId;
use crate::merge::tidy;

/// A series that a query chose; its samples are read when they are asked for.
struct Selected {
    id: SeriesId,
    labels: Labels,
    sight: Arc<Sight>,
}

/// What one selection sees of the store.
struct Sight {
    /// With those blocks only that have something from that time.
    view: View,
    start: i64,
    end: i64,
}

impl Store {
    /// Returns the labels of those series that all matchers accept and that may have samples from `start` to `end`, in
    /// milliseconds since 1970.
    #[must_use]
    pub fn series_labels(&self, matchers: &[Matcher], start: i64, end: i64) -> Vec<Labels> {
        let mut labels: Vec<Labels> =
            self.chosen(matchers, &self.sight(start, end)).into_iter().map(|(_, labels)| labels).collect();
        labels.sort();
        labels
    }

    /// Returns the names that the labels of those series have, sorted.
    #[must_use]
    pub fn label_names(&self, matchers: &[Matcher], start: i64, end: i64) -> Vec<Arc<str>> {
        self.words(matchers, start, end, |(name, _)| Some(name))
    }

    /// Returns the values that those series have for the label `name`, sorted.
    #[must_use]
    pub fn label_values(&self, name: &str, matchers: &[Matcher], start: i64, end: i64) -> Vec<Arc<str>> {
        self.words(matchers, start, end, |(own, value)| (&**own == name).then_some(value))
    }

    fn words(
        &self,
        matchers: &[Matcher],
        start: i64,
        end: i64,
        pick: impl Fn(&Label) -> Option<&Arc<str>>,
    ) -> Vec<Arc<str>> {
        let mut words = BTreeSet::new();
        for (_, labels) in self.chosen(matchers, &self.sight(start, end)) {
            for word in labels.as_slice().iter().filter_map(&pick) {
                if !words.contains(word) {
                    words.insert(Arc::clone(word));
                }
            }
        }
        words.into_iter().collect()
    }

    fn sight(&self, start: i64, end: i64) -> Sight {
        let mut view = View::clone(&self.view());
        view.blocks.retain(|block| block.overlaps(start, end));
        Sight { view, start, end }
    }

    /// Returns the series that all matchers accept and that may be seen.
    fn chosen(&self, matchers: &[Matcher], sight: &Sight) -> Vec<(SeriesId, Labels)> {
        let (start, end) = (sight.start, sight.end);
        let mut chosen = self.index().select(matchers);
        let heads: Vec<_> = sight.view.heads().map(|head| head.read()).collect();
        // The newest first: that is where most of them are.
        chosen.retain(|(id, _)| {
            heads.iter().rev().any(|head| head.has(*id, start, end))
                || sight.view.blocks.iter().rev().any(|block| block.has(*id))
        });
        chosen
    }
}

impl Storage for Store {
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Vec<Box<dyn Stored + 'a>>, Unreadable> {
        let sight = Arc::new(self.sight(start, end));
        let chosen = self.chosen(matchers, &sight).into_iter();
        Ok(chosen
            .map(|(id, labels)| Box::new(Selected { id, labels, sight: Arc::clone(&sight) }) as Box<dyn Stored + 'a>)
            .collect())
    }
}

impl Stored for Selected {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, into: &mut Vec<Sample>) -> Result<(), Unreadable> {
        let Sight { view, start, end } = &*self.sight;
        let begin = into.len();
        for block in &view.blocks {
            let read = block.samples(self.id, *start, *end, into);
            read.map_err(Error::io("read", &block.path)).map_err(|error| Unreadable(Box::new(error)))?;
        }
        view.heads().for_each(|head| head.samples(self.id, *start, *end, into));
        tidy(into, begin);
        let own = into.get(begin..).unwrap_or_default();
        let last = own.partition_point(|sample| sample.timestamp <= *end);
        let first = own.partition_point(|sample| sample.timestamp < *start);
        into.truncate(begin + last);
        into.drain(begin..begin + first.min(last));
        Ok(())
    }
}
