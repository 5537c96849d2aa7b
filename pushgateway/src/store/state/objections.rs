//! What speaks against a push: another type, a series twice, a name that is taken. The words are a Pushgateway's.

use exposition::Kind;

use super::{Mode, Slot, State};
use crate::grouping::GroupKey;
use crate::store::candidate::Candidate;
use crate::store::group::{Family, Group, PUSH_FAILURE_TIME};
use crate::wording::{Metric, kind_name, quoted};

impl State {
    /// Returns all that speaks against the push, or nothing.
    #[must_use]
    pub fn objections(&self, key: &GroupKey, candidate: &Candidate, mode: Mode) -> Vec<String> {
        let own = self.group(key).map(|group| &**group);
        let slot = self.groups.get(key).copied();
        let mut reasons = Vec::new();
        if let Some(twin) = self.twin_objection(key) {
            reasons.push(twin);
        }
        for (place, family) in candidate.families.iter().enumerate() {
            if let Some(reason) = self.family_objection(candidate, place, own, mode) {
                reasons.push(reason);
                continue;
            }
            let faults = candidate.faults.iter().filter(|(of, _)| *of == place);
            reasons.extend(faults.map(|(_, fault)| fault.clone()));
            reasons.extend(self.series_objections(family, own, slot));
        }
        reasons
    }

    /// Two groups that differ in an empty instance alone would have the same stamps.
    pub fn twin_objection(&self, key: &GroupKey) -> Option<String> {
        let twin = key.twin()?;
        if self.groups.contains_key(key) || !self.groups.contains_key(&twin) {
            return None;
        }
        let (name, metric) = (quoted(PUSH_FAILURE_TIME.as_bytes()), key.stamp_labels());
        Some(format!(
            "collected metric {name} {{ {metric} }} was collected before with the same name and label values: the group \
             {} and this one differ in an empty instance alone",
            twin.path()
        ))
    }

    /// Whether the name is taken, by another type or by the series of a histogram or summary.
    fn family_objection(&self, candidate: &Candidate, place: usize, own: Option<&Group>, mode: Mode) -> Option<String> {
        let family = &candidate.families[place];
        let name = &*family.name;
        if let Some(kind) = self.reserved.kind(name).filter(|kind| *kind != family.kind) {
            let (own, other) = (kind_name(family.kind), kind_name(kind));
            return Some(format!("gathered metric family {name} has type {own} but should have {other}"));
        }
        // Which type a name has once this push is stored, as far as other families have to say.
        let earlier = &candidate.families[..place];
        let kind_of = |name: &str| -> Option<Kind> {
            if let Some(kind) = self.reserved.kind(name) {
                return Some(kind);
            }
            if let Some(family) = earlier.iter().find(|family| *family.name == *name) {
                return Some(family.kind);
            }
            let entry = self.families.get(name)?;
            let replaced = mode == Mode::Replace || candidate.families.iter().any(|family| *family.name == *name);
            let goes = replaced && own.is_some_and(|own| own.family(name).is_some());
            (entry.holders > usize::from(goes)).then_some(entry.kind)
        };
        for suffix in ["_count", "_sum", "_bucket"] {
            let Some(bare) = name.strip_suffix(suffix) else { continue };
            let (other, what) = match kind_of(bare) {
                Some(Kind::Summary) if suffix != "_bucket" => (bare, "summary"),
                Some(Kind::Histogram) => (bare, "histogram"),
                _ => continue,
            };
            let (name, other) = (quoted(name.as_bytes()), quoted(other.as_bytes()));
            return Some(format!(
                "collected metric named {name} collides with previously collected {what} named {other}"
            ));
        }
        let suffixes: &[(&str, &str)] = match family.kind {
            Kind::Histogram => {
                &[("_count", "histogram or summary"), ("_sum", "histogram or summary"), ("_bucket", "histogram")]
            }
            Kind::Summary => &[("_count", "histogram or summary"), ("_sum", "histogram or summary")],
            _ => &[],
        };
        for (suffix, what) in suffixes {
            let other = format!("{name}{suffix}");
            if kind_of(&other).is_some() {
                let (name, other) = (quoted(name.as_bytes()), quoted(other.as_bytes()));
                return Some(format!(
                    "collected {what} named {name} collides with previously collected metric named {other}"
                ));
            }
        }
        None
    }

    /// Whether other groups have the name with another type, or one of the series.
    fn series_objections(&self, family: &Family, own: Option<&Group>, slot: Option<Slot>) -> Vec<String> {
        let Some(entry) = self.families.get(&family.name) else { return Vec::new() };
        let before = own.and_then(|own| own.family(&family.name));
        if before.is_some_and(|before| before.has_shape_of(family)) {
            return Vec::new();
        }
        let others = entry.holders - usize::from(before.is_some());
        let (is_other_kind, mut reasons) = (others > 0 && entry.kind != family.kind, Vec::new());
        for series in &family.series {
            let reason = if is_other_kind {
                format!("is not a {}", kind_name(entry.kind))
            } else if self.is_taken(&family.name, series.labels(), slot) {
                "was collected before with the same name and label values".to_owned()
            } else {
                continue;
            };
            let pairs: Vec<_> = series.label_pairs().collect();
            let value = series.value();
            let metric = Metric { labels: &pairs, value: Some((family.kind, &value)) };
            reasons.push(format!("collected metric {} {{ {metric}}} {reason}", quoted(family.name.as_bytes())));
        }
        reasons
    }

    /// Whether another group than that at `slot` has this series.
    fn is_taken(&self, name: &str, labels: &str, slot: Option<Slot>) -> bool {
        let holder = self.series.get(&self.hash(name, labels)).copied();
        let Some(holder) = holder.filter(|holder| Some(*holder) != slot) else { return false };
        // The hash says perhaps; the group knows.
        let group = self.slots.get(holder as usize).and_then(Option::as_ref);
        let family = group.and_then(|group| group.family(name));
        family.is_some_and(|family| family.series.iter().any(|series| series.labels() == labels))
    }

    /// Leaves out of the push what speaks against it, for those who asked not to be refused. Returns how many series went.
    pub fn leave_out(&self, key: &GroupKey, candidate: &mut Candidate, mode: Mode) -> usize {
        let own = self.group(key).map(|group| &**group);
        let slot = self.groups.get(key).copied();
        // The faulty series of the body were never taken up.
        let mut left_out = candidate.faults.len();
        candidate.faults.clear();
        let mut place = 0;
        while place < candidate.families.len() {
            let fits = self.family_objection(candidate, place, own, mode).is_none();
            let family = &mut candidate.families[place];
            let before = own.and_then(|own| own.family(&family.name));
            let entry = self.families.get(&family.name);
            let others = entry.map_or(0, |entry| entry.holders - usize::from(before.is_some()));
            if !fits || (others > 0 && entry.is_some_and(|entry| entry.kind != family.kind)) {
                left_out += family.series.len();
                candidate.families.remove(place);
                continue;
            }
            let all = family.series.len();
            let kept = family.series.iter().filter(|series| !self.is_taken(&family.name, series.labels(), slot));
            family.series = kept.cloned().collect();
            left_out += all - family.series.len();
            if family.series.is_empty() {
                candidate.families.remove(place);
            } else {
                place += 1;
            }
        }
        left_out
    }
}
