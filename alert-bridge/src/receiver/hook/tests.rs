use super::*;
use crate::compose::compose;
use crate::language::Language;
use crate::webhook;

fn message(delivery: &str) -> Message {
    let body = include_bytes!("../../../testdata/alertmanager/partial_resolve-02.json");
    let mut message = compose(&webhook::parse(body).unwrap(), Language::En).unwrap();
    message.incident = "i1".to_owned();
    message.delivery = delivery.to_owned();
    message
}

#[test]
fn a_program_gets_all_there_is_to_know() {
    insta::assert_json_snapshot!(Body::of(&[message("i1-1")]));
}

#[test]
fn a_repetition_bears_the_same_id() {
    assert_eq!(id(&[message("i1-1")], b"x"), "i1-1");
    let two = [message("i1-1"), message("i1-2")];
    assert_eq!(id(&two, b"x"), id(&two, b"y"));
    assert_ne!(id(&two, b"x"), id(&two[..1], b"x"));
    assert!(id(&two, b"x").starts_with("msg_"));
    // Nothing to go by: what is the same is the same.
    assert_eq!(id(&[message("")], b"x"), id(&[message("")], b"x"));
    assert_ne!(id(&[message("")], b"x"), id(&[message("")], b"y"));
}

#[test]
fn an_answer_means_done_wait_dead_refused_or_trouble() {
    let url = "https://hook.example/x".into();
    let url = Endpoint::parse(&url, crate::receiver::endpoint::PlainHttp::Private).unwrap();
    let hook = Hook::new(url, SigningKey::parse(&"0123456789abcdef".into()).unwrap()).unwrap();
    let read = |status: u16, headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        hook.read(StatusCode::from_u16(status).unwrap(), &headers, b"said\n")
    };
    assert_eq!(read(204, &[]), Answer::Done { id: None, form: Form::AsComposed });
    assert_eq!(read(410, &[]), Answer::Dead("410 Gone: said".into()));
    assert_eq!(read(302, &[("location", "https://elsewhere.example")]), Answer::Dead("302 Found: said".into()));
    assert_eq!(read(422, &[]), Answer::Refused("422 Unprocessable Entity: said".into()));
    assert_eq!(read(500, &[]), Answer::Trouble("500 Internal Server Error: said".into()));
    assert_eq!(read(429, &[]), Answer::Trouble("429 Too Many Requests: said".into()));
    assert_eq!(read(503, &[("retry-after", "7")]), Answer::Wait);
    assert!(hook.opens_at(Deed::Post) > Instant::now() + std::time::Duration::from_secs(6));
}
