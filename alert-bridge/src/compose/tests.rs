use super::*;
use serde_json::json;

fn message(alerts: serde_json::Value, language: Language) -> Message {
    let body = json!({"receiver": "team\\.ops", "groupKey": "{}:{job=\"host\"}", "alerts": alerts});
    compose(&serde_json::from_value(body).unwrap(), language).unwrap()
}

fn alert(labels: serde_json::Value, annotations: serde_json::Value) -> serde_json::Value {
    json!({"status": "firing", "labels": labels, "annotations": annotations, "startsAt": "2026-11-22T07:14:23Z"})
}

#[test]
fn the_title_says_what_and_where() {
    let on = |instance: &str| alert(json!({"alertname": "HostDown", "instance": instance}), json!({}));
    let title = |alerts: &[serde_json::Value], language| message(json!(alerts), language).title;

    assert_eq!(title(&[on("db-1:9100")], Language::En), "HostDown — db-1");
    assert_eq!(title(&[on("[::1]:9100"), on("::1"), on("C:")], Language::En), "HostDown — [::1], ::1, C:");
    let five = ["a", "b", "c", "d", "e"].map(on);
    assert_eq!(title(&five, Language::En), "HostDown — a, b, c +2 more");
    assert_eq!(title(&five, Language::Ja), "HostDown — a、b、c 他 2 件");
    assert_eq!(title(&[alert(json!({"job": "bot"}), json!({}))], Language::Ja), "アラート — bot");
    assert_eq!(title(&[alert(json!({}), json!({}))], Language::En), "Alert");
}

#[test]
fn annotations_in_the_readers_language_go_first() {
    let alerts = json!([alert(
        json!({"alertname": "X"}),
        json!({"summary": "down", "summary_ja": "停止", "description": "for 5 min", "message": "never seen"}),
    )]);

    let english = &message(alerts.clone(), Language::En).entries[0];
    assert_eq!((english.headline.as_str(), english.body.as_str()), ("down", "for 5 min"));
    let japanese = &message(alerts, Language::Ja).entries[0];
    assert_eq!((japanese.headline.as_str(), japanese.body.as_str()), ("停止", "for 5 min"));
}

#[test]
fn an_alert_that_says_nothing_is_what_its_labels_are() {
    let alerts = json!([alert(json!({"alertname": "X", "instance": "db-1"}), json!({"summary": "\u{3000}\n"}))]);
    let entry = &message(alerts, Language::En).entries[0];
    assert_eq!((entry.headline.as_str(), entry.body.as_str()), ("X — db-1", ""));
}

#[test]
fn each_alerts_own_status_is_believed() {
    let mut over = alert(json!({"alertname": "X", "severity": "critical"}), json!({}));
    over["status"] = json!("resolved");
    over["endsAt"] = json!("2026-11-22T07:20:00Z");
    let on = alert(json!({"alertname": "Y", "severity": "info"}), json!({}));

    let message = message(json!([over, on]), Language::En);

    assert_eq!((message.state, message.level, message.counts()), (State::Firing, Level::Info, (1, 1)));
    assert_eq!(message.firing_levels, [Level::Info].into());
    assert!(!message.entries[0].is_resolved(), "what fires stands first");
    assert_eq!(message.title, "Y", "and only that is in the title");
}

#[test]
fn a_group_whose_rest_we_cannot_see_is_not_called_resolved() {
    let mut over = alert(json!({"alertname": "X"}), json!({}));
    over["status"] = json!("resolved");
    let body = json!({"receiver": "r", "status": "resolved", "alerts": [over], "truncatedAlerts": 3});
    let message = compose(&serde_json::from_value(body).unwrap(), Language::En).unwrap();
    assert_eq!(message.state, State::PartlyResolved);
}

#[test]
fn labels_that_tell_alerts_apart_stand_with_each_and_the_others_once() {
    let disk =
        |mount: &str| alert(json!({"alertname": "Disk", "instance": "db-1", "site": "oci", "mount": mount}), json!({}));
    let message = message(json!([disk("/"), disk("/var")]), Language::En);
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    assert_eq!(message.labels, [label("site", "oci")]);
    assert_eq!(message.entries[1].labels, [label("mount", "/var")]);
}

#[test]
fn only_web_addresses_become_links_and_without_their_password() {
    let mut said = alert(json!({"alertname": "X"}), json!({"runbook_url": "https://u:hunter2@wiki.example/x"}));
    let links = |said: &serde_json::Value| message(json!([said]), Language::En).links;

    assert_eq!(links(&said)[0].url.as_str(), "https://wiki.example/x");
    for address in ["data:text/html,x", "javascript:alert(1)", "http://a.example/\r\nX: 1", "", "not a url"] {
        said["annotations"]["runbook_url"] = json!(address);
        assert_eq!(links(&said), [], "{address:?}");
    }
}

#[test]
fn the_origin_is_the_receiver_as_it_was_configured_and_the_group() {
    assert_eq!(message(json!([alert(json!({}), json!({}))]), Language::En).origin, "team.ops · {job=\"host\"}");
}

#[test]
fn a_group_without_alerts_says_nothing() {
    let body = json!({"receiver": "r", "alerts": []});
    assert!(compose(&serde_json::from_value(body).unwrap(), Language::En).is_none());
}
