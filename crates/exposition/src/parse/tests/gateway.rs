//! Held against the verdicts of a Pushgateway 1.5.1, which `testdata/malformed.json` has recorded.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[derive(serde::Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    body: String,
    body_b64: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    status: u16,
    error: String,
}

/// Bodies in which nothing is wrong: the gateway refuses them for what it does with them.
const FOR_ANOTHER_REASON: [&str; 2] = [
    // The two series are one once the label `job` is the gateway's.
    "text: duplicate after job overwrite",
    // The gateway has a metric of that name itself.
    "text: own metric, other type",
];

#[test]
fn a_gateway_would_say_the_same() {
    let file: File = serde_json::from_str(include_str!("../../../testdata/malformed.json")).unwrap();
    let is_text = |case: &&Case| case.content_type.is_none() && case.content_encoding.is_none();
    let mut seen = 0;
    for Case { name, body, body_b64, status, error, .. } in file.cases.iter().filter(is_text) {
        let body = body_b64.as_ref().map_or_else(|| body.clone().into_bytes(), |text| STANDARD.decode(text).unwrap());
        let ours = parse(&body, &Limits::NONE);
        if *status == 200 || FOR_ANOTHER_REASON.contains(&name.as_str()) {
            assert!(ours.is_ok(), "{name}: {ours:?}");
        } else if let Some(theirs) = error.strip_prefix("text format parsing error in ") {
            assert_eq!(format!("{}\n", ours.unwrap_err()), *theirs, "{name}");
        } else {
            // Refused for what it means: the gateway names no line then, and we do.
            let ours = ours.unwrap_err().fault;
            assert!(matches!(ours, Fault::HasTimestamp | Fault::Refused(_)), "{name}: {ours}");
        }
        seen += 1;
    }
    // The other twenty are compressed or protobuf, which is not read here.
    assert_eq!((seen, file.cases.len()), (135, 155));
}

/// A label that the gateway overwrites keeps no series apart.
#[test]
fn series_that_a_gateway_would_make_one_are_found_by_relabelling() {
    let page = read("m{job=\"a\"} 1\nm{job=\"b\"} 1\n").unwrap();
    let one = |_| crate::Labels::new([("job", "web")]).unwrap();
    let error = page.find("m").unwrap().clone().relabel(one).unwrap_err();
    assert_eq!(error.to_string(), "the series m{job=\"web\"} has a value already");
}
