use super::*;
use crate::webhook;

fn at(minutes: f64) -> Timestamp {
    "2026-11-25T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_millis((minutes * 60_000.0) as i64)
}

fn watch(mode: Mode) -> Watch {
    Watch::new(Config { mode, ..Config::default() }, Memory::default(), at(0.0))
}

/// Looks as often as the bridge does, until `to`, and returns what was to be told and when.
fn passes(watch: &mut Watch, from: f64, to: f64) -> Vec<(f64, Event)> {
    let mut events = Vec::new();
    let mut minutes = from;
    while minutes <= to {
        events.extend(watch.look(at(minutes)).into_iter().map(|event| (minutes, event)));
        minutes += 0.25;
    }
    events
}

fn silent(source: &str, since: f64) -> Event {
    Event::Silent { source: source.to_owned(), since: at(since), was_heard: true }
}

#[test]
fn while_it_arrives_nobody_hears_of_it() {
    let mut watch = watch(Mode::Auto);
    for minute in 0..60 {
        assert_eq!(watch.beat("", at(f64::from(minute))), None);
        assert_eq!(passes(&mut watch, f64::from(minute), f64::from(minute) + 0.75), []);
    }
}

#[test]
fn its_silence_is_told_once_then_as_a_reminder_and_its_return_with_how_long_it_was() {
    let mut watch = watch(Mode::Auto);
    watch.beat("", at(1.0));
    assert_eq!(passes(&mut watch, 1.0, 300.0), [(6.0, silent("", 1.0)), (246.0, silent("", 1.0))]);

    assert_eq!(
        watch.beat("", at(301.0)),
        Some(Event::Back { source: String::new(), since: at(1.0), was_heard: true, at: at(301.0) })
    );
    assert_eq!(watch.beat("", at(302.0)), None);
    assert_eq!(passes(&mut watch, 302.0, 306.75), []);
    assert_eq!(passes(&mut watch, 307.0, 307.0), [(307.0, silent("", 302.0))]);
}

#[test]
fn what_never_arrived_is_missed_only_where_it_is_required() {
    assert_eq!(passes(&mut watch(Mode::Auto), 0.0, 60.0), []);
    assert_eq!(passes(&mut watch(Mode::Off), 0.0, 60.0), []);

    let mut required = watch(Mode::Required);
    assert_eq!(
        passes(&mut required, 0.0, 60.0),
        [(5.0, Event::Silent { source: String::new(), since: at(0.0), was_heard: false })]
    );
    let back = required.beat("cluster=home", at(61.0));
    assert_eq!(
        back,
        Some(Event::Back { source: "cluster=home".into(), since: at(0.0), was_heard: false, at: at(61.0) })
    );
    assert_eq!(passes(&mut required, 61.0, 67.0), [(66.0, silent("cluster=home", 61.0))]);
}

#[test]
fn off_means_off_also_for_what_arrived() {
    let mut off = watch(Mode::Off);
    off.beat("", at(0.0));
    assert_eq!(passes(&mut off, 0.0, 60.0), []);
    assert_eq!(off.beat("", at(61.0)), None);
}

#[test]
fn a_restart_of_ours_is_no_silence_of_theirs() {
    let mut before = watch(Mode::Auto);
    before.beat("", at(0.0));
    // Down for an hour; the other side goes on as soon as it can reach us.
    let mut after = Watch::new(before.config.clone(), before.memory().clone(), at(60.0));
    assert_eq!(passes(&mut after, 60.0, 64.75), []);
    assert_eq!(after.beat("", at(64.9)), None);
    assert_eq!(passes(&mut after, 65.0, 69.0), []);
}

#[test]
fn what_died_while_we_were_away_is_told_all_the_same() {
    let mut before = watch(Mode::Auto);
    before.beat("", at(0.0));
    let mut after = Watch::new(before.config.clone(), before.memory().clone(), at(60.0));
    assert_eq!(passes(&mut after, 60.0, 70.0), [(65.0, silent("", 0.0))]);
}

#[test]
fn what_was_told_is_not_told_again_after_a_restart_and_its_return_is() {
    let mut before = watch(Mode::Auto);
    before.beat("", at(0.0));
    assert_eq!(passes(&mut before, 0.0, 6.0).len(), 1);
    let kept = serde_json::to_string(before.memory()).unwrap();
    let mut after = Watch::new(Config::default(), serde_json::from_str(&kept).unwrap(), at(7.0));
    assert_eq!(passes(&mut after, 7.0, 60.0), []);
    assert!(matches!(after.beat("", at(61.0)), Some(Event::Back { since, .. }) if since == at(0.0)));
}

#[test]
fn a_machine_that_slept_gives_the_other_side_its_time_again() {
    let mut watch = watch(Mode::Auto);
    watch.beat("", at(0.0));
    assert_eq!(watch.look(at(1.0)), []);
    // Suspended for eight hours.
    assert_eq!(watch.look(at(481.0)), []);
    assert_eq!(passes(&mut watch, 481.25, 485.75), []);
    assert_eq!(passes(&mut watch, 486.0, 487.0), [(486.0, silent("", 0.0))]);
}

#[test]
fn a_clock_set_back_neither_alarms_nor_blinds() {
    let mut watch = watch(Mode::Auto);
    watch.beat("", at(600.0));
    assert_eq!(watch.look(at(600.0)), []);
    assert_eq!(watch.look(at(0.0)), []);
    assert_eq!(passes(&mut watch, 0.25, 4.75), []);
    assert_eq!(passes(&mut watch, 5.0, 6.0), [(5.0, silent("", 0.0))]);
}

#[test]
fn one_of_two_that_falls_silent_is_not_covered_by_the_other() {
    let mut watch = watch(Mode::Auto);
    watch.beat("cluster=home", at(0.0));
    let mut told = Vec::new();
    for minute in 0..20 {
        watch.beat("cluster=oci", at(f64::from(minute)));
        told.extend(passes(&mut watch, f64::from(minute), f64::from(minute) + 0.75));
    }
    assert_eq!(told, [(5.0, silent("cluster=home", 0.0))]);
    // One without labels of its own is one more, and nobody's stand-in.
    watch.beat("", at(20.0));
    watch.beat("cluster=oci", at(20.0));
    assert_eq!(watch.memory().sources.len(), 3);

    // Taken down on purpose: after a week nobody is reminded any more.
    let week = 7.0 * 24.0 * 60.0;
    watch.beat("cluster=oci", at(week));
    watch.look(at(week + 0.5));
    assert_eq!(watch.memory().sources.keys().collect::<Vec<_>>(), ["", "cluster=oci"]);
}

#[test]
fn sources_are_bounded() {
    let mut watch = watch(Mode::Auto);
    for number in 0..1000 {
        watch.beat(&format!("n={number}"), at(0.0));
    }
    assert_eq!(watch.memory().sources.len(), SOURCES_LIMIT);
    assert_eq!(watch.beat("n=1", at(1.0)), None);
}

#[test]
fn it_is_taken_out_of_whatever_it_arrives_in() {
    let alert = |status: &str, labels: &str| {
        format!(r#"{{"status":"{status}","labels":{{{labels}}},"startsAt":"2026-11-22T07:14:23Z"}}"#)
    };
    let alerts = [
        alert("firing", r#""alertname":"Watchdog","severity":"none","cluster":"home""#),
        alert("firing", r#""alertname":"HostDown","instance":"web-1""#),
        alert("resolved", r#""alertname":"Watchdog","cluster":"oci""#),
    ];
    let mut webhook =
        webhook::parse(format!(r#"{{"receiver":"r","alerts":[{}]}}"#, alerts.join(",")).as_bytes()).unwrap();
    assert_eq!(watch(Mode::Auto).take(&mut webhook).unwrap(), ["cluster=home"]);
    assert_eq!(webhook.alerts.len(), 1);
    assert_eq!(webhook.alerts[0].labels.get("alertname"), Some("HostDown"));
    assert_eq!(watch(Mode::Auto).take(&mut webhook), None);
}
