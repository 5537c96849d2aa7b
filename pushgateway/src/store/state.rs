//! All groups, and the index that makes a push cost the same beside ten of them and ten thousand.
//!
//! ```text
//! groups: key ─▶ slot ─▶ Group             families: name ─▶ type, help, how many groups have it, order of its series
//! series: hash of name and labels ─▶ slot
//! ```
//!
//! A Pushgateway gathers everything once to see whether a push fits. Here the index knows: which type a name has and how
//! many groups hold it, which group has a series, and which names are taken. A push of the same series as before, which is
//! nearly every push, touches neither.

mod objections;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;

use exposition::Kind;

use crate::grouping::GroupKey;
use crate::store::candidate::share;
use crate::store::group::{Family, Group, Nanoseconds};
use crate::store::reserved::Reserved;

/// Where a group stands.
pub type Slot = u32;

/// What is in a store.
pub struct State {
    groups: HashMap<Arc<GroupKey>, Slot>,
    slots: Vec<Option<Arc<Group>>>,
    free: Vec<Slot>,
    families: BTreeMap<Arc<str>, Entry>,
    series: HashMap<u64, Slot, BuildHasherDefault<Unchanged>>,
    hasher: RandomState,
    reserved: Reserved,
}

/// What all groups that have a family of some name share.
pub struct Entry {
    /// Its type.
    pub kind: Kind,
    /// The groups that have it.
    holders: usize,
    /// What is said of it, and by how many groups.
    helps: Vec<(Arc<str>, usize)>,
    /// Its series in the order in which they are printed, as far as it was worked out; see `changed`.
    pub order: Arc<[Place]>,
    /// Groups whose series of this family came or went since.
    pub changed: Vec<Slot>,
}

/// A series: of which group, and its number in the family there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The group.
    pub slot: Slot,
    /// The series.
    pub series: u32,
}

/// Whether a push keeps the families of the group that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `POST`: keeps them.
    Merge,
    /// `PUT`: drops them.
    Replace,
}

/// What a group was before a change, so that the change can be taken back.
pub type Before = (Arc<GroupKey>, Option<Arc<Group>>);

impl State {
    /// Returns an empty one.
    #[must_use]
    pub fn new(reserved: Reserved) -> Self {
        Self {
            groups: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            families: BTreeMap::new(),
            series: HashMap::default(),
            hasher: RandomState::new(),
            reserved,
        }
    }

    /// Returns the group of this key.
    #[must_use]
    pub fn group(&self, key: &GroupKey) -> Option<&Arc<Group>> {
        self.slots.get(*self.groups.get(key)? as usize)?.as_ref()
    }

    /// Returns all groups, each at its slot.
    #[must_use]
    pub fn slots(&self) -> &[Option<Arc<Group>>] {
        &self.slots
    }

    /// Returns how many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Returns how many series there are, the stamps among them.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Returns names and what is known of them, in the order of the names.
    pub fn families(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.families.iter()
    }

    /// Returns what is known of a name.
    pub fn family_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.families.get_mut(name)
    }

    /// Stores a push that nothing speaks against.
    pub fn push(&mut self, key: &Arc<GroupKey>, families: Vec<Family>, mode: Mode, now: Nanoseconds) -> Before {
        let own = self.group(key).cloned();
        let mut all: Vec<Arc<Family>> = Vec::with_capacity(families.len() + 2);
        for mut family in families {
            if let Some((name, entry)) = self.families.get_key_value(&family.name) {
                share(&mut family, name, entry.helps.iter().map(|(help, _)| Arc::clone(help)));
            }
            all.push(Arc::new(family));
        }
        if mode == Mode::Merge
            && let Some(own) = &own
        {
            let new = all.len();
            let kept = own.pushed_families().filter(|old| !all[..new].iter().any(|family| family.name == old.name));
            let kept: Vec<_> = kept.cloned().collect();
            all.extend(kept);
        }
        let key = own.as_ref().map_or(key, |own| &own.key);
        let failed = own.as_ref().map_or((0, now), |own| (own.failure, own.stamped().1));
        let group = Group::new(Arc::clone(key), all, now, failed.0, (now, failed.1));
        self.set(key, Some(Arc::new(group)))
    }

    /// Notes that a push was refused. The group is made if there is none, so that somebody sees it.
    pub fn fail(&mut self, key: &Arc<GroupKey>, now: Nanoseconds) -> Before {
        let own = self.group(key).cloned();
        let key = own.as_ref().map_or(key, |own| &own.key);
        let families = own.iter().flat_map(|own| own.pushed_families().cloned()).collect();
        let success = own.as_ref().map_or((0, now), |own| (own.success, own.stamped().0));
        let group = Group::new(Arc::clone(key), families, success.0, now, (success.1, now));
        self.set(key, Some(Arc::new(group)))
    }

    /// Puts `group` where the group of this key was, or takes it away, and keeps the index right.
    pub fn set(&mut self, key: &Arc<GroupKey>, group: Option<Arc<Group>>) -> Before {
        let slot = self.groups.get(key).copied();
        let before = slot.and_then(|slot| self.slots[slot as usize].take());
        let slot = match (slot, group.is_some()) {
            (Some(slot), true) => slot,
            (Some(slot), false) => {
                self.groups.remove(key);
                self.free.push(slot);
                slot
            }
            (None, true) => {
                let slot = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
                });
                self.groups.insert(Arc::clone(key), slot);
                slot
            }
            (None, false) => return (Arc::clone(key), None),
        };
        self.reindex(slot, before.as_deref(), group.as_deref());
        self.slots[slot as usize] = group;
        (Arc::clone(key), before)
    }

    fn reindex(&mut self, slot: Slot, before: Option<&Group>, after: Option<&Group>) {
        let families = |group: Option<&Group>| -> Vec<Arc<Family>> {
            group.map(|group| group.families.to_vec()).unwrap_or_default()
        };
        let (before, after) = (families(before), families(after));
        let find =
            |families: &[Arc<Family>], name: &str| families.binary_search_by(|family| (*family.name).cmp(name)).ok();
        for old in &before {
            match find(&after, &old.name).map(|place| &after[place]) {
                Some(new) if Arc::ptr_eq(old, new) => {}
                Some(new) if old.has_shape_of(new) => {
                    if old.help != new.help
                        && let Some(entry) = self.families.get_mut(&old.name)
                    {
                        entry.unsay(&old.help);
                        entry.say(&new.help);
                    }
                }
                _ => self.forget(slot, old),
            }
        }
        for new in &after {
            match find(&before, &new.name).map(|place| &before[place]) {
                Some(old) if Arc::ptr_eq(old, new) || old.has_shape_of(new) => {}
                _ => self.learn(slot, new),
            }
        }
    }

    fn learn(&mut self, slot: Slot, family: &Family) {
        let entry = self.families.entry(Arc::clone(&family.name)).or_insert_with(|| Entry {
            kind: family.kind,
            holders: 0,
            helps: Vec::new(),
            order: Arc::new([]),
            changed: Vec::new(),
        });
        // Of one group alone, a family may change its type.
        entry.kind = family.kind;
        entry.holders += 1;
        entry.say(&family.help);
        entry.changed.push(slot);
        for series in &family.series {
            let hash = hash(&self.hasher, &family.name, series.labels());
            self.series.insert(hash, slot);
        }
    }

    fn forget(&mut self, slot: Slot, family: &Family) {
        for series in &family.series {
            let hash = hash(&self.hasher, &family.name, series.labels());
            if self.series.get(&hash) == Some(&slot) {
                self.series.remove(&hash);
            }
        }
        let Some(entry) = self.families.get_mut(&family.name) else { return };
        entry.holders -= 1;
        entry.unsay(&family.help);
        entry.changed.push(slot);
        if entry.holders == 0 {
            self.families.remove(&family.name);
        }
    }

    fn hash(&self, name: &str, labels: &str) -> u64 {
        hash(&self.hasher, name, labels)
    }
}

fn hash(hasher: &RandomState, name: &str, labels: &str) -> u64 {
    hasher.hash_one((name, labels))
}

impl Entry {
    /// Returns the help: what most groups say; of those that are said as often, the first in the order of text. It depends on
    /// what is stored and not on what happened before, so two scrapes without a push between them say the same.
    #[must_use]
    pub fn help(&self) -> &str {
        let said = self.helps.iter().filter(|(help, _)| !help.is_empty());
        said.max_by(|(one, often), (other, oftener)| often.cmp(oftener).then(other.cmp(one)))
            .map_or("", |(help, _)| help)
    }

    fn say(&mut self, help: &Arc<str>) {
        match self.helps.iter_mut().find(|(own, _)| own == help) {
            Some((_, count)) => *count += 1,
            None => self.helps.push((Arc::clone(help), 1)),
        }
    }

    fn unsay(&mut self, help: &Arc<str>) {
        if let Some(place) = self.helps.iter().position(|(own, _)| own == help) {
            self.helps[place].1 -= 1;
            if self.helps[place].1 == 0 {
                self.helps.swap_remove(place);
            }
        }
    }
}

/// Hashes what is a hash already.
#[derive(Default)]
pub struct Unchanged(u64);

impl Hasher for Unchanged {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
