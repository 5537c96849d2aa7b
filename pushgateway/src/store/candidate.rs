//! What a push wants to store, made ready and checked as far as it can be without looking at other groups.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use exposition::{Kind, Value, loose};

use crate::grouping::GroupKey;
use crate::store::group::{Family, Nanoseconds, Series, is_stamp};
use crate::store::{codec, labels};
use crate::wording::{Metric, kind_name, quoted};

/// So many series are few.
const FEW: usize = 16;

/// The families of a push, with the labels of its group.
#[derive(Debug)]
pub struct Candidate {
    /// The families in the order in which they came; each name once.
    pub families: Vec<Family>,
    /// What is wrong with the series of a family, by its place in `families`.
    pub faults: Vec<(usize, String)>,
    /// Whether a sample had a timestamp.
    pub has_timestamps: bool,
    /// The families as they are written to disk.
    pub encoded: Vec<u8>,
}

impl Candidate {
    /// Overwrites the labels that the path has, adds `instance=""` where nobody has one, and looks at each series.
    #[must_use]
    pub fn new(families: &[loose::Family<'_>], key: &GroupKey, now: Nanoseconds) -> Self {
        let mut candidate =
            Self { families: Vec::new(), faults: Vec::new(), has_timestamps: false, encoded: Vec::new() };
        for (place, family) in families.iter().enumerate() {
            candidate.has_timestamps |= family.series().any(|series| series.has_timestamp);
            // Of two families of one name the last one counts, and the stamps are not for others to set.
            let again = families.len() > 1 && families[place + 1..].iter().any(|later| later.name == family.name);
            if is_stamp(&family.name) || again || family.series().len() == 0 {
                continue;
            }
            let own = candidate.families.len();
            let series = candidate.series_of(family, key, own);
            candidate.families.push(Family {
                name: (*family.name).into(),
                help: (*family.help).into(),
                kind: family.kind,
                pushed: now,
                series: series.into(),
            });
        }
        candidate
    }

    /// Writes the families as the disk has them. What is refused need not be written, so this comes last.
    pub fn encode(&mut self) {
        self.encoded = codec::families(self.families.iter());
    }

    fn series_of(&mut self, family: &loose::Family<'_>, key: &GroupKey, own: usize) -> Vec<Series> {
        let mut made: Vec<Series> = Vec::with_capacity(family.series().len());
        // Of few, looking at each costs less than remembering them.
        let mut seen = (family.series().len() > FEW).then(HashSet::new);
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        let mut labels = String::with_capacity(256);
        for series in family.series() {
            merge_labels(series.labels, key, &mut pairs);
            labels::print_to(&mut labels, pairs.iter().copied());
            let fault = fault(family.kind, &pairs, series.value).or_else(|| {
                let again = match &mut seen {
                    Some(seen) => !seen.insert(labels.clone()),
                    None => made.iter().any(|series| series.labels() == labels),
                };
                again.then(|| "was collected before with the same name and label values".to_owned())
            });
            match (fault, series.value) {
                (Some(fault), _) => {
                    let metric = Metric { labels: &pairs, value: series.value };
                    let name = quoted(family.name.as_bytes());
                    self.faults.push((own, format!("collected metric {name} {{ {metric}}} {fault}")));
                }
                (None, Some((_, value))) => made.push(Series::new(&mut labels, value)),
                (None, None) => {}
            }
        }
        made
    }
}

/// Puts the labels of the path over those of the body, in the order of the names.
fn merge_labels<'a>(own: &'a [(Cow<'_, str>, Cow<'_, str>)], key: &'a GroupKey, pairs: &mut Vec<(&'a str, &'a str)>) {
    pairs.clear();
    pairs.extend(own.iter().map(|(name, value)| (&**name, &**value)));
    for (name, value) in key.iter() {
        match pairs.iter_mut().find(|(own, _)| *own == name) {
            Some(pair) => pair.1 = value,
            None => pairs.push((name, value)),
        }
    }
    if !pairs.iter().any(|(name, _)| *name == "instance") {
        pairs.push(("instance", ""));
    }
    pairs.sort_by_key(|(name, _)| *name);
}

/// Returns what is wrong with a series, in the order in which a Pushgateway looks.
fn fault(kind: Kind, pairs: &[(&str, &str)], value: Option<(Kind, &Value)>) -> Option<String> {
    if value.is_none_or(|(own, _)| own != kind) {
        return Some(format!("is not a {}", kind_name(kind)));
    }
    for (place, (name, _)) in pairs.iter().enumerate() {
        if place > 0 && pairs[place - 1].0 == *name {
            return Some(format!("has two or more labels with the same name: {name}"));
        }
        let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let is_name = name.bytes().next().is_some_and(letter) && name.bytes().all(|b| letter(b) || b.is_ascii_digit());
        if !is_name || name.starts_with("__") {
            return Some(format!("has a label with an invalid name: {name}"));
        }
        // A Pushgateway lets `le` pass, and prints it twice then.
        let own = match kind {
            Kind::Summary => "quantile",
            Kind::Histogram => "le",
            _ => "",
        };
        if *name == own {
            return Some(format!("must not have an explicit \"{own}\" label"));
        }
    }
    None
}

/// Gives a family the name and help that all groups share.
pub fn share(family: &mut Family, name: &Arc<str>, helps: impl Iterator<Item = Arc<str>>) {
    family.name = Arc::clone(name);
    if let Some(help) = { helps }.find(|help| *help == family.help) {
        family.help = help;
    }
}
