//! What real groups look like, and that no group can break a limit.

use std::path::Path;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::compose::compose;
use crate::language::Language;
use crate::receiver::discord::payload::violations;
use crate::receiver::discord::style::Mentions;
use crate::webhook;

fn message(body: &[u8], language: Language) -> Message {
    compose(&webhook::parse(body).unwrap(), language).unwrap()
}

fn recorded(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/alertmanager").join(name)).unwrap()
}

/// One role for critical alerts and one for warnings.
fn style() -> Style {
    let mentions: Mentions = serde_json::from_value(json!({"critical": "7001", "warning": "7002"})).unwrap();
    Style { mentions, ..Style::default() }
}

/// Two alerts, one of each severity, in the states asked for.
fn pair(critical: &str, warning: &str) -> Message {
    let alert = |severity: &str, status: &str| json!({"status": status, "labels": {"alertname": "X", "severity": severity}, "startsAt": "2026-11-22T07:14:23Z"});
    let body = json!({"receiver": "r", "alerts": [alert("critical", critical), alert("warning", warning)]});
    message(body.to_string().as_bytes(), Language::En)
}

#[test]
fn real_groups_look_like_this() {
    for name in [
        "single-01",
        "single-02",
        "group3-01",
        "mixed_severity_group-01",
        "partial_resolve-02",
        "truncated_status-02",
        "prometheus_push_stale-02",
        "vmalert_push_stale-02",
        "japanese-02",
        "markdown_mentions-01",
        "quoting-01",
        "missing-05",
        "missing-06",
        "times-01",
        "external_prefix-01",
        "long_values-02",
        "long_values-04",
        "group500-02",
        "host_down-01",
        "host_down-02",
    ] {
        let body = recorded(&format!("{name}.json"));
        for language in [Language::En, Language::Ja] {
            let card = card(&message(&body, language), &Style::default());
            assert_eq!(violations(&card), Vec::<String>::new());
            insta::assert_json_snapshot!(format!("{name}.{}", language.suffix()), card);
        }
    }
}

#[test]
fn a_report_has_its_hosts_in_fields_and_its_picture_below() {
    for language in [Language::En, Language::Ja] {
        let payload = card(&crate::report::tests::sample(language).message(language), &style());
        assert_eq!(violations(&payload), Vec::<String>::new());
        assert_eq!(payload.files.len(), 1);
        insta::assert_json_snapshot!(format!("report.{}", language.suffix()), payload);
    }
}

#[test]
fn of_500_alerts_as_many_as_fit_are_named() {
    let message = message(&recorded("group500-02.json"), Language::En);
    let card = card(&message, &Style::default());

    let description = &card.embeds[0].description;
    let named = message.entries.iter().filter(|entry| description.contains(&escape(&entry.name, 60))).count();
    assert!(named >= 150, "{named} of 500 are named");
    assert!(length(description) > 3900, "and no room is left");
    assert!(description.contains(&format!(" +{} more\n", 500 - named)), "{description}");
}

#[test]
fn a_role_is_called_for_what_fires_and_by_its_id_alone() {
    let called = |message: &Message| {
        let payload = card(message, &style());
        let roles = payload.allowed_mentions.roles.clone();
        assert_eq!(serde_json::to_value(&payload.allowed_mentions).unwrap()["parse"], json!([]));
        (payload.content, roles)
    };

    assert_eq!(called(&pair("firing", "firing")), ("<@&7001> <@&7002>".into(), vec!["7001".into(), "7002".into()]));
    assert_eq!(called(&pair("resolved", "firing")), ("<@&7002>".into(), vec!["7002".into()]));
    assert_eq!(called(&pair("resolved", "resolved")), (String::new(), vec![]));
}

#[test]
fn nobody_is_called_unless_configured() {
    let payload = serde_json::to_value(card(&pair("firing", "firing"), &Style::default())).unwrap();
    assert_eq!((payload.get("content"), &payload["allowed_mentions"]), (None, &json!({"parse": [], "roles": []})));
}

#[test]
fn the_title_leads_to_alertmanager_only_where_discord_takes_the_address() {
    let url = |address: &str| {
        let mut body: Value = serde_json::from_slice(&recorded("single-01.json")).unwrap();
        body["externalURL"] = json!(address);
        card(&message(body.to_string().as_bytes(), Language::En), &Style::default()).embeds.remove(0).url
    };
    assert_eq!(url("https://am.example.com/x").as_deref(), Some("https://am.example.com/x"));
    assert_eq!(url("http://vm:9093"), None);
    assert_eq!(url("http://[::1"), None);
}

#[test]
fn a_link_survives_brackets_in_its_address() {
    let mut body: Value = serde_json::from_slice(&recorded("single-01.json")).unwrap();
    body["alerts"][0]["annotations"]["runbook_url"] = json!("https://wiki.example/Disk_(full)?a=[b]");
    let card = card(&message(body.to_string().as_bytes(), Language::En), &Style::default());
    let description = &card.embeds[0].description;
    assert!(description.contains("[Runbook](https://wiki.example/Disk_%28full%29?a=[b])"), "{description}");
}

#[test]
fn the_plain_form_still_says_what_where_and_to_whom() {
    let message = message(&recorded("single-01.json"), Language::En);
    let plain = serde_json::to_value(plain(&message, &style())).unwrap();
    insta::assert_json_snapshot!(plain, @r#"
    {
      "allowed_mentions": {
        "parse": [],
        "roles": [
          "7001"
        ]
      },
      "content": "<@&7001>\n**🔴 Firing: DiskFull — web-01**\n**DiskFull on web-01:9100** · started <t:1795331663:R>"
    }
    "#);
}

/// Text as no author of a rule would write it: markup, controls, wide characters, and lots of it.
fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        2 => "[*_~`|<>\\[\\]\\\\#@: \n-]{0,60}",
        1 => "(https?://[a-z.]{1,20}/[_*()]{0,5} ?){0,4}",
        1 => (any::<char>(), 0_usize..5_000).prop_map(|(char, times)| char.to_string().repeat(times)),
        1 => "[ \n\u{3000}\u{200b}]{0,9}",
    ]
}

fn an_alert() -> impl Strategy<Value = Value> {
    let known = prop_oneof![
        Just("alertname"),
        Just("instance"),
        Just("severity"),
        Just("job"),
        Just("summary"),
        Just("summary_ja"),
        Just("description"),
        Just("message"),
        Just("runbook_url"),
        Just("dashboard_url"),
    ];
    let name = prop_oneof![4 => known.prop_map(str::to_owned), 1 => anything()];
    let maps = (btree_map(name.clone(), anything(), 0..8), btree_map(name, anything(), 0..8));
    (maps, any::<bool>(), -9_000_000_000_i64..9_000_000_000, -9_000_000_000_i64..9_000_000_000, anything()).prop_map(
        |((labels, annotations), fires, start, end, generator)| {
            let time = |second| Timestamp::from_second(second).unwrap().to_string();
            json!({
                "status": if fires { "firing" } else { "resolved" }, "labels": labels, "annotations": annotations,
                "startsAt": time(start), "endsAt": time(end), "generatorURL": format!("https://a.example/{generator}"),
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_alerts_say_the_limits_are_kept(
        alerts in vec(an_alert(), 1..6),
        copies in prop_oneof![Just(1_usize), 1_usize..60],
        receiver in anything(), key in anything(), external in anything(), unseen in any::<u64>(),
    ) {
        let alerts: Vec<&Value> = alerts.iter().cycle().take(alerts.len() * copies).collect();
        let body = json!({
            "receiver": receiver, "groupKey": key, "alerts": alerts, "truncatedAlerts": unseen,
            "externalURL": format!("https://am.example.com/{external}"),
        });
        let webhook = webhook::parse(body.to_string().as_bytes()).unwrap();
        for language in [Language::En, Language::Ja] {
            let message = compose(&webhook, language).unwrap();
            prop_assert_eq!(violations(&card(&message, &style())), Vec::<String>::new());
            prop_assert_eq!(violations(&plain(&message, &style())), Vec::<String>::new());
        }
    }

    #[test]
    fn whatever_a_note_says_the_limits_are_kept(
        title in anything(), text in anything(), fields in vec((anything(), anything()), 0..40),
    ) {
        let mut note = pair("firing", "firing");
        note.state = State::Note;
        note.entries.clear();
        (note.title, note.text) = (title, text);
        note.fields = fields.into_iter().map(|(name, value)| Label { name, value }).collect();
        prop_assert_eq!(violations(&card(&note, &style())), Vec::<String>::new());
        prop_assert_eq!(violations(&plain(&note, &style())), Vec::<String>::new());
    }
}
