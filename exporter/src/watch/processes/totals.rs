//! Counters that stand when a process leaves.
//!
//! A group's counter is the sum over its processes, those that have gone included: without them it would fall whenever
//! one leaves, and Prometheus would take what is left for growth. So each look leaves behind what it saw, and the next
//! one adds what has gone since to the totals of the dead. What a process did between the last look at it and its end
//! nobody knows; what a process did that came and went between two looks, neither.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::scan::Seen;

/// Of so many processes we remember what they did. A watch that matches more of them has a counter that may fall.
const REMEMBERED: usize = 10_000;

/// What one look leaves for the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Another boot has other processes under the same numbers.
    boot_id: String,
    groups: BTreeMap<String, Group>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    gone: Counts,
    /// Number and start of each process.
    alive: Vec<(u32, u64, Counts)>,
}

impl Totals {
    /// Takes over what was seen of each group, and returns each group's counters.
    pub fn advance(&mut self, boot_id: &str, groups: &BTreeMap<String, &[Seen]>) -> BTreeMap<String, Counts> {
        let is_same_boot = self.boot_id == boot_id;
        boot_id.clone_into(&mut self.boot_id);
        // What is watched no longer is forgotten.
        self.groups.retain(|name, _| groups.contains_key(name));
        let mut room = REMEMBERED;
        let mut counts = BTreeMap::new();
        for (name, seen) in groups {
            let group = self.groups.entry(name.clone()).or_default();
            counts.insert(name.clone(), group.advance(seen, is_same_boot));
            group.alive.truncate(room);
            room -= group.alive.len();
        }
        counts
    }
}

impl Group {
    fn advance(&mut self, seen: &[Seen], is_same_boot: bool) -> Counts {
        let mut before: HashMap<(u32, u64), Counts> =
            self.alive.drain(..).map(|(pid, start, counts)| ((pid, start), counts)).collect();
        if !is_same_boot {
            before.drain().for_each(|(_, counts)| self.gone.add(counts));
        }
        for process in seen {
            let remembered = before.remove(&(process.pid, process.start_ticks)).unwrap_or_default();
            // What we may no longer look at has not been undone.
            self.alive.push((process.pid, process.start_ticks, process.counts.max(remembered)));
        }
        before.into_values().for_each(|counts| self.gone.add(counts));
        let mut total = self.gone;
        self.alive.iter().for_each(|(_, _, counts)| total.add(*counts));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pid: u32, start_ticks: u64, user_ticks: u64) -> Seen {
        Seen {
            pid,
            start_ticks,
            state: 'S',
            threads: 1,
            resident_bytes: 0,
            virtual_bytes: 0,
            swapped_bytes: 0,
            files: None,
            counts: Counts { user_ticks, ..Counts::default() },
            is_io_known: true,
        }
    }

    fn look(totals: &mut Totals, boot_id: &str, processes: &[Seen]) -> u64 {
        totals.advance(boot_id, &BTreeMap::from([("bot".to_owned(), processes)]))["bot"].user_ticks
    }

    #[test]
    fn a_process_that_leaves_takes_nothing_away() {
        let mut totals = Totals::default();
        assert_eq!(look(&mut totals, "a", &[seen(1, 5, 100), seen(2, 5, 10)]), 110);
        assert_eq!(look(&mut totals, "a", &[seen(2, 5, 20)]), 120);
        assert_eq!(look(&mut totals, "a", &[]), 120);
        assert_eq!(look(&mut totals, "a", &[seen(3, 9, 1)]), 121);
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let mut totals = Totals::default();
        look(&mut totals, "a", &[seen(1, 5, 100)]);
        assert_eq!(look(&mut totals, "a", &[seen(1, 6, 1)]), 101);
    }

    #[test]
    fn a_reboot_ends_all_processes_and_no_counter() {
        let mut totals = Totals::default();
        look(&mut totals, "a", &[seen(1, 5, 100)]);
        assert_eq!(look(&mut totals, "b", &[seen(1, 5, 3)]), 103);
    }

    #[test]
    fn what_we_may_no_longer_look_at_has_not_been_undone() {
        let mut totals = Totals::default();
        look(&mut totals, "a", &[seen(1, 5, 100)]);
        assert_eq!(look(&mut totals, "a", &[seen(1, 5, 0)]), 100);
        assert_eq!(look(&mut totals, "a", &[seen(1, 5, 101)]), 101);
    }

    #[test]
    fn what_is_watched_no_longer_is_forgotten() {
        let mut totals = Totals::default();
        look(&mut totals, "a", &[seen(1, 5, 100)]);
        totals.advance("a", &BTreeMap::new());
        assert_eq!(totals.groups.len(), 0);
    }
}
