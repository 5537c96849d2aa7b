//! `and`, `or`, `unless`: what is there decides, not what it is worth.

use std::collections::HashMap;

use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS, TokenType};
use series::Labels;

use super::matching::Matching;
use crate::error::Error;
use crate::rows::{ABSENT, Row, SAME_LABELS, is_absent, join};

/// A set operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    And,
    Or,
    Unless,
}

impl Set {
    pub(super) fn of(token: TokenType) -> Option<Self> {
        let id = token.id();
        match id {
            _ if id == T_LAND => Some(Self::And),
            _ if id == T_LOR => Some(Self::Or),
            _ if id == T_LUNLESS => Some(Self::Unless),
            _ => None,
        }
    }
}

/// For each signature: at which steps any of its series is there.
type Presence = HashMap<Labels, Vec<bool>>;

pub(super) fn combine(set: Set, left: Vec<Row>, right: Vec<Row>, matching: &Matching) -> Result<Vec<Row>, Error> {
    match set {
        Set::And => Ok(keep(left, &presence(&right, matching), matching, |other| other)),
        Set::Unless => Ok(keep(left, &presence(&right, matching), matching, |other| !other)),
        Set::Or => {
            let there = presence(&left, matching);
            let mut rows = left;
            rows.extend(keep(right, &there, matching, |other| !other));
            join(rows, SAME_LABELS)
        }
    }
}

fn presence(rows: &[Row], matching: &Matching) -> Presence {
    let mut there = Presence::new();
    for row in rows {
        let steps = there.entry(matching.signature(&row.labels)).or_insert_with(|| vec![false; row.values.len()]);
        for (is_there, value) in steps.iter_mut().zip(&row.values) {
            *is_there |= !is_absent(*value);
        }
    }
    there
}

/// Keeps of `rows` the values at steps where `likes` is content with the presence of the other side.
fn keep(mut rows: Vec<Row>, others: &Presence, matching: &Matching, likes: impl Fn(bool) -> bool) -> Vec<Row> {
    for row in &mut rows {
        let other = others.get(&matching.signature(&row.labels));
        row.map(|step, value| {
            let is_there = other.and_then(|steps| steps.get(step)).copied().unwrap_or(false);
            if likes(is_there) { value } else { ABSENT }
        });
    }
    rows.retain(|row| !row.is_empty());
    rows
}
