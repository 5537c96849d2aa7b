use std::fs;
use std::path::Path;

use super::*;
use crate::compose::compose;
use crate::language::Language;
use crate::webhook;

fn read(name: &str, language: Language) -> Message {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/alertmanager").join(format!("{name}.json"));
    compose(&webhook::parse(&fs::read(file).unwrap()).unwrap(), language).unwrap()
}

fn card(messages: &[Message]) -> Payload {
    let mentions = serde_json::from_str(r#"{"critical":"S012ABC","warning":"here"}"#).unwrap();
    card::card(messages, &Style { username: None, mentions }, &Templates::default())
}

#[test]
fn a_card_reads_well() {
    for (name, language) in [
        ("host_down-01", Language::En),
        ("host_down-02", Language::En),
        ("japanese-02", Language::Ja),
        ("partial_resolve-02", Language::Ja),
        ("markdown_mentions-01", Language::En),
    ] {
        insta::assert_json_snapshot!(format!("{name}.{}", language.suffix()), card(&[read(name, language)]));
    }
}

#[test]
fn no_real_notification_breaks_slacks_limits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/alertmanager");
    let mut all = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        for language in [Language::En, Language::Ja] {
            let message = read(name, language);
            assert_eq!(payload::violations(&card(std::slice::from_ref(&message))), Vec::<String>::new(), "{name}");
            all.push(message);
        }
    }
    // As many as fit, from each of them on.
    for start in 0..all.len() {
        let count = card::fits(&all[start..]);
        assert_eq!(
            payload::violations(&card(&all[start..start + count])),
            Vec::<String>::new(),
            "from {start}, {count}"
        );
    }
}

#[test]
fn every_alert_of_many_messages_is_named() {
    let mut messages = Vec::new();
    for number in 0..40 {
        let mut message = read("host_down-01", Language::En);
        message.title = format!("HostDown — db-{number}");
        message.entries[0].name = format!("db-{number}");
        messages.push(message);
    }
    let count = card::fits(&messages);
    assert!(count >= 10, "{count}");
    let text = serde_json::to_string(&card(&messages[..count])).unwrap();
    for number in 0..count {
        assert!(text.contains(&format!("— db-{number}>")), "db-{number} in {text}");
    }
}

#[test]
fn nobody_is_called_for_what_is_known_already() {
    let mut message = read("host_down-01", Language::En);
    assert!(card(std::slice::from_ref(&message)).text.starts_with("<!subteam^S012ABC> 🔴"));
    message.newly_firing.clear();
    assert!(card(std::slice::from_ref(&message)).text.starts_with("🔴"));
}

#[test]
fn bare_text_names_them_too() {
    let message = read("group500-02", Language::En);
    let plain = card::plain(std::slice::from_ref(&message), &Style::default());
    assert_eq!(payload::violations(&plain), Vec::<String>::new());
    assert!(plain.attachments.is_empty() && plain.text.contains("more"));
}
