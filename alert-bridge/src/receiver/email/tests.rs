use super::compose::Writer;
use super::*;
use crate::compose::compose as compose_message;
use crate::kind::Occasion;
use crate::language::Language;
use crate::webhook;

fn config(more: &str) -> EmailConfig {
    let text = format!(
        r#"{{"smarthost":"localhost:25","tls":"none","from":"Noroshi <noroshi@example.org>","to":["Ops 狼煙 <ops@example.org>"],"zone":"Asia/Tokyo"{more}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn message(name: &str, language: Language) -> Message {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/alertmanager/{name}.json"));
    let mut message = compose_message(&webhook::parse(&std::fs::read(file).unwrap()).unwrap(), language).unwrap();
    message.incident = "incident-1".to_owned();
    message.delivery = "incident-1-1".to_owned();
    message
}

fn write(messages: &[Message]) -> (String, String) {
    let letter = Writer::new(&config(""), Templates::default()).write(messages).unwrap();
    (letter.id, String::from_utf8(letter.raw).unwrap())
}

fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    mail.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_mails_about_one_incident_are_a_thread() {
    let mut message = message("host_down-01", Language::En);
    let (root, first) = write(std::slice::from_ref(&message));
    assert_eq!(write(std::slice::from_ref(&message)).0, root, "a repetition bears the same id");
    assert_eq!((header(&first, "In-Reply-To"), header(&first, "References")), (None, None));

    message.occasion = Occasion::Update;
    message.delivery = "incident-1-2".to_owned();
    let (id, second) = write(std::slice::from_ref(&message));
    assert_ne!(id, root);
    let root = format!("<{root}>");
    assert_eq!(header(&second, "In-Reply-To"), Some(root.as_str()));
    assert_eq!(header(&second, "References"), Some(root.as_str()));
    assert_eq!(header(&second, "Message-ID"), Some(format!("<{id}>").as_str()));
}

#[test]
fn no_label_gets_into_the_headers_or_becomes_html() {
    let mut message = message("host_down-01", Language::En);
    message.title = "x\r\nBcc: victim@example.org".to_owned();
    message.text = "<script>alert(1)</script>\n.\n".to_owned();
    let (_, mail) = write(std::slice::from_ref(&message));
    assert_eq!(header(&mail, "Bcc"), None);
    assert!(!html::card(&message, &|moment| moment.to_string(), &|_| None).contains("<script"));
    assert!(mail.is_ascii() && mail.lines().all(|line| line.len() <= 998));
}

#[test]
fn what_is_urgent_is_marked_and_only_when_it_is_new() {
    let mut message = message("host_down-01", Language::En);
    assert_eq!(header(&write(std::slice::from_ref(&message)).1, "Importance"), Some("high"));
    message.newly_firing.clear();
    assert_eq!(header(&write(std::slice::from_ref(&message)).1, "Importance"), None);
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let check = |more| config(more).check().map_err(|error| error.to_string());
    assert_eq!(check(""), Ok(()));
    assert!(check(r#","user":"noroshi""#).unwrap_err().contains("go together"));
    let remote = EmailConfig { smarthost: "smtp.example.org:25".to_owned().try_into().unwrap(), ..config("") };
    assert_eq!(remote.check(), Err(MailMismatch::ClearText));
    assert_eq!(EmailConfig { to: Vec::new(), ..config("") }.check(), Err(MailMismatch::NobodyToWriteTo));
}

#[test]
fn a_card_in_html_and_a_text_say_the_same() {
    let message = message("partial_resolve-02", Language::Ja);
    insta::assert_snapshot!(html::card(&message, &|moment| moment.to_string(), &|_| None));
}
