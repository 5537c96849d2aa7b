use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn alert(value: f64, now: i64) -> (Labels, Alert) {
    let labels: Labels = [("alertname", "A")].into_iter().collect();
    let alert = Alert {
        state: State::Pending,
        labels: labels.clone(),
        annotations: BTreeMap::from([("value".to_owned(), value.to_string())]),
        value,
        active_at: now,
        fired_at: None,
        resolved_at: None,
        keep_firing_since: None,
    };
    (labels, alert)
}

/// Runs one alert through the minutes; returns its state after each, none where it is forgotten.
fn states(seen: &[bool], terms: Terms) -> Vec<Option<State>> {
    let mut alerts = Alerts::new();
    let minutes = seen.iter().zip(0..);
    minutes
        .map(|(is_seen, minute)| {
            let now = minute * MINUTE;
            let present = is_seen.then(|| alert(minute as f64, now)).into_iter().collect();
            advance(&mut alerts, present, terms, now);
            alerts.values().next().map(|alert| alert.state)
        })
        .collect()
}

fn terms(hold: i64, keep_firing: i64) -> Terms {
    Terms { hold: hold * MINUTE, keep_firing: keep_firing * MINUTE }
}

#[test]
fn an_alert_waits_fires_and_is_over() {
    use State::{Firing, Inactive, Pending};
    assert_eq!(
        states(&[false, true, true, true, false, false], terms(2, 0)),
        [None, Some(Pending), Some(Pending), Some(Firing), Some(Inactive), Some(Inactive)]
    );
    // Without `for` it fires at once; one that never fired leaves nothing behind.
    assert_eq!(states(&[true, false], terms(0, 0)), [Some(Firing), Some(Inactive)]);
    assert_eq!(states(&[true, false, true], terms(1, 0)), [Some(Pending), None, Some(Pending)]);
}

#[test]
fn an_alert_goes_on_firing_for_a_while() {
    use State::{Firing, Inactive};
    let kept = states(&[true, false, false, true, false, false, false], terms(0, 2));
    assert_eq!(
        kept,
        [Some(Firing), Some(Firing), Some(Firing), Some(Firing), Some(Firing), Some(Firing), Some(Inactive)]
    );
}

#[test]
fn what_is_over_is_remembered_for_a_quarter_of_an_hour() {
    let mut seen = vec![true];
    seen.extend([false; 18]);
    let states = states(&seen, terms(0, 0));
    // Over since minute 1: forgotten when more than 15 minutes have passed.
    assert_eq!(states[16], Some(State::Inactive));
    assert_eq!(states[17], None);
}

#[test]
fn a_change_is_told_once_with_its_moments() {
    let mut alerts = Alerts::new();
    let once = |value, now| [alert(value, now)].into_iter().collect::<Alerts>();
    let terms = terms(1, 0);

    let pending = advance(&mut alerts, once(1.0, 0), terms, 0);
    assert_eq!((pending.len(), pending[0].from, pending[0].alert.state), (1, State::Inactive, State::Pending));
    let firing = advance(&mut alerts, once(2.0, MINUTE), terms, MINUTE);
    assert_eq!((firing[0].from, firing[0].alert.state), (State::Pending, State::Firing));
    assert_eq!((firing[0].alert.active_at, firing[0].alert.fired_at), (0, Some(MINUTE)));
    assert_eq!(firing[0].alert.annotations["value"], "2");
    assert_eq!(advance(&mut alerts, once(3.0, 2 * MINUTE), terms, 2 * MINUTE), []);
    let over = advance(&mut alerts, Alerts::new(), terms, 3 * MINUTE);
    assert_eq!((over[0].from, over[0].alert.resolved_at, over[0].alert.value), (State::Firing, Some(3 * MINUTE), 3.0));
    assert_eq!(advance(&mut alerts, Alerts::new(), terms, 4 * MINUTE), []);
    // What comes back begins anew.
    let again = advance(&mut alerts, once(1.0, 5 * MINUTE), terms, 5 * MINUTE);
    assert_eq!((again[0].from, again[0].alert.state), (State::Inactive, State::Pending));
    assert_eq!((again[0].alert.active_at, again[0].alert.resolved_at), (5 * MINUTE, None));
}

proptest! {
    /// Held against what the documentation says, worked out from the whole history instead of step by step.
    #[test]
    fn an_alert_fires_when_the_documentation_says_so(
        seen in proptest::collection::vec(any::<bool>(), 1..60), hold in 0_i64..6, keep in 0_i64..6,
    ) {
        let states = states(&seen, terms(hold, keep));
        let mut fires = false;
        for minute in 0..seen.len() {
            let run = seen[..=minute].iter().rev().take_while(|seen| **seen).count() as i64;
            let gap = seen[..=minute].iter().rev().take_while(|seen| !**seen).count() as i64;
            // True for `hold` minutes makes it fire; once it fires, it goes on while it is so and `keep` minutes more.
            fires = if run > 0 { fires || run > hold } else { fires && gap <= keep };
            prop_assert_eq!(states[minute] == Some(State::Firing), fires, "minute {} of {:?}", minute, seen);
            let pending = !fires && run > 0;
            prop_assert_eq!(states[minute] == Some(State::Pending), pending, "minute {} of {:?}", minute, seen);
        }
    }

    /// Whoever is told only of changes knows the state of every alert.
    #[test]
    fn changes_add_up_to_the_state(
        seen in proptest::collection::vec(any::<bool>(), 1..60), hold in 0_i64..4, keep in 0_i64..4,
    ) {
        let mut alerts = Alerts::new();
        let mut told = State::Inactive;
        for (minute, is_seen) in seen.into_iter().enumerate() {
            let now = minute as i64 * MINUTE;
            let present = is_seen.then(|| alert(0.0, now)).into_iter().collect();
            for change in advance(&mut alerts, present, terms(hold, keep), now) {
                prop_assert_eq!(change.from, told);
                prop_assert_ne!(change.from, change.alert.state);
                told = change.alert.state;
            }
            let state = alerts.values().next().map_or(State::Inactive, |alert| alert.state);
            prop_assert_eq!(told, state);
        }
    }
}
