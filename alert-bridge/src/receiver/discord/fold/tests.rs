//! However many are told together: nothing is left unnamed, and no limit is broken.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::compose::compose;
use crate::receiver::discord::payload::violations;
use crate::webhook::parse;

/// Groups with so many alerts each; every third alert is over.
fn messages(sizes: &[usize], name: &str, language: Language) -> Vec<Message> {
    let mut number = 0;
    let group = |(place, size): (usize, &usize)| {
        let alerts: Vec<_> = (0..*size)
            .map(|_| {
                number += 1;
                json!({
                    "status": if number % 3 == 0 { "resolved" } else { "firing" }, "startsAt": "2026-11-22T07:14:23Z",
                    "labels": {"alertname": format!("{name}{}", place % 7), "instance": format!("host-{number:04}"), "severity": (["critical", "warning"])[number % 2]},
                    "annotations": {"summary": format!("the disk of host-{number:04} is almost full")},
                })
            })
            .collect();
        let body = json!({"receiver": "r", "groupKey": format!("g{place}"), "externalURL": "https://am.example.com", "alerts": alerts});
        compose(&parse(body.to_string().as_bytes()).unwrap(), language).unwrap()
    };
    sizes.iter().enumerate().map(group).collect()
}

fn text(payload: &Payload) -> String {
    payload.embeds.iter().map(|embed| format!("{}\n{}\n", embed.title, embed.description)).collect()
}

fn names_all(messages: &[Message], payload: &Payload) -> bool {
    let text = text(payload);
    messages.iter().flat_map(|message| &message.entries).all(|entry| text.contains(&escape(&entry.name, 60)))
}

#[test]
fn few_are_told_as_cards_more_as_lines_and_hundreds_by_name() {
    let style = Style::default();
    let few = messages(&[1; 5], "Disk", Language::En);
    assert_eq!((fits(&few, &style), post(&few, &style).embeds.len()), (5, 5));
    let more = messages(&[1; 40], "Disk", Language::En);
    assert_eq!(fits(&more, &style), 40);
    assert!(
        text(&post(&more, &style))
            .contains("🔴 **Disk1 — host-0002** · the disk of host-0002 is almost full · started <t:"),
        "{}",
        text(&post(&more, &style))
    );
    let hundreds = messages(&[1; 600], "Disk", Language::En);
    let count = fits(&hundreds, &style);
    let payload = post(&hundreds[..count], &style);
    assert!(count > 300 && names_all(&hundreds[..count], &payload), "{count}");
    assert_eq!(violations(&payload), Vec::<String>::new());
}

#[test]
fn what_fires_and_what_is_over_never_stand_on_one_line() {
    let hundreds = messages(&[1; 300], "Disk", Language::En);
    for line in text(&post(&hundreds, &Style::default())).lines().skip(1) {
        assert!(!(line.contains('✅') && (line.contains('🔴') || line.contains('🟡'))), "{line}");
    }
}

#[test]
fn embeds_that_lead_to_the_same_address_would_be_shown_as_one() {
    let few = messages(&[1; 3], "Disk", Language::En);
    let addresses = post(&few, &Style::default()).embeds.iter().filter(|embed| embed.url.is_some()).count();
    assert_eq!(addresses, 1);
}

#[test]
fn a_group_of_five_hundred_is_named_in_one_message() {
    let big = messages(&[450], "Disk", Language::En);
    let payload = post(&big, &Style::default());
    assert!(names_all(&big, &payload), "{}", text(&payload));
    assert_eq!(violations(&payload), Vec::<String>::new());
}

#[test]
fn what_had_to_wait_says_so() {
    let mut many = messages(&[1; 40], "Disk", Language::En);
    many[0].late = Some(jiff::SignedDuration::from_hours(2));
    let text = text(&post(&many, &Style::default()));
    assert!(text.contains("⏳ Told late, oldest first: these could not be told for up to 2 h."), "{text}");
}

#[test]
fn what_makes_a_sound_is_not_told_with_what_makes_none() {
    let mut some = messages(&[1; 4], "Disk", Language::En);
    some[2].silent = true;
    assert_eq!(fits(&some, &Style::default()), 2);
    assert_eq!(post(&some[2..3], &Style::default()).flags, Some(SILENT));
}

#[test]
fn a_message_that_has_grown_beyond_its_room_is_still_taken() {
    let grown = messages(&[100; 30], "Disk", Language::En);
    let payload = edit(&grown, &Style::default());
    assert_eq!(violations(&payload), Vec::<String>::new());
    assert!(text(&payload).contains("more"), "{}", text(&payload));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn as_many_as_fit_are_all_named_within_the_limits(
        sizes in prop::collection::vec(1_usize..12, 1..120), name in "[A-Za-z_*あ😀]{1,70}", late in any::<bool>(), ja in any::<bool>(),
    ) {
        let language = if ja { Language::Ja } else { Language::En };
        let mut messages = messages(&sizes, &name, language);
        if late {
            messages[0].late = Some(jiff::SignedDuration::from_secs(93_784));
        }
        let count = fits(&messages, &Style::default());
        let told = &messages[..count];
        for payload in [post(told, &Style::default()), edit(told, &Style::default())] {
            prop_assert_eq!(violations(&payload), Vec::<String>::new());
            prop_assert!(names_all(told, &payload), "{} of {}: {}", count, sizes.len(), text(&payload));
        }
    }
}
