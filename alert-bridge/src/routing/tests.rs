use super::*;

/// The receivers `team`, `ops` and `mail`, which stands in for `team`; `team` is quiet from ten to seven.
fn routing(routes: &str, maintenance: &str) -> Routing {
    let quiet =
        r#"{"times":[{"from":"22:00","to":"07:00","zone":"UTC"}],"hold_below":"critical","mute_below":"warning"}"#;
    let receivers = [
        ("team", Place { fallback: vec!["mail".into()], quiet_hours: Some(serde_json::from_str(quiet).unwrap()) }),
        ("ops", Place::default()),
        ("mail", Place::default()),
    ];
    let receivers = receivers.map(|(name, place)| (name.to_owned(), place)).into();
    Routing::build(receivers, serde_json::from_str(routes).unwrap(), serde_json::from_str(maintenance).unwrap())
        .unwrap()
}

fn at(moment: &str) -> Timestamp {
    format!("2026-11-25T{moment}:00Z").parse().unwrap()
}

const NOON: &str = "12:00";

fn ask<T>(level: Level, labels: &[(&'static str, &'static str)], then: impl FnOnce(&Subject<'_>) -> T) -> T {
    let value_of = |name: &str| labels.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    then(&Subject { level, labels: &value_of })
}

fn told(routing: &Routing, level: Level, labels: &[(&'static str, &'static str)], moment: &str) -> Vec<String> {
    ask(level, labels, |subject| routing.of(subject, at(moment)).into_iter().map(str::to_owned).collect())
}

#[test]
fn without_routes_everybody_is_told_who_is_not_merely_a_stand_in() {
    assert_eq!(told(&routing("[]", "[]"), Level::Info, &[], NOON), ["ops", "team"]);
}

#[test]
fn the_first_route_that_takes_it_decides_unless_it_goes_on() {
    let routing = routing(
        r#"[
            {"match": ["job=\"test\""], "receivers": []},
            {"levels": ["critical"], "receivers": ["team", "mail"], "continue": true},
            {"match": ["instance=~\"db-.*\"", "team!=\"web\""], "receivers": ["ops", "mail"]}
        ]"#,
        "[]",
    );
    let told = |level, labels: &[(&'static str, &'static str)]| told(&routing, level, labels, NOON);
    assert_eq!(told(Level::Critical, &[("job", "test")]), Vec::<String>::new());
    assert_eq!(told(Level::Critical, &[("instance", "web-1")]), ["team", "mail"]);
    assert_eq!(told(Level::Critical, &[("instance", "db-1")]), ["team", "mail", "ops"]);
    assert_eq!(told(Level::Warning, &[("instance", "db-1")]), ["ops", "mail"]);
    // Between the routes, so to everybody: a hole in the routes is no place to lose an alert in.
    assert_eq!(told(Level::Warning, &[("instance", "db-1"), ("team", "web")]), ["ops", "team"]);
}

#[test]
fn a_route_may_be_for_some_hours_only() {
    let routing = routing(
        r#"[
            {"during": [{"from": "09:00", "to": "18:00", "zone": "Asia/Tokyo"}], "receivers": ["ops"]},
            {"receivers": ["mail"]}
        ]"#,
        "[]",
    );
    assert_eq!(told(&routing, Level::Error, &[], "00:00"), ["ops"]);
    assert_eq!(told(&routing, Level::Error, &[], "09:00"), ["mail"]);
}

#[test]
fn quiet_hours_hold_what_is_not_urgent_and_mute_what_is_mild() {
    let routing = routing("[]", "[]");
    let hold = |name, level, moment| ask(level, &[], |subject| routing.hold(name, subject, at(moment)));
    let morning = "2026-11-26T07:00:00Z".parse().unwrap();
    assert_eq!(hold("team", Level::Critical, "23:00"), Hold::Now);
    assert_eq!(hold("team", Level::Error, "23:00"), Hold::Until(morning, Then::All));
    assert_eq!(hold("team", Level::Warning, "23:00"), Hold::Until(morning, Then::All));
    assert_eq!(hold("team", Level::Info, "23:00"), Hold::Until(morning, Then::StillFiring));
    assert_eq!(hold("team", Level::Info, NOON), Hold::Now);
    assert_eq!(hold("ops", Level::Info, "23:00"), Hold::Now);
}

#[test]
fn maintenance_mutes_what_it_concerns_for_everybody_however_urgent() {
    let work = r#"[{"match": ["instance=\"db-1\""], "times": [{"from": "2026-11-25T11:00", "to": "2026-11-25T13:00", "zone": "UTC"}]}]"#;
    let routing = routing("[]", work);
    let hold = |name, instance, moment| {
        ask(Level::Critical, &[("instance", instance)], |subject| routing.hold(name, subject, at(moment)))
    };
    assert_eq!(hold("ops", "db-1", NOON), Hold::Until(at("13:00"), Then::StillFiring));
    assert_eq!(hold("team", "db-1", NOON), Hold::Until(at("13:00"), Then::StillFiring));
    assert_eq!(hold("ops", "db-2", NOON), Hold::Now);
    assert_eq!(hold("ops", "db-1", "13:00"), Hold::Now);
}

#[test]
fn names_of_nobody_and_circles_are_refused() {
    let build = |receivers: &[(&str, &[&str])], routes: &str| {
        let place = |fallback: &[&str]| Place {
            fallback: fallback.iter().map(|name| (*name).to_owned()).collect(),
            ..Place::default()
        };
        let receivers = receivers.iter().map(|(name, fallback)| ((*name).to_owned(), place(fallback))).collect();
        Routing::build(receivers, serde_json::from_str(routes).unwrap(), Vec::new()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(build(&[("a", &[]), ("b", &[])], r#"[{"receivers":["a"]},{"receivers":["c"]}]"#), @"bridge.routes[1] names the receiver `c`, which is not one of `a`, `b`");
    insta::assert_snapshot!(build(&[("a", &["x"])], "[]"), @"bridge.receivers.a.fallback names the receiver `x`, which is not one of `a`");
    insta::assert_snapshot!(build(&[("a", &["b"]), ("b", &["a"])], "[]"), @"the fallbacks of `a` lead back to itself");
    insta::assert_snapshot!(build(&[("a", &["a"])], "[]"), @"the fallbacks of `a` lead back to itself");
}

fn webhook(alerts: &[(&str, &str, &str)]) -> Webhook {
    let alerts: Vec<_> = alerts
        .iter()
        .map(|(status, instance, severity)| {
            format!(r#"{{"status":"{status}","startsAt":"2026-11-25T00:00:00Z","labels":{{"instance":"{instance}","severity":"{severity}"}}}}"#)
        })
        .collect();
    let body = format!(r#"{{"receiver":"r","alerts":[{}]}}"#, alerts.join(","));
    crate::webhook::parse(body.as_bytes()).unwrap()
}

#[test]
fn of_a_group_that_mixes_levels_each_is_told_its_part() {
    let routing =
        routing(r#"[{"levels": ["critical"], "receivers": ["team"], "continue": true}, {"receivers": ["ops"]}]"#, "[]");
    let webhook = webhook(&[("firing", "a", "critical"), ("firing", "b", "warning")]);
    let destinations = routing.of_webhook(&webhook, at(NOON));
    let told: Vec<_> = destinations.into_iter().map(|to| (to.receiver, to.alerts)).collect();
    assert_eq!(told, [("ops".to_owned(), None), ("team".to_owned(), Some(vec![0]))]);
}

#[test]
fn who_was_told_by_day_hears_at_night_that_it_is_over() {
    let routing = routing(
        r#"[{"during": [{"from": "09:00", "to": "18:00", "zone": "UTC"}], "receivers": ["ops"]}, {"receivers": ["mail"]}]"#,
        "[]",
    );
    let webhook = webhook(&[("resolved", "a", "warning"), ("firing", "b", "warning")]);
    let destinations = routing.of_webhook(&webhook, at("20:00"));
    let ops = destinations.iter().find(|to| to.receiver == "ops").unwrap();
    assert_eq!((ops.alerts.as_deref(), ops.if_known.as_slice()), (Some(&[][..]), &[0][..]));
    let mail = destinations.iter().find(|to| to.receiver == "mail").unwrap();
    assert_eq!((mail.alerts.as_deref(), mail.if_known.as_slice()), (None, &[][..]));
}

#[test]
fn who_stands_in_takes_over_and_without_a_stand_in_others_hear_of_the_death() {
    let routing = routing("[]", "[]");
    assert_eq!(routing.fallback("team"), ["mail"]);
    assert_eq!(routing.instead_of("team"), ["mail"]);
    assert!(routing.fallback("ops").is_empty());
    assert_eq!(routing.instead_of("ops"), ["team"]);
}
