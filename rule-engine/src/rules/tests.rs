use super::*;

fn refused(text: &str) -> String {
    RuleFile::parse(text, "rules.yml").unwrap_err().to_string()
}

fn of_rule(rule: &str) -> String {
    refused(&format!("groups:\n  - name: g\n    rules:\n      - {rule}\n"))
}

#[test]
fn a_file_is_read_whole() {
    let file = RuleFile::parse(
        "groups:\n  - name: g\n    interval: 30s\n    limit: -1\n    query_offset: 5s\n    labels: { site: tokyo, team: g }\n    rules:\n      \
         - { record: 'a:b', expr: up, labels: { team: r } }\n      \
         - { alert: A, expr: 1, for: 5m, keep_firing_for: 1h, labels: { severity: 2 }, annotations: { empty: , yes: true } }\n  \
         - name: empty\n    rules:\n",
        "rules.yml",
    )
    .unwrap();
    let group = &file.groups[0];
    assert_eq!((group.interval, group.limit), (Some(Duration::from_secs(30)), 0));
    assert_eq!(group.query_offset, Duration::from_secs(5));
    let [Rule::Recording(record), Rule::Alerting(alert)] = group.rules.as_slice() else { panic!("{group:?}") };
    assert_eq!(record.labels, [("site", "tokyo"), ("team", "r")].map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    assert_eq!((alert.hold, alert.keep_firing), (Duration::from_secs(300), Duration::from_secs(3600)));
    assert_eq!(alert.labels["severity"].text(), "2");
    assert_eq!(alert.annotations["empty"].text(), "");
    assert_eq!(file.groups[1].rules.len(), 0);
}

#[test]
fn a_file_without_groups_is_one() {
    for text in ["", "# nothing\n", "groups:\n", "groups: []\n"] {
        assert_eq!(RuleFile::parse(text, "rules.yml").unwrap().groups.len(), 0, "{text:?}");
    }
}

#[test]
fn what_is_wrong_is_said_with_file_group_and_rule() {
    let wrong = of_rule("{ alert: A, expr: 'sum(', labels: { __name__: x }, annotations: { a: '{{ nope }}' } }");
    let lines: Vec<&str> = wrong.lines().collect();
    assert_eq!(lines.len(), 3, "{wrong}");
    for (line, word) in
        lines.iter().zip(["`expr` cannot be parsed", "\"__name__\" cannot name a label", "function `nope`"])
    {
        assert!(line.starts_with("rules.yml: group \"g\", rule 1, \"A\": "), "{line}");
        assert!(line.contains(word), "{line}");
    }
    for (rule, word) in [
        ("{ alert: A, record: b, expr: up }", "both"),
        ("{ expr: up }", "neither"),
        ("{ alert: A }", "`expr` is missing"),
        ("{ record: b, expr: up, for: 1m }", "`for`"),
        ("{ record: b, expr: up, annotations: { a: b } }", "`annotations`"),
        ("{ record: 'b-c', expr: up }", "\"b-c\""),
        ("{ alert: A, expr: up, for: 5 }", "`5` is no duration"),
        ("{ alert: A, expr: up, fro: 1m }", "unknown field `fro`"),
        ("{ alert: A, expr: up, labels: { a-b: c } }", "\"a-b\""),
    ] {
        let wrong = of_rule(rule);
        assert!(wrong.starts_with("rules.yml: ") && wrong.contains(word), "{rule}: {wrong}");
    }
    assert!(refused("groups:\n  - { name: g }\n  - { name: g }\n").contains("two groups of this name"));
    assert!(refused("groups:\n  - { rules: [] }\n").contains("needs a name"));
    assert!(refused("groups: [\n").contains("line"));
}

#[test]
fn a_rule_that_stands_there_twice_is_told_of() {
    let text = "groups:\n  - name: g\n    rules: [{ alert: A, expr: up }, { alert: A, expr: up, labels: { a: b } }, { record: A, expr: up }]\n  \
        - { name: h, rules: [{ alert: A, expr: down }] }\n";
    let told: Vec<String> =
        RuleFile::parse(text, "rules.yml").unwrap().duplicates().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["group \"h\", rule 1, \"A\": a rule before it has the same name and labels"]);
}

#[test]
fn our_own_rules_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../alert-rules");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yml")).collect();
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        RuleFile::read(&file).unwrap_or_else(|refused| panic!("{refused}"));
    }
}

proptest::proptest! {
    /// Whatever stands in a file or a text, it costs an error at most.
    #[test]
    fn no_text_takes_the_process_down(text in ".{0,80}", inner in "[-{}|$.()\"`a-z0-9 :=/*,]{0,60}") {
        let _ = RuleFile::parse(&text, "rules.yml");
        let _ = Template::parse(&text);
        let _ = Template::parse(&format!("{{{{{inner}}}}}"));
    }
}
