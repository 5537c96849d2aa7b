//! What Alertmanagers tell, in the orders in which they tell it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::webhook::parse;

const BEGIN: i64 = 1_790_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).unwrap()
}

fn alert(name: &str, status: &str, starts: i64) -> Value {
    let ends = if status == "firing" { "0001-01-01T00:00:00Z".to_owned() } else { at(starts + 30).to_string() };
    json!({"status": status, "labels": {"alertname": name}, "startsAt": at(starts).to_string(), "endsAt": ends})
}

/// An incident as the bridge follows it, and the Alertmanagers that tell of it.
struct Story {
    incident: Incident,
    following: Following,
    now: i64,
}

impl Story {
    fn new() -> Self {
        Self { incident: Incident::new(), following: Following::default(), now: 0 }
    }

    fn tell_by(&mut self, by: &str, truncated: u64, alerts: &[Value]) -> Heard {
        let body = json!({"receiver": "r", "externalURL": by, "truncatedAlerts": truncated, "alerts": alerts});
        let webhook = parse(body.to_string().as_bytes()).unwrap();
        self.incident.hear(&webhook, webhook.alerts.iter(), at(self.now), &self.following)
    }

    fn tell(&mut self, alerts: &[Value]) -> Heard {
        self.tell_by("http://am-1", 0, alerts)
    }

    fn passes(&mut self, seconds: i64) -> &mut Self {
        self.now += seconds;
        self
    }

    /// What has to be done; and does it.
    fn told(&mut self, standing: Standing) -> Needs {
        let needs = self.incident.needs(standing, at(self.now));
        if needs.post.is_some() {
            self.incident.posted();
        }
        if needs.edit {
            self.incident.edited();
        }
        if needs.notice.is_some_and(|due| due <= at(self.now)) {
            self.incident.noticed();
        }
        needs
    }

    fn needs(&self, standing: Standing) -> Needs {
        self.incident.needs(standing, at(self.now))
    }
}

#[test]
fn what_began_is_posted_and_what_ended_is_edited() {
    let mut story = Story::new();
    assert_eq!(story.tell(&[alert("A", "firing", 0)]), Heard { began: 1, ..Heard::default() });
    assert!(story.told(Standing::Nothing).post.is_some());
    assert_eq!(story.needs(Standing::Card), Needs::default(), "nothing is left to tell");

    assert_eq!(story.passes(60).tell(&[alert("A", "resolved", 0)]), Heard { ended: 1, ..Heard::default() });
    assert!(story.incident.is_over());
    assert_eq!(story.told(Standing::Card), Needs { edit: true, ..Needs::default() });
    assert_eq!(story.needs(Standing::Card), Needs::default());
}

#[test]
fn what_joins_is_told_by_a_message_of_its_own_since_an_edit_tells_nobody() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0)]);
    story.told(Standing::Nothing);

    story.passes(60).tell(&[alert("A", "firing", 0), alert("B", "firing", 50)]);

    assert_eq!(story.needs(Standing::Card), Needs { post: None, notice: Some(at(60)), edit: true });
    let news = story.incident.news("k");
    assert_eq!(news.alerts.iter().map(|seen| seen.alert.labels.get("alertname").unwrap()).collect::<Vec<_>>(), ["B"]);
    story.told(Standing::Card);
    assert_eq!(story.needs(Standing::Card), Needs::default());
}

#[test]
fn a_recovery_is_told_beside_the_card_only_if_asked_for() {
    for (asked, due) in [(false, None), (true, Some(at(60)))] {
        let mut story = Story::new();
        story.following.calm_notice = asked;
        story.tell(&[alert("A", "firing", 0)]);
        story.told(Standing::Nothing);
        story.passes(60).tell(&[alert("A", "resolved", 0)]);
        assert_eq!(story.needs(Standing::Card), Needs { post: None, notice: due, edit: true });
    }
}

#[test]
fn the_same_again_is_a_reminder_only_after_a_while() {
    let mut story = Story::new();
    let firing = [alert("A", "firing", 0)];
    story.tell(&firing);
    story.told(Standing::Nothing);

    story.passes(5).tell(&firing);
    assert_eq!(story.needs(Standing::Card), Needs::default(), "a retry");
    story.passes(14_400).tell(&firing);
    assert_eq!(story.told(Standing::Card).notice, Some(at(14_405)));
    assert_eq!(story.needs(Standing::Card), Needs::default());

    story.passes(5).tell(&[alert("A", "resolved", 0)]);
    story.told(Standing::Card);
    story.passes(14_400).tell(&[alert("A", "resolved", 0)]);
    assert_eq!(story.needs(Standing::Card), Needs::default(), "nobody is reminded of what is over");
}

#[test]
fn what_the_slower_of_two_alertmanagers_says_is_not_believed() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0)]);
    story.passes(100).tell(&[alert("A", "resolved", 0)]);

    let heard = story.passes(2).tell_by("http://am-2", 0, &[alert("A", "firing", 0)]);
    assert_eq!(heard, Heard { stale: 1, ..Heard::default() });
    assert!(story.incident.is_over());

    let heard = story.passes(200).tell_by("http://am-2", 0, &[alert("A", "firing", 0)]);
    assert_eq!(heard.stale, 1, "it carries the state from the start of its flush, up to a group_interval old");
}

#[test]
fn what_fires_again_with_the_same_start_is_believed_from_the_one_who_had_said_it_was_over() {
    // Prometheus was cut off for longer than the alert's end, and goes on where it was.
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0)]);
    story.passes(300).tell(&[alert("A", "resolved", 0)]);
    let heard = story.passes(60).tell(&[alert("A", "firing", 0)]);
    assert_eq!((heard.began, story.incident.fires()), (1, true));
}

#[test]
fn an_older_recovery_does_not_end_what_began_after_it() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 100)]);
    let heard = story.passes(1).tell_by("http://am-2", 0, &[alert("A", "resolved", 0)]);
    assert_eq!((heard.stale, story.incident.fires()), (1, true));
}

#[test]
fn of_two_alertmanagers_that_began_at_different_moments_the_earlier_start_counts() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 10)]);
    story.passes(2).tell_by("http://am-2", 0, &[alert("A", "firing", 4)]);
    assert_eq!(story.incident.alerts[0].alert.starts_at, at(4));
    assert_eq!(story.incident.alerts[0].flaps, 0);
}

#[test]
fn flaps_are_counted_and_told_only_when_the_last_one_lasts() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0)]);
    story.told(Standing::Nothing);
    for round in 1..=5 {
        story.passes(60).tell(&[alert("A", "resolved", 120 * (round - 1))]);
        assert_eq!(story.told(Standing::Card), Needs { edit: true, ..Needs::default() });
        story.passes(60).tell(&[alert("A", "firing", 120 * round)]);
        let needs = story.told(Standing::Card);
        assert_eq!((needs.edit, needs.notice), (true, Some(at(120 * round + 120))), "not before it has lasted");
    }
    assert_eq!(story.incident.alerts[0].flaps, 5);

    story.passes(120);
    assert_eq!(story.told(Standing::Card), Needs { notice: Some(at(720)), ..Needs::default() });
    assert_eq!(story.needs(Standing::Card), Needs::default());
}

#[test]
fn a_group_of_which_a_part_is_hidden_is_never_over() {
    let mut story = Story::new();
    story.tell_by("http://am-1", 3, &[alert("A", "firing", 0)]);
    story.passes(60).tell_by("http://am-1", 3, &[alert("A", "resolved", 0)]);
    assert!(!story.incident.is_over());
    assert!(story.incident.alerts[0].missing.is_none());
}

#[test]
fn what_is_no_longer_told_is_missed_and_may_be_given_up() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0), alert("B", "firing", 0)]);
    story.told(Standing::Nothing);
    story.passes(60).tell(&[alert("B", "resolved", 0)]);
    assert_eq!(story.incident.alerts[0].missing, Some(at(60)));
    story.told(Standing::Card);

    assert_eq!(story.incident.give_up(|known| known.missing.is_some()), 1);
    assert!(story.incident.is_over());
    assert_eq!(story.told(Standing::Card), Needs { edit: true, ..Needs::default() });

    story.passes(60).tell(&[alert("A", "firing", 0)]);
    assert!(story.incident.fires() && story.told(Standing::Card).edit, "it was only silenced");
}

#[test]
fn a_message_that_is_gone_is_told_anew() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0)]);
    story.told(Standing::Nothing);
    story.incident.message_gone();
    assert!(story.needs(Standing::Nothing).post.is_some());
}

#[test]
fn what_cannot_be_edited_in_time_is_told_beside_it() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0)]);
    story.told(Standing::Nothing);
    story.passes(7_200).tell(&[alert("A", "resolved", 0)]);
    story.incident.edit_refused();
    assert_eq!(story.told(Standing::Card), Needs { post: None, notice: Some(at(7_200)), edit: true });
}

#[test]
fn where_nothing_can_be_edited_every_change_is_told_once() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0), alert("B", "firing", 0)]);
    assert!(story.told(Standing::Nothing).post.is_some());
    story.passes(60).tell(&[alert("A", "resolved", 0), alert("B", "firing", 0)]);
    assert_eq!(story.incident.changes("k").alerts.len(), 1);
    assert!(story.told(Standing::Nothing).post.is_some());
    assert_eq!(story.needs(Standing::Nothing), Needs::default());
}

#[test]
fn a_group_whose_alerts_change_their_names_does_not_grow_for_ever() {
    let mut story = Story::new();
    for round in 0..2_000 {
        let (old, new) = (format!("A{}", round - 1), format!("A{round}"));
        story.passes(10).tell(&[alert(&old, "resolved", 0), alert(&new, "firing", 0)]);
        story.told(if round == 0 { Standing::Nothing } else { Standing::Card });
    }
    assert!(story.incident.alerts.len() < 210, "{}", story.incident.alerts.len());
    story.passes(4_000).tell(&[alert("A1999", "firing", 0)]);
    assert_eq!(story.incident.counts(), (1, 0));
}

#[test]
fn what_is_kept_is_what_is_read_back() {
    let mut story = Story::new();
    story.tell(&[alert("A", "firing", 0), alert("B", "resolved", 0)]);
    story.told(Standing::Nothing);
    story.passes(60).tell(&[alert("A", "resolved", 0), alert("C", "firing", 5)]);
    let read: Incident = serde_json::from_str(&serde_json::to_string(&story.incident).unwrap()).unwrap();
    assert_eq!(read, story.incident);
}

/// One thing that can happen to three alerts.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Begins(usize),
    Ends(usize),
    Flush,
    Told,
}

proptest! {
    /// Whatever alerts do, and however often each flush is repeated by a retry or the other Alertmanager: once everything
    /// is told, people see exactly what is.
    #[test]
    fn people_end_up_seeing_what_is(
        deeds in prop::collection::vec(prop_oneof![
            (0..3_usize).prop_map(Deed::Begins), (0..3_usize).prop_map(Deed::Ends), Just(Deed::Flush), Just(Deed::Told),
        ], 1..40),
        copies in prop::collection::vec(0..3_usize, 40),
    ) {
        let mut story = Story::new();
        let mut alerts: [Option<(i64, bool)>; 3] = [None; 3];
        let mut standing = Standing::Nothing;
        let flush = |story: &mut Story, alerts: &mut [Option<(i64, bool)>; 3], copies: usize| {
            let names = ["A", "B", "C"];
            let said: Vec<_> = alerts.iter().zip(names).filter_map(|(state, name)| {
                let (starts, fires) = (*state)?;
                Some(alert(name, if fires { "firing" } else { "resolved" }, starts))
            }).collect();
            if said.is_empty() {
                return;
            }
            story.tell(&said);
            for copy in 0..copies {
                story.passes(1).tell_by(if copy == 0 { "http://am-2" } else { "http://am-1" }, 0, &said);
            }
        };
        for (deed, copies) in deeds.iter().zip(&copies) {
            story.passes(20);
            match *deed {
                Deed::Begins(which) if !alerts[which].is_some_and(|(_, fires)| fires) => alerts[which] = Some((story.now, true)),
                Deed::Ends(which) => alerts[which] = alerts[which].map(|(starts, _)| (starts, false)),
                Deed::Flush => flush(&mut story, &mut alerts, *copies),
                Deed::Told => if story.told(standing).post.is_some() { standing = Standing::Card },
                Deed::Begins(_) => {}
            }
        }
        flush(&mut story, &mut alerts, 1);
        story.passes(600).told(standing);
        for (state, name) in alerts.iter().zip(["A", "B", "C"]) {
            let known = story.incident.alerts.iter().find(|known| known.alert.labels.get("alertname") == Some(name));
            prop_assert_eq!(known.map(Known::fires), state.map(|(_, fires)| fires));
        }
        prop_assert_eq!(story.needs(Standing::Card), Needs::default());
    }
}
