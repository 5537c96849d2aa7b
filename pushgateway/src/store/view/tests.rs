use super::*;
use crate::grouping::{GroupKey, JobForm};
use crate::store::candidate::Candidate;
use crate::store::reserved::Reserved;
use crate::store::state::Mode;
use exposition::{Limits, loose};
use proptest::prelude::*;

fn push(state: &Mutex<State>, group: usize, labels: &[(usize, usize)]) {
    let key = Arc::new(GroupKey::parse(JobForm::Plain, b"j", format!("/g/{group}").as_bytes()).unwrap());
    let lines: std::collections::BTreeSet<String> =
        labels.iter().map(|(name, value)| format!("m{{l{name}=\"{value}\"}} 1\n")).collect();
    let body: String = lines.into_iter().collect();
    let candidate = Candidate::new(&loose::text(body.as_bytes(), &Limits::NONE).unwrap(), &key, 1);
    lock(state).push(&key, candidate.families, Mode::Replace, 1);
}

fn delete(state: &Mutex<State>, group: usize) {
    let key = Arc::new(GroupKey::parse(JobForm::Plain, b"j", format!("/g/{group}").as_bytes()).unwrap());
    lock(state).set(&key, None);
}

/// Every family is whole and in order.
fn check(view: &View) -> Result<(), TestCaseError> {
    for family in view.families() {
        let printed: Vec<&str> = view.series_from(family, 0).map(Series::labels).collect();
        let groups = view.groups().filter_map(|group| group.family(&family.name));
        let mut all: Vec<&str> = groups.flat_map(|own| own.series.iter().map(Series::labels)).collect();
        all.sort_by_key(|labels| labels::sort_key(labels));
        prop_assert_eq!(printed, all, "{}", family.name);
        prop_assert_eq!(family.len(), view.series_from(family, 0).count());
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_comes_and_goes_every_view_is_whole_and_in_order(
        steps in proptest::collection::vec((0..6_usize, 0..5_usize, proptest::collection::vec((0..3_usize, 0..4_usize), 0..5)), 1..40)
    ) {
        let (state, ordering) = (Mutex::new(State::new(Reserved::default())), Mutex::new(()));
        let mut first = None;
        for (group, what, labels) in steps {
            match what {
                0 => delete(&state, group),
                1 => {
                    let view = View::of(&state, &ordering);
                    check(&view)?;
                    first.get_or_insert(view);
                }
                _ => push(&state, group, &labels),
            }
        }
        check(&View::of(&state, &ordering))?;
        // An old one is as it was.
        first.iter().try_for_each(check)?;
    }
}
