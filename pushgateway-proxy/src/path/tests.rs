use super::*;
use proptest::prelude::*;

#[test]
fn what_clients_send_passes_byte_for_byte() {
    for path in [
        "/metrics/job/xserver-bot",
        "/metrics/job/host/instance/web-1",
        "/metrics/job/host/",
        "/metrics/job/host/a/",
        "/metrics/job/a+b/path/C:%5Cx%22y",
        "/metrics/job/ジョブ/instance/%E3%81%82",
        "/metrics/job/100%25/a/b%2Fc/d",
        "/metrics/job/a/b/...",
        "/metrics/job/a/b/.hidden",
        "/metrics/job@base64/L3Zhci90bXA",
        "/metrics/job@base64/L3Zhci90bXA=",
        "/metrics/job@base64/L3Zhci90bXA%3D/a@base64/=",
        "/metrics/job/a/b@base64/",
        "/metrics/job/line%0Abreak",
    ] {
        assert_eq!(PushPath::parse(path).map(|path| path.written), Ok(path.to_owned()));
    }
}

#[test]
fn everything_but_pushes_is_not_served() {
    for path in [
        "",
        "/",
        "*",
        "/metrics",
        "/metrics/",
        "/metrics/job",
        "/METRICS/job/a",
        "/metrics/jobs/a",
        "//metrics/job/a",
        "/./metrics/job/a",
        "/metrics/../api/v1/admin/wipe",
        "/metrics%2fjob/a",
        "/metrics/job%2Fa",
        "/api/v1/status",
        "/-/healthy",
        "/-/quit",
        "/pfx/metrics/job/a",
    ] {
        assert_eq!(PushPath::parse(path), Err(PathError::NotAPush), "{path}");
    }
}

#[test]
fn a_path_that_could_be_read_as_another_is_refused() {
    for path in [
        "/metrics/job/",
        "/metrics/job//",
        "/metrics/job//a",
        "/metrics/job/a//b",
        "/metrics/job/a//",
        "/metrics/job/.",
        "/metrics/job/..",
        "/metrics/job/../../api/v1/admin/wipe",
        "/metrics/job/a/./b",
        "/metrics/job/%2e%2e/x",
        "/metrics/job/%2E./x",
        "/metrics/job/a/..%2f..%2f..%2fapi",
        "/metrics/job/%2Fa",
        "/metrics/job/a/b/%2F",
        "/metrics/job/%252e%252e/x",
        "/metrics/job/x%252F..%252F..%252Fapi",
        "/metrics/job/%252e%252e/%25zz",
        "/metrics/job@base64/../x",
    ] {
        assert_eq!(PushPath::parse(path), Err(PathError::UnsteadySegment), "{path}");
    }
}

#[test]
fn what_is_no_text_is_refused_before_it_can_poison_the_gateway() {
    let job = || PathError::NotBase64 { name: "job".into() };
    assert_eq!(PushPath::parse("/metrics/job/a%00b"), Err(PathError::ControlCharacter));
    assert_eq!(PushPath::parse("/metrics/job/a\u{1}b"), Err(PathError::ControlCharacter));
    assert_eq!(PushPath::parse("/metrics/job/a\u{7f}b"), Err(PathError::ControlCharacter));
    assert_eq!(PushPath::parse("/metrics/job/a%zz"), Err(PathError::BrokenEscape));
    assert_eq!(PushPath::parse("/metrics/job/a%2"), Err(PathError::BrokenEscape));
    assert_eq!(PushPath::parse("/metrics/job/%FF"), Err(PathError::NotText));
    assert_eq!(PushPath::parse("/metrics/job/a/instance@base64/_w"), Err(PathError::NotText));
    assert_eq!(PushPath::parse("/metrics/job@base64/a$b"), Err(job()));
    assert_eq!(PushPath::parse("/metrics/job@base64/a%24b"), Err(job()));
    assert_eq!(PushPath::parse(&format!("/metrics/job/{}", "a".repeat(9000))), Err(PathError::TooLong));
}

#[test]
fn a_group_is_what_the_gateway_understands() {
    let group = |path: &str| {
        let path = PushPath::parse(path).unwrap();
        path.group().labels().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    };
    assert_eq!(group("/metrics/job/host"), "job=host");
    assert_eq!(group("/metrics/job/host/"), "job=host");
    assert_eq!(group("/metrics/job/host/instance/"), "job=host,instance=");
    assert_eq!(group("/metrics/job/a%20b/instance/%E3%81%82"), "job=a b,instance=あ");
    assert_eq!(group("/metrics/job/a%2Fb/c"), "job=a,b=c", "decoded first, split then");
    assert_eq!(group("/metrics/job@base64/L3Zhci90bXA/x@base64/="), "job=/var/tmp,x=");
    assert_eq!(group("/metrics/job/a/x/1/x/2"), "job=a,x=2", "the last counts");
    assert_eq!(group("/metrics/job/a/job/b/instance/c"), "job=a,instance=c", "the first job counts");
    assert_eq!(group("/metrics/job/a/job@base64/Yg"), "job=a");
}

#[test]
fn labels_that_the_gateway_does_not_take_are_refused_in_its_words() {
    let error = |path: &str| PushPath::parse(path).unwrap_err().to_string();
    assert_eq!(error("/metrics/job/j/a"), "odd number of components in label string \"/a\"");
    assert_eq!(error("/metrics/job/j/a/1/b"), "odd number of components in label string \"/a/1/b\"");
    for name in ["a-b", "a:b", "1a", "__x", "__name__", "a.b", "é", "a@BASE64"] {
        assert_eq!(error(&format!("/metrics/job/j/{name}/x")), format!("improper label name \"{name}\""));
    }
    assert_eq!(error("/metrics/job@base64/="), "job name is required");
}

#[test]
fn a_line_break_in_a_name_does_not_begin_a_line_of_its_own_in_the_log() {
    let error = PushPath::parse("/metrics/job/a/x%0A2026-01-01%20ERROR%1b%5b31m@base64/!").unwrap_err().to_string();
    assert_eq!(error, r#"improper label name "x\n2026-01-01 ERROR\u{1b}[31m""#);
}

proptest! {
    #[test]
    fn no_path_that_passes_can_leave_the_groups(rest in "(/|\\.|%|2|e|E|f|F|5|a|@base64|job|=|\\PC){0,24}") {
        let path = format!("/metrics/job/{rest}");
        if PushPath::parse(&path).is_ok() {
            let mut reading = path;
            for _ in 0..3 {
                prop_assert!(reading.starts_with("/metrics/job/"));
                let mut segments: Vec<&str> = reading[1..].split('/').collect();
                if segments.last() == Some(&"") { segments.pop(); }
                let is_odd = |segment: &&str| segment.is_empty() || *segment == "." || *segment == "..";
                prop_assert!(!segments.iter().any(is_odd), "{}", reading);
                reading = String::from_utf8_lossy(&decode(&reading).0).into_owned();
            }
        }
    }
}
