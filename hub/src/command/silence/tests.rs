use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

const NOW: &str = "2026-11-25T01:00:00Z";

fn tokyo() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(9))
}

fn request(words: &[&str]) -> Result<Request, String> {
    let line = Line::try_parse_from(["silence"].iter().chain(words)).map_err(|error| error.to_string())?;
    assert!(line.arguments.command.is_none());
    line.arguments.request.read(NOW.parse().unwrap(), &tokyo()).map_err(|error| format!("{error:#}"))
}

fn told(words: &[&str]) -> String {
    let Request { silence, .. } = request(words).unwrap();
    let matchers = silence.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!("{matchers} {} {}", silence.starts_at, silence.ends_at)
}

fn silence(id: &str, state: &str, matchers: &[&str]) -> Silence {
    let matchers: Vec<alertmanager::Matcher> = matchers.iter().map(|matcher| matcher.parse().unwrap()).collect();
    let json = serde_json::json!({
        "id": id, "status": {"state": state}, "matchers": matchers, "createdBy": "管理者", "comment": "kernel\u{1b}[31m\nupdate",
        "startsAt": "2026-11-25T01:00:00Z", "endsAt": "2026-11-25T02:30:00Z", "updatedAt": "2026-11-25T01:00:00Z",
    });
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_host_and_a_duration_are_enough() {
    assert_eq!(told(&["web-1", "10m"]), r#"instance="web-1" 2026-11-25T01:00:00Z 2026-11-25T01:10:00Z"#);
    assert_eq!(told(&["web-1", "2h30m"]), r#"instance="web-1" 2026-11-25T01:00:00Z 2026-11-25T03:30:00Z"#);
    assert_eq!(told(&["web-1", "1d"]), r#"instance="web-1" 2026-11-25T01:00:00Z 2026-11-26T01:00:00Z"#);
    let silence = request(&["web-1", "10m", "--by", "me", "--comment", "why"]).unwrap().silence;
    assert_eq!((silence.created_by.as_str(), silence.comment.as_str()), ("me", "why"));
}

#[test]
fn times_of_day_are_the_next_ones_by_this_machines_clock() {
    // It is 10:00 there.
    assert_eq!(told(&["db-1", "--until", "11:30"]), r#"instance="db-1" 2026-11-25T01:00:00Z 2026-11-25T02:30:00Z"#);
    assert_eq!(told(&["db-1", "--until", "06:30"]), r#"instance="db-1" 2026-11-25T01:00:00Z 2026-11-25T21:30:00Z"#);
    assert_eq!(
        told(&["db-1", "2h", "--from", "23:00"]),
        r#"instance="db-1" 2026-11-25T14:00:00Z 2026-11-25T16:00:00Z"#
    );
    assert_eq!(
        told(&["db-1", "--from", "23:00", "--until", "01:00"]),
        r#"instance="db-1" 2026-11-25T14:00:00Z 2026-11-25T16:00:00Z"#
    );
    let dated = ["db-1", "--from", "2026-12-01T03:00", "--until", "2026-12-01T03:00:00Z"];
    assert_eq!(told(&dated), r#"instance="db-1" 2026-11-30T18:00:00Z 2026-12-01T03:00:00Z"#);
}

#[test]
fn what_is_silenced_without_a_host_leaves_the_sign_of_life_alone() {
    assert!(told(&["1h", "-m", "job=~web|db"]).starts_with(r#"job=~"web|db" alertname!="Watchdog" "#));
    assert!(told(&["1h", "-m", "alertname=HostHighCPU"]).starts_with(r#"alertname="HostHighCPU" 2026"#));
    assert!(
        told(&["web-1", "1h", "-m", "alertname=~\"Host.*\""])
            .starts_with(r#"instance="web-1" alertname=~"Host.*" 2026"#)
    );
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let refusal = |words: &[&str]| request(words).unwrap_err();
    insta::assert_snapshot!(refusal(&[]), @"say what: `noroshi silence HOST 10m`, or --matcher");
    insta::assert_snapshot!(refusal(&["web-1"]), @"say for how long: `noroshi silence web-1 10m`, or --until");
    insta::assert_snapshot!(refusal(&["web-1", "soon"]), @"`soon` is no duration: write 10m, 2h30m or 1d");
    insta::assert_snapshot!(refusal(&["web-1", "0s"]), @"`0s` is no duration: write 10m, 2h30m or 1d");
    insta::assert_snapshot!(refusal(&["web-1", "10m", "--until", "06:30"]), @"a duration and --until are two answers to one question: keep one");
    insta::assert_snapshot!(refusal(&["web-1", "--until", "noon"]), @"--until noon: `noon` is no time: write 06:30 or 2026-12-01T06:30");
    insta::assert_snapshot!(refusal(&["web-1", "--until", "2020-01-01T00:00"]), @"it would be over before it begins");
    insta::assert_snapshot!(refusal(&["web-1", "900d"]), @"more than a year: change the rule instead");
    assert!(refusal(&["web-1", "10m", "-m", "oops"]).contains("`oops` is no matcher"));
}

#[test]
fn the_commands_are_told_from_hosts() {
    let line = |words: &[&str]| Line::try_parse_from(["silence"].iter().chain(words)).unwrap().arguments;
    assert!(matches!(line(&["list"]).command, Some(Command::List { all: false })));
    assert!(matches!(line(&["list", "--all", "-q"]).command, Some(Command::List { all: true })));
    assert!(matches!(line(&["end", "web-1"]).command, Some(Command::End { target }) if target == "web-1"));
    assert_eq!(line(&["web-1", "10m"]).alertmanager.as_str(), "http://127.0.0.1:9093/");
}

#[test]
fn an_end_means_an_id_or_a_host_or_the_beginning_of_one_id() {
    let silences = [
        silence("aaaa-1", "active", &["instance=web-1"]),
        silence("aaaa-2", "pending", &["instance=web-1", "alertname=X"]),
        silence("bbbb-1", "expired", &["instance=web-1"]),
        silence("cccc-1", "active", &["instance=~\"web-1\""]),
    ];
    let ids = |target: &str| meant(&silences, target).iter().map(|silence| silence.id.as_str()).collect::<Vec<_>>();
    assert_eq!(ids("aaaa-2"), ["aaaa-2"]);
    assert_eq!(ids("web-1"), ["aaaa-1", "aaaa-2"]);
    assert_eq!(ids("cccc"), ["cccc-1"]);
    for nothing in ["aaaa", "ccc", "bbbb-1", "web-2", ""] {
        assert_eq!(ids(nothing), Vec::<&str>::new(), "{nothing}");
    }
}

#[test]
fn the_list_is_a_table_in_both_languages() {
    let silences = [
        silence("9ee4ad4a-16d5-4d6b-9ec5-1d7c4fc3f916", "active", &["instance=web-1"]),
        silence("11111111-16d5-4d6b-9ec5-1d7c4fc3f916", "pending", &["job=~\"a|b\"", "alertname!=Watchdog"]),
    ];
    insta::assert_snapshot!(Language::En.table(&silences, &tokyo()));
    insta::assert_snapshot!(Language::Ja.table(&silences, &tokyo()));
    assert_eq!(Language::En.table(&[], &tokyo()), "nothing is silenced");
}

#[test]
fn a_silence_is_told_with_what_it_holds_back_and_how_to_end_it() {
    let mut wanted = request(&["web-1", "1h30m"]).unwrap();
    let names = std::collections::BTreeSet::from(["HostDown".to_owned(), "HostHighCPU".to_owned()]);
    let nothing = std::collections::BTreeSet::new();
    let begun = |language: Language, request: &Request, names| language.begun(request, "9ee4", names, &tokyo());
    insta::assert_snapshot!(begun(Language::En, &wanted, Some(&names)));
    insta::assert_snapshot!(begun(Language::Ja, &wanted, Some(&nothing)));
    wanted = request(&["web-1", "1h30m", "--from", "2090-01-01T09:00"]).unwrap();
    insta::assert_snapshot!(begun(Language::En, &wanted, None));
}
