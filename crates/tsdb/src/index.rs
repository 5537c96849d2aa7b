//! Which series there are: by their labels, and by each word in them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use series::{Labels, Matcher, Operator};

use crate::error::Refusal;
use crate::options::Limits;

/// Stands for a series as long as the store is open. Never given twice.
pub(crate) type SeriesId = u32;

/// The values of a label, and which series have them.
type Values = BTreeMap<Arc<str>, Vec<SeriesId>>;

/// Which series there are.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_labels: HashMap<Labels, SeriesId>,
    by_id: BTreeMap<SeriesId, Labels>,
    by_word: HashMap<Arc<str>, Values>,
    next: SeriesId,
}

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, labels: &Labels) -> Option<SeriesId> {
        self.by_labels.get(labels).copied()
    }

    pub(crate) fn labels(&self, id: SeriesId) -> Option<&Labels> {
        self.by_id.get(&id)
    }

    /// Returns the series of these labels; it is a new one, if it has to be.
    ///
    /// # Errors
    /// When there are as many series as a number can tell apart.
    pub(crate) fn intern(&mut self, labels: &Labels) -> Result<SeriesId, Refusal> {
        if let Some(id) = self.find(labels) {
            return Ok(id);
        }
        let id = self.next;
        self.next = id.checked_add(1).ok_or(Refusal::TooManySeries(self.len()))?;
        let labels: Labels = labels.iter().map(|(name, value)| self.enter(name, value, id)).collect();
        self.by_labels.insert(labels.clone(), id);
        self.by_id.insert(id, labels);
        Ok(id)
    }

    /// Notes that a series has a label, and returns the label's words as all series share them.
    fn enter(&mut self, name: &str, value: &str, id: SeriesId) -> (Arc<str>, Arc<str>) {
        let name = match self.by_word.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        };
        let values = self.by_word.entry(Arc::clone(&name)).or_default();
        let value = match values.get_key_value(value) {
            Some((value, _)) => Arc::clone(value),
            None => value.into(),
        };
        // Numbers rise, so the list stays sorted.
        values.entry(Arc::clone(&value)).or_default().push(id);
        (name, value)
    }

    /// Forgets all series but those that `lives` names.
    pub(crate) fn retain(&mut self, lives: &HashSet<SeriesId>) {
        if self.by_id.keys().all(|id| lives.contains(id)) {
            return;
        }
        self.by_id.retain(|id, _| lives.contains(id));
        self.by_labels.retain(|_, id| lives.contains(id));
        for values in self.by_word.values_mut() {
            values.retain(|_, ids| {
                ids.retain(|id| lives.contains(id));
                !ids.is_empty()
            });
        }
        self.by_word.retain(|_, values| !values.is_empty());
    }

    /// Returns the series that all matchers accept, in the order of their numbers.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<(SeriesId, Labels)> {
        let mut filters: Vec<Filter<'_>> = matchers.iter().map(|matcher| self.filter(matcher)).collect();
        // The fewest first: what is left is looked at one by one.
        filters.sort_by_key(|filter| filter.count.unwrap_or(usize::MAX));
        let (first, others) = match filters.split_first() {
            Some((first, others)) if first.count.is_some() => (Some(first), others),
            _ => (None, filters.as_slice()),
        };
        let accepted = |labels: &Labels| others.iter().all(|filter| filter.accepts(labels));
        match first {
            None => self
                .by_id
                .iter()
                .filter(|(_, labels)| accepted(labels))
                .map(|(id, labels)| (*id, labels.clone()))
                .collect(),
            Some(first) => {
                let mut ids: Vec<SeriesId> = first.lists.iter().flat_map(|list| list.iter().copied()).collect();
                if first.lists.len() > 1 {
                    ids.sort_unstable();
                }
                let with_labels = ids.into_iter().filter_map(|id| Some((id, self.by_id.get(&id)?)));
                with_labels.filter(|(_, labels)| accepted(labels)).map(|(id, labels)| (id, labels.clone())).collect()
            }
        }
    }

    fn filter<'a>(&'a self, matcher: &'a Matcher) -> Filter<'a> {
        let mut filter = Filter { matcher, lists: Vec::new(), words: HashSet::new(), count: None };
        let values = self.by_word.get(matcher.name());
        match matcher.operator() {
            // A series that lacks the label is in no list.
            _ if matcher.accepts("") => {}
            Operator::Equal => {
                let list = values.and_then(|values| values.get(matcher.value()));
                filter.count = Some(list.map_or(0, Vec::len));
                filter.lists.extend(list.map(Vec::as_slice));
            }
            _ => {
                let accepted = values.into_iter().flatten().filter(|(value, _)| matcher.accepts(value));
                for (value, list) in accepted {
                    filter.lists.push(list);
                    filter.words.insert(value);
                }
                filter.count = Some(filter.lists.iter().map(|list| list.len()).sum());
            }
        }
        filter
    }
}

/// A matcher, and what the index knows of it.
struct Filter<'a> {
    matcher: &'a Matcher,
    /// The series of each accepted value.
    lists: Vec<&'a [SeriesId]>,
    /// The accepted values of a pattern: a look at them is quicker than the pattern.
    words: HashSet<&'a str>,
    /// How many series pass; unknown where one without the label would.
    count: Option<usize>,
}

impl Filter<'_> {
    fn accepts(&self, labels: &Labels) -> bool {
        match (self.count, self.matcher.operator()) {
            (None, _) | (_, Operator::Equal) => self.matcher.accepts_series(labels),
            _ => self.words.contains(labels.get(self.matcher.name())),
        }
    }
}

/// Says what speaks against a series.
pub(crate) fn check(labels: &Labels, limits: &Limits) -> Result<(), Refusal> {
    /// A record must hold them.
    const ALL_BYTES: usize = 1 << 20;
    if labels.is_empty() {
        return Err(Refusal::NoLabels);
    }
    if labels.len() > limits.labels {
        return Err(Refusal::TooManyLabels { labels: labels.len(), limit: limits.labels });
    }
    let mut all = 0;
    for word in labels.iter().flat_map(|(name, value)| [name, value]) {
        if word.len() > limits.label_bytes {
            return Err(Refusal::LabelTooLong { bytes: word.len(), limit: limits.label_bytes });
        }
        all += word.len();
    }
    if all > ALL_BYTES { Err(Refusal::LabelTooLong { bytes: all, limit: ALL_BYTES }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let mut index = Index::default();
        for host in ["a", "b", "c"] {
            for (name, job) in [("up", "host"), ("load", "host"), ("up", "")] {
                index.intern(&[("__name__", name), ("host", host), ("job", job)].into_iter().collect()).unwrap();
            }
        }
        index
    }

    #[test]
    fn the_index_chooses_as_a_look_at_every_series_would() {
        let index = index();
        let matchers = [
            Matcher::equal("__name__", "up"),
            Matcher::not_equal("host", "a"),
            Matcher::equal("job", ""),
            Matcher::not_equal("job", ""),
            Matcher::matches("host", "a|b").unwrap(),
            Matcher::matches("job", "host|").unwrap(),
            Matcher::matches_not("host", "b.*").unwrap(),
            Matcher::matches("nosuch", ".+").unwrap(),
            Matcher::equal("nosuch", ""),
        ];
        for one in &matchers {
            for other in &matchers {
                let both = [one.clone(), other.clone()];
                let found: Vec<SeriesId> = index.select(&both).into_iter().map(|(id, _)| id).collect();
                let all = index.by_id.iter();
                let wanted: Vec<SeriesId> = all
                    .filter(|(_, labels)| both.iter().all(|matcher| matcher.accepts_series(labels)))
                    .map(|(id, _)| *id)
                    .collect();
                assert_eq!(found, wanted, "{one} {other}");
            }
        }
        assert_eq!(index.select(&[]).len(), 9);
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_behind() {
        let mut index = index();
        index.retain(&[4].into());

        assert_eq!((index.len(), index.by_word.values().map(BTreeMap::len).sum::<usize>()), (1, 3));
        assert_eq!(index.select(&[Matcher::equal("host", "b")]).len(), 1);
        assert_eq!(index.intern(&[("new", "one")].into_iter().collect()), Ok(9), "numbers are not given twice");
    }
}
