use super::*;
use crate::grouping::JobForm;
use crate::store::candidate::Candidate;
use exposition::{Limits, loose};
use proptest::prelude::*;

fn key(labels: &str) -> Arc<GroupKey> {
    Arc::new(GroupKey::parse(JobForm::Plain, b"j", labels.as_bytes()).unwrap())
}

fn candidate(key: &GroupKey, body: &str) -> Candidate {
    Candidate::new(&loose::text(body.as_bytes(), &Limits::NONE).unwrap(), key, 1)
}

fn state() -> State {
    State::new(Reserved { go_names: true })
}

/// Pushes, and returns what spoke against it.
fn push(state: &mut State, labels: &str, body: &str, mode: Mode) -> Vec<String> {
    let key = key(labels);
    let candidate = candidate(&key, body);
    let reasons = state.objections(&key, &candidate, mode);
    if reasons.is_empty() {
        state.push(&key, candidate.families, mode, 1);
    }
    reasons
}

#[test]
fn what_a_gateway_says_of_contradictions_is_said_here() {
    let mut state = state();
    assert_eq!(push(&mut state, "/g/1", "# TYPE a counter\na 1\n", Mode::Merge), [""; 0]);
    assert_eq!(push(&mut state, "", "# TYPE s summary\ns_count 1\n", Mode::Merge), [""; 0]);
    for (labels, body, reason) in [
        (
            "/g/2",
            "# TYPE a gauge\na 1\n",
            "collected metric \"a\" { label:<name:\"g\" value:\"2\" > label:<name:\"instance\" value:\"\" > \
             label:<name:\"job\" value:\"j\" > gauge:<value:1 > } is not a COUNTER",
        ),
        (
            "/g/2",
            "s_sum 1\n",
            "collected metric named \"s_sum\" collides with previously collected summary named \"s\"",
        ),
        (
            "/g/2",
            "h_sum 1\n# TYPE h histogram\nh_count 1\n",
            "collected histogram or summary named \"h\" collides with previously collected metric named \"h_sum\"",
        ),
        ("/g/2", "go_goroutines 1\n", "gathered metric family go_goroutines has type UNTYPED but should have GAUGE"),
        (
            "",
            "# TYPE a counter\na{g=\"1\"} 1\n",
            "collected metric \"a\" { label:<name:\"g\" value:\"1\" > label:<name:\"instance\" value:\"\" > \
             label:<name:\"job\" value:\"j\" > counter:<value:1 > } was collected before with the same name and label values",
        ),
    ] {
        assert_eq!(push(&mut state, labels, body, Mode::Merge), [reason], "{body}");
    }
    assert_eq!(push(&mut state, "/g/2", "s_bucket 1\n", Mode::Merge), [""; 0]);
}

#[test]
fn a_group_alone_may_change_the_type_of_its_family() {
    let mut state = state();
    for body in ["# TYPE a counter\na 1\n", "# TYPE a histogram\na_count 1\n", "a_count 1\n", "a 1\n"] {
        assert_eq!(push(&mut state, "", body, Mode::Replace), [""; 0], "{body}");
    }
}

#[test]
fn twins_are_refused() {
    let mut state = state();
    assert_eq!(push(&mut state, "/instance/", "a 1\n", Mode::Merge), [""; 0]);
    assert_eq!(push(&mut state, "", "b 1\n", Mode::Merge).len(), 1);
}

#[test]
fn the_help_is_what_most_groups_say() {
    let mut state = state();
    for (labels, help) in [("/g/1", "b"), ("/g/2", "a"), ("/g/3", "b"), ("/g/4", "")] {
        push(&mut state, labels, &format!("# HELP m {help}\nm 1\n"), Mode::Merge);
    }
    let help = |state: &State| state.families().find(|(name, _)| &***name == "m").unwrap().1.help().to_owned();
    assert_eq!(help(&state), "b");
    push(&mut state, "/g/1", "# HELP m a\nm 1\n", Mode::Merge);
    push(&mut state, "/g/3", "# HELP m c\nm 1\n", Mode::Merge);
    assert_eq!(help(&state), "a");
}

/// What a Pushgateway does: gathers everything and looks for what is there twice.
fn gathered(state: &State) -> Result<(), String> {
    let mut kinds: HashMap<String, Kind> = HashMap::new();
    let mut series = std::collections::HashSet::new();
    for family in state.slots().iter().flatten().flat_map(|group| group.families.iter()) {
        if *kinds.entry(family.name.to_string()).or_insert(family.kind) != family.kind {
            return Err(format!("{} has two types", family.name));
        }
        for one in &family.series {
            if !series.insert((family.name.to_string(), one.labels().to_owned())) {
                return Err(format!("{}{{{}}} is there twice", family.name, one.labels()));
            }
        }
    }
    for (name, kind) in &kinds {
        let suffixes: &[&str] = match kind {
            Kind::Histogram => &["_count", "_sum", "_bucket"],
            Kind::Summary => &["_count", "_sum"],
            _ => &[],
        };
        if let Some(suffix) = suffixes.iter().find(|suffix| kinds.contains_key(&format!("{name}{suffix}"))) {
            return Err(format!("{name}{suffix} is there beside {name}"));
        }
    }
    Ok(())
}

/// The index as it would be if it were made anew.
fn index(state: &State) -> (usize, Vec<(String, usize, usize)>) {
    let mut families: BTreeMap<String, (usize, HashMap<String, usize>)> = BTreeMap::new();
    let mut series = 0;
    for family in state.slots().iter().flatten().flat_map(|group| group.families.iter()) {
        let own = families.entry(family.name.to_string()).or_default();
        own.0 += 1;
        *own.1.entry(family.help.to_string()).or_default() += 1;
        series += family.series.len();
    }
    let families = families.into_iter().map(|(name, (holders, helps))| (name, holders, helps.len()));
    (series, families.collect())
}

/// To which group, what, and its families: name, type, labels, help.
type Step = (usize, usize, Vec<(usize, usize, usize, usize)>);

/// Any step of a store's life: to one of a few groups, of a few families with few labels, so that they meet.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let family = (0..4_usize, 0..4_usize, 0..3_usize, 0..3_usize);
    let step = (0..5_usize, 0..4_usize, proptest::collection::vec(family, 0..4));
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_gathered_and_whatever_is_refused_could_not(steps in steps()) {
        let mut state = state();
        let groups = ["", "/x/1", "/x/2", "/instance/i", "/instance/"];
        for (group, what, families) in steps {
            let key = key(groups[group]);
            if what == 3 {
                state.set(&key, None);
            } else {
                let mut body = String::new();
                let mut named = std::collections::HashSet::new();
                for (name, kind, label, help) in families {
                    let name = ["m", "m_count", "m_bucket", "n"][name];
                    let kind = ["gauge", "counter", "histogram", "summary"][kind];
                    let labels = ["", "{x=\"1\"}", "{instance=\"i\"}"][label];
                    // In one body, `m_count` may be the count of `m`: another story, told above.
                    if !named.insert(&name[..1]) {
                        continue;
                    }
                    let suffix = if matches!(kind, "histogram" | "summary") { "_count" } else { "" };
                    let help = ["", "one", "two"][help];
                    body += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{suffix}{labels} 1\n");
                }
                let mode = if what == 0 { Mode::Replace } else { Mode::Merge };
                let candidate = candidate(&key, &body);
                let reasons = state.objections(&key, &candidate, mode);
                let before = state.push(&key, candidate.families.clone(), mode, 1);
                let fits = gathered(&state);
                prop_assert_eq!(reasons.is_empty(), fits.is_ok(), "{}: {:?} but {:?}", body, reasons, fits);
                if !reasons.is_empty() {
                    // An index of what contradicts itself need not be right: a new one of what was there before.
                    let others = state.slots().iter().flatten().filter(|group| group.key != before.0).cloned();
                    let groups: Vec<_> = others.chain(before.1).collect();
                    state = self::state();
                    groups.into_iter().for_each(|group| drop(state.set(&Arc::clone(&group.key), Some(group))));
                }
            }
            prop_assert_eq!(gathered(&state), Ok(()));
            let (series, families) = index(&state);
            prop_assert_eq!(state.series_count(), series);
            let own: Vec<_> = state.families()
                .map(|(name, entry)| (name.to_string(), entry.holders, entry.helps.len()))
                .collect();
            prop_assert_eq!(own, families);
        }
    }
}
