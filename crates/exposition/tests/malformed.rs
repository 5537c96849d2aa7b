//! Held against the verdicts of a Pushgateway 1.5.1, which `testdata/malformed.json` has recorded.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exposition::encoding::{Encoding, decode};
use exposition::{Class, Families, Limits, parse, protobuf};

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

impl Case {
    fn body(&self) -> Vec<u8> {
        self.body_b64.as_ref().map_or_else(|| self.body.clone().into_bytes(), |text| STANDARD.decode(text).unwrap())
    }
}

/// Bodies in which nothing is wrong: the gateway refuses them for what it does with them.
const FOR_ANOTHER_REASON: [&str; 2] = [
    // The two series are one once the label `job` is the gateway's.
    "text: duplicate after job overwrite",
    // The gateway has a metric of that name itself.
    "text: own metric, other type",
];

/// Bodies that are cut off, and of which 1.5.1 takes what it got for all there was: its successors refuse them.
const NOT_WHOLE: [&str; 4] = [
    "gzip, cut in the data",
    "gzip, cut in the trailer (1.5.1 accepts: bug)",
    "gzip, bad CRC (1.5.1 accepts: bug)",
    "pb: cut length (1.5.1 accepts: bug)",
];

/// Why a body was refused.
enum Refused {
    Encoding(String),
    Page(exposition::ParseError),
}

fn read(case: &Case) -> Result<Families, Refused> {
    let mut body = case.body();
    if let Some(encoding) = case.content_encoding.as_deref().and_then(Encoding::from_name) {
        body = decode(encoding, &body, 1 << 20).map_err(|error| Refused::Encoding(error.to_string()))?;
    }
    let page = match &case.content_type {
        Some(_) => protobuf::parse(&body, &Limits::NONE),
        None => parse(&body, &Limits::NONE),
    };
    page.map_err(Refused::Page)
}

/// Holds our reason against the gateway's.
fn check(case: &Case, refused: Refused) {
    let name = &case.name;
    let theirs = case.error.trim_end_matches('\n');
    let error = match refused {
        Refused::Encoding(ours) => return assert!(NOT_WHOLE.contains(&&**name) || ours == theirs, "{name}: {ours}"),
        Refused::Page(error) => error,
    };
    if NOT_WHOLE.contains(&&**name) {
        assert_eq!(error.fault.class(), Class::Malformed, "{name}: {error}");
    } else if let Some(theirs) = theirs.strip_prefix("text format parsing error in ") {
        assert_eq!((error.to_string(), error.fault.class()), (theirs.to_owned(), Class::Malformed), "{name}");
    } else if let Some(theirs) = theirs.strip_prefix(INCONSISTENT) {
        assert_eq!(error.fault.class(), Class::Inconsistent, "{name}: {error}");
        // The gateway spells out the series between the metric's name and what is wrong with it.
        let reason = theirs.rsplit_once("} ").map_or(theirs, |(_, reason)| reason);
        let collision = theirs.contains(" collides with ");
        assert!(collision || error.fault.to_string().ends_with(reason), "{name}: {error}: {reason}");
    } else {
        assert_eq!((error.fault.to_string(), error.fault.class()), (theirs.to_owned(), Class::Malformed), "{name}");
    }
}

const INCONSISTENT: &str = "pushed metrics are invalid or inconsistent with existing metrics: ";

#[test]
fn a_gateway_would_say_the_same() {
    let file: File = serde_json::from_str(include_str!("../testdata/malformed.json")).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for case in &file.cases {
        let is_taken = case.status == 200 && !NOT_WHOLE.contains(&&*case.name);
        match read(case) {
            Ok(_) => {
                assert!(is_taken || FOR_ANOTHER_REASON.contains(&&*case.name), "{} was taken", case.name);
                taken += 1;
            }
            Err(reason) => {
                assert!(!is_taken, "{} was refused", case.name);
                check(case, reason);
                refused += 1;
            }
        }
    }
    assert_eq!((taken, refused), (6, 149));
}
