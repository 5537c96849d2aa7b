//! What can be asked of a store, and what comes of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::grouping::GroupKey;
use crate::selector::Selector;
use crate::store::candidate::Candidate;
use crate::store::group::{Group, Nanoseconds};
use crate::store::record;
use crate::store::state::{Before, Mode, State};
use crate::wording::all_of;

/// A change of the store.
#[derive(Debug)]
pub enum Change {
    /// A push.
    Push {
        /// Its group.
        key: Arc<GroupKey>,
        /// What is pushed.
        candidate: Candidate,
        /// What becomes of the group's other families.
        mode: Mode,
        /// When it came.
        now: Nanoseconds,
        /// What becomes of it when something speaks against it.
        check: Check,
    },
    /// The end of a group.
    Delete(Arc<GroupKey>),
    /// The end of all groups that a selector picks.
    DeleteMatching(Vec<Selector>),
    /// The end of all groups.
    Wipe,
    /// The end of all groups whose last successful push is older. One that never succeeded is as old as its last failure.
    Expire(Nanoseconds),
    /// Groups from elsewhere. One that is here and newer stays.
    Import(Vec<Group>),
}

/// What becomes of a push that contradicts itself or other groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is refused.
    Refuse,
    /// What contradicts is left out.
    LeaveOut,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was made; so many groups went, or so many series were left out.
    Done(usize),
    /// It was refused, and why.
    Refused(String),
    /// Groups from elsewhere were looked at.
    Imported {
        /// So many were taken.
        taken: usize,
        /// So many are here already, and newer.
        newer_here: usize,
        /// What could not be taken, and why.
        refused: Vec<String>,
    },
}

/// The disk does not take anything; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be written, and nothing was changed: {0}")]
pub struct Unavailable(pub String);

/// A change, and who waits for its outcome.
#[derive(Debug)]
pub struct Order {
    /// The change.
    pub change: Change,
    /// Where the outcome goes.
    pub answer: oneshot::Sender<Result<Outcome, Unavailable>>,
}

impl Change {
    /// Makes the change in memory, adds to `records` what the disk must know and to `undo` what takes it back.
    pub fn apply(self, state: &mut State, records: &mut Vec<u8>, undo: &mut Vec<Before>) -> Outcome {
        match self {
            Self::Push { key, candidate, mode, now, check } => {
                push(state, records, undo, (key, candidate, mode, now), check)
            }
            Self::Delete(key) => {
                let is_there = state.group(&key).is_some();
                if is_there {
                    delete(state, records, undo, &key);
                }
                Outcome::Done(usize::from(is_there))
            }
            Self::DeleteMatching(selectors) => {
                delete_if(state, records, undo, |group| selectors.iter().any(|selector| selector.picks(&group.key)))
            }
            Self::Wipe => {
                record::wipe(records);
                let mut unwritten = Vec::new();
                delete_if(state, &mut unwritten, undo, |_| true)
            }
            Self::Expire(before) => delete_if(state, records, undo, |group| {
                let last = if group.success == 0 { group.failure } else { group.success };
                last < before
            }),
            Self::Import(groups) => import(state, records, undo, groups),
        }
    }
}

fn push(
    state: &mut State,
    records: &mut Vec<u8>,
    undo: &mut Vec<Before>,
    (key, mut candidate, mode, now): (Arc<GroupKey>, Candidate, Mode, Nanoseconds),
    check: Check,
) -> Outcome {
    let mut left_out = 0;
    if check == Check::LeaveOut {
        left_out = state.leave_out(&key, &mut candidate, mode);
        candidate.encode();
        // Two groups with the same stamps are more than a series too many.
        if let Some(reason) = state.twin_objection(&key) {
            return Outcome::Refused(reason);
        }
    } else {
        let objections = if candidate.has_timestamps {
            vec!["pushed metrics must not have timestamps".to_owned()]
        } else {
            state.objections(&key, &candidate, mode)
        };
        if !objections.is_empty() {
            // Its stamp would stand in the way of the other group's.
            if state.twin_objection(&key).is_none() {
                undo.push(state.fail(&key, now));
                record::failure(&key, now, records);
            }
            return Outcome::Refused(all_of(&objections));
        }
    }
    record::push(&key, mode, now, &candidate.encoded, records);
    undo.push(state.push(&key, candidate.families, mode, now));
    Outcome::Done(left_out)
}

fn delete(state: &mut State, records: &mut Vec<u8>, undo: &mut Vec<Before>, key: &Arc<GroupKey>) {
    record::delete(key, records);
    undo.push(state.set(key, None));
}

fn delete_if(
    state: &mut State,
    records: &mut Vec<u8>,
    undo: &mut Vec<Before>,
    picked: impl Fn(&Group) -> bool,
) -> Outcome {
    let keys: Vec<_> =
        state.slots().iter().flatten().filter(|group| picked(group)).map(|group| Arc::clone(&group.key)).collect();
    for key in &keys {
        delete(state, records, undo, key);
    }
    Outcome::Done(keys.len())
}

fn import(state: &mut State, records: &mut Vec<u8>, undo: &mut Vec<Before>, groups: Vec<Group>) -> Outcome {
    let (mut taken, mut newer_here, mut refused) = (0, 0, Vec::new());
    for group in groups {
        let is_older =
            state.group(&group.key).is_some_and(|own| own.success.max(own.failure) >= group.success.max(group.failure));
        if is_older {
            newer_here += 1;
            continue;
        }
        let families: Vec<_> = group.pushed_families().map(|family| (**family).clone()).collect();
        let candidate = Candidate { families, faults: Vec::new(), has_timestamps: false, encoded: Vec::new() };
        let objections = state.objections(&group.key, &candidate, Mode::Replace);
        if !objections.is_empty() {
            refused.push(format!("{}: {}", group.key.path(), all_of(&objections)));
            continue;
        }
        let key = Arc::clone(&group.key);
        // By way of a push, so that it shares names with the others; then with its own stamps.
        undo.push(state.push(&key, candidate.families, Mode::Replace, group.success));
        let families = state.group(&key).map(|own| own.pushed_families().cloned().collect()).unwrap_or_default();
        let whole = Arc::new(Group::new(Arc::clone(&key), families, group.success, group.failure, group.stamped()));
        record::group(&whole, records);
        undo.push(state.set(&key, Some(whole)));
        taken += 1;
    }
    Outcome::Imported { taken, newer_here, refused }
}
