//! All groups as they were at one moment, and their series in the order in which they are printed.

use std::sync::{Arc, Mutex, PoisonError};

use exposition::Kind;

use crate::store::group::{Family, Group, Series};
use crate::store::keeper::lock;
use crate::store::labels;
use crate::store::state::{Place, Slot, State};

/// What a scrape shows. Pushes go on meanwhile; this does not change.
#[derive(Debug)]
pub struct View {
    slots: Vec<Option<Arc<Group>>>,
    families: Vec<Ordered>,
}

/// A family with its series in order, over all groups.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: Kind,
    /// What is said of it.
    pub help: String,
    order: Arc<[Place]>,
}

impl View {
    /// Takes the groups, which is a moment's work, and then works out the order of those whose series are new.
    pub(super) fn of(state: &Mutex<State>, ordering: &Mutex<()>) -> Self {
        let _one_at_a_time = ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stale = Vec::new();
        let mut view = {
            let mut state = lock(state);
            let families: Vec<_> = state
                .families()
                .map(|(name, entry)| Ordered {
                    name: Arc::clone(name),
                    kind: entry.kind,
                    help: entry.help().to_owned(),
                    order: Arc::clone(&entry.order),
                })
                .collect();
            for (place, family) in families.iter().enumerate() {
                if let Some(entry) = state.family_mut(&family.name)
                    && !entry.changed.is_empty()
                {
                    stale.push((place, std::mem::take(&mut entry.changed)));
                }
            }
            Self { slots: state.slots().to_vec(), families }
        };
        for (place, changed) in stale {
            let order = view.reordered(&view.families[place], changed);
            let family = &mut view.families[place];
            let before = std::mem::replace(&mut family.order, order);
            // The family may have gone and come again meanwhile; then it begins with an order of its own.
            if let Some(entry) = lock(state).family_mut(&family.name)
                && Arc::ptr_eq(&entry.order, &before)
            {
                entry.order = Arc::clone(&family.order);
            }
        }
        view
    }

    /// Merges the series of groups that changed into the order of the others.
    fn reordered(&self, family: &Ordered, mut changed: Vec<Slot>) -> Arc<[Place]> {
        changed.sort_unstable();
        changed.dedup();
        let mut new: Vec<(Vec<u8>, Place)> = Vec::new();
        for slot in &changed {
            let Some(own) = self.family(*slot, &family.name) else { continue };
            for (number, series) in own.series.iter().enumerate() {
                let place = Place { slot: *slot, series: u32::try_from(number).unwrap_or(u32::MAX) };
                new.push((labels::sort_key(series.labels()), place));
            }
        }
        new.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let old: Vec<Place> =
            family.order.iter().copied().filter(|place| changed.binary_search(&place.slot).is_err()).collect();
        // A few new ones among many: each looks for its place, and what lies between is copied.
        let mut merged = Vec::with_capacity(old.len() + new.len());
        let mut rest = &old[..];
        for (key, place) in new {
            let before = rest.partition_point(|old| {
                self.series(family, *old).is_some_and(|series| labels::sort_key(series.labels()) < key)
            });
            merged.extend_from_slice(&rest[..before]);
            rest = &rest[before..];
            merged.push(place);
        }
        merged.extend_from_slice(rest);
        merged.into()
    }

    /// Returns the families in the order of their names.
    #[must_use]
    pub fn families(&self) -> &[Ordered] {
        &self.families
    }

    /// Returns all groups.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.slots.iter().flatten()
    }

    /// Returns the series of a family in the order in which they are printed, from the one with this number on.
    pub fn series_from<'a>(&'a self, family: &'a Ordered, first: usize) -> impl Iterator<Item = &'a Series> {
        let places = family.order.get(first..).unwrap_or_default();
        places.iter().filter_map(move |place| self.series(family, *place))
    }

    fn series(&self, family: &Ordered, place: Place) -> Option<&Series> {
        self.family(place.slot, &family.name)?.series.get(place.series as usize)
    }

    fn family(&self, slot: Slot, name: &str) -> Option<&Family> {
        self.slots.get(slot as usize)?.as_ref()?.family(name).map(|family| &**family)
    }
}

impl Ordered {
    /// Returns how many series it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests;
