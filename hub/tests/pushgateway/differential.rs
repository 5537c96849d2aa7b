//! The same requests to the real Pushgateway and to ours: the same answers, and the same pages afterwards.

use crate::gateway::{Answer, Running, start_ours, start_real};

/// A request: method, target, headers, body.
type Request = (&'static str, String, Vec<(&'static str, &'static str)>, Vec<u8>);

/// Ways to write a path. What only the original gets wrong is tested elsewhere.
const PATHS: &[&str] = &[
    "/metrics/job/j",
    "/metrics/job/j/",
    "/metrics/job/j/a/1",
    "/metrics/job/j/a/",
    "/metrics/job/j/a",
    "/metrics/job/j/a/1/b",
    "/metrics/job/j/a/1/",
    "/metrics/job/j/a-b/1",
    "/metrics/job/j/1a/1",
    "/metrics/job/j/a.b/1",
    "/metrics/job/j/%CE%A0/1",
    "/metrics/job/j/%FF/1",
    "/metrics/job/j/__x/1",
    "/metrics/job/j/__name__/1",
    "/metrics/job/j/__x@base64/YQ",
    "/metrics/job/j/@base64/YQ",
    "/metrics/job/j/a@base64@base64/YQ",
    "/metrics/job/j/a@BASE64/YQ",
    "/metrics/job/j/job/other",
    "/metrics/job/j/a/1/a/2",
    "/metrics/job/j/p@base64/L3Zhci90bXA=",
    "/metrics/job/j/p@base64/L3Zhci90bXA%3D",
    "/metrics/job/j/p@base64/L3Zhci90bXA",
    "/metrics/job/j/p@base64/=",
    "/metrics/job/j/p@base64/==",
    "/metrics/job/j/p@base64/",
    "/metrics/job/j/p@base64/a!b",
    "/metrics/job/j/p@base64/++++",
    "/metrics/job/j/p@base64/YQ==YQ",
    "/metrics/job/j/p@base64/YWJjZ",
    "/metrics/job/j/p@base64/YWJj%0AYWJj",
    "/metrics/job/j/p@base64/YWJj%0A%FF",
    "/metrics/job/j/p@base64/Zm%22%5C",
    "/metrics/job@base64/ai94",
    "/metrics/job@base64/ai94/a/1",
    "/metrics/job@base64/=",
    "/metrics/job@base64/=/a",
    "/metrics/job@base64/",
    "/metrics/job@base64",
    "/metrics/job",
    "/metrics/job/",
    "/metrics/",
    "/metrics",
    "/METRICS/job/j",
    "/metrics/JOB/j/A/b",
    "/metrics/job/j%2Fa%2F1",
    "/metrics/job/j%2Fb",
    "/metrics/job/j/a/%2Fvar",
    "/metrics/job/j//a/1",
    "/metrics/job/j/a//1",
    "/metrics/job/j/./a/1",
    "/metrics/job/j/../k",
    "/metrics/job/j/%2e%2e/k",
    "//metrics/job/j",
    "/metrics/job/j/a//!*()'b%20%22%CE%A0?q=1",
    "/metrics/job/j?x=1&job=other",
    "/metrics/job/j/a/b#c",
    "/metrics/job/j/a/b+c",
    "/metrics/job/j/a/%22%0A%5C",
    "/metrics/job/j/a/Πρ",
    "/metrics/job/j/a/<b>`^|{}",
    "/metrics/job/j/a/x%zz",
    "/metrics/job/j/a/%",
    "/metrics/job/%78/%79/z",
    "/",
    "/?x=1",
    "/status/",
    "/Status",
    "/-/healthy",
    "/-/healthy/",
    "/-/Healthy",
    "/-/ready",
    "/-/reload",
    "/-/quit",
    "/api/v1/nope",
    "/api/v1",
    "/nope",
];

/// Bodies, good and bad.
const BODIES: &[&str] = &[
    "",
    "\n",
    "# only a comment\n",
    "a 1\n",
    "a 1",
    "a{} 1\n",
    "a{x=\"1\",} 1\n",
    "a{,} 1\n",
    "a { x = \"1\" , y = \"2\" } \t 1\n",
    "  \ta 1\n",
    "a 1 \n",
    "a 1\r\n",
    "a 1 5\n",
    "a 1 5 6\n",
    "a 1 # {x=\"y\"} 1\n",
    "a NaN\nb +Inf\nc -Inf\nd inf\ne 1E3\nf .5\ng 5.\nh -0\ni 1e-400\nj 0.00001\nk 1234567\nl 123456\n",
    "a 1e400\n",
    "a 0x10\n",
    "a 1_0\n",
    "a +NaN\n",
    "a{x=\"\\\\\\\"\\n\"} 1\n",
    "a{x=\"\\t\"} 1\n",
    "a{x=\"1\",x=\"2\"} 1\n",
    "a{__name__=\"x\"} 1\n",
    "a{__x=\"1\"} 1\n",
    "a{x=\"1\"\n} 1\n",
    "a{x=1} 1\n",
    "a{x} 1\n",
    "a-b 1\n",
    "é 1\n",
    "a é\n",
    "a \u{a0}1\n",
    "a 1\na 2\n",
    "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\nb 1\n",
    "a{job=\"x\"} 1\na{job=\"y\"} 2\n",
    "a{instance=\"i\",job=\"other\"} 1\na{instance=\"\"} 2\n",
    "a{x=\"\"} 1\na 2\n",
    "# TYPE a counter\na 1\n",
    "# TYPE a GAUGE\n# HELP a some \\\\ help\\n\na{z=\"é\"} 1e6\n",
    "# TYPE a info\na 1\n",
    "# TYPE a\na 1\n",
    "# TYPE a counter\n# TYPE a counter\na 1\n",
    "a 1\n# TYPE a counter\n",
    "# HELP a x\n# HELP a y\na 1\n",
    "a 1\n# HELP a late\n",
    "# HELP a \\x\na 1\n",
    "#TYPE a counter\na 1\n# EOF\n# UNIT a x\n",
    "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"1e3\"} 2.9\nh_sum 4.5\nh_count 3\n",
    "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"0.5\"} 2\n",
    "# TYPE h histogram\nh_count{x=\"1\"} 3\nh_count{x=\"2\"} 4\nh_sum{x=\"2\"} 5\nh 6\n",
    "# TYPE h histogram\nh_bucket{le=\"x\"} 1\n",
    "# TYPE s summary\ns{quantile=\"0.9\"} 2\ns{quantile=\"0.5\"} 1\ns_sum 10\ns_count 5\n",
    "# TYPE s summary\ns{quantile=\"x\"} 2\n",
    "# TYPE s summary\ns_bucket{le=\"1\"} 2\ns_sum 10\n",
    "h_sum 1\n# TYPE h histogram\nh_count 1\n",
    "h_bucket 1\n# TYPE h histogram\nh_count 1\n",
    "s_count 1\n# TYPE s summary\ns_sum 1\n",
    "# TYPE h histogram\nh_count 1\n# TYPE h_count gauge\n",
    "go_goroutines 1\n",
    "go_gc_duration_seconds_sum 1\n",
    "z 1\nm 1\na 1\n",
    "<html></html>\n",
    "{\"a\": 1}\n",
    "a,x=1 value=1\n",
];

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// All requests, in their order.
fn requests() -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    let mut add = |method, target: &str, headers: &[_], body: &[u8]| {
        requests.push((method, target.to_owned(), headers.to_vec(), body.to_vec()));
    };
    for path in PATHS {
        for method in ["POST", "PUT", "GET", "DELETE", "OPTIONS", "PATCH"] {
            // The page is our own, and the real one stops here.
            let is_page = matches!(*path, "/" | "/?x=1") && method == "GET";
            let is_telemetry = path.starts_with("/metrics") && !path.contains("job") && method == "GET";
            if !is_page && !is_telemetry {
                add(method, path, &[], b"a 1\n");
            }
        }
    }
    for (number, body) in BODIES.iter().enumerate() {
        add("POST", "/metrics/job/body/k/same", &[], body.as_bytes());
        add("PUT", &format!("/metrics/job/body/n/{number}"), &[], body.as_bytes());
        add("POST", "/metrics/job/body/instance/i/x/url", &[], body.as_bytes());
    }
    let stamps =
        "push_time_seconds 5\n# TYPE push_failure_time_seconds counter\npush_failure_time_seconds{x=\"1\"} 6\n";
    add("POST", "/metrics/job/stamps", &[], stamps.as_bytes());
    // One group's push against another's.
    for (target, body) in [
        ("/metrics/job/t/g/1", "# TYPE t counter\nt 1\n"),
        ("/metrics/job/t/g/2", "# TYPE t gauge\nt 1\nok 1\n"),
        ("/metrics/job/t/g/2", "# TYPE t counter\n# HELP t other\nt{x=\"1\"} 1\n"),
        ("/metrics/job/t/g/1", "# TYPE u summary\nu_count 1\n"),
        ("/metrics/job/t/g/2", "u_sum 1\n"),
        ("/metrics/job/t/g/2", "u_bucket 1\n"),
        ("/metrics/job/t", "# TYPE t counter\nt{g=\"1\"} 1\n"),
        ("/metrics/job/t/quantile/1", "# TYPE v summary\nv{quantile=\"1\"} 1\n"),
    ] {
        add("POST", target, &[], body.as_bytes());
    }
    for kind in [
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "application/vnd.google.protobuf",
        "application/vnd.google.protobuf; encoding=delimited",
        "application/vnd.google.protobuf; proto=foo.Bar; encoding=delimited",
        PROTOBUF,
        "Application/Vnd.Google.Protobuf; encoding=\"delimited\"; proto=\"io.prometheus.client.MetricFamily\"",
    ] {
        let family = b"\x14\n\x03pbm\x18\x01\"\x0b\x12\t\t\x00\x00\x00\x00\x00\x00\xf0?";
        add("POST", "/metrics/job/kind", &[("Content-Type", kind)], b"a 1\n");
        add("POST", "/metrics/job/kind", &[("Content-Type", kind)], family);
    }
    for body in [
        &b"\x1c\n\x03pbm\x18\x00\"\x13\n\x06\n\x01a\x12\x01b\x1a\t\t\x00\x00\x00\x00\x00\x00\x08@"[..],
        b"\x14\n\x03pbn\x18\x00\"\x0b\x12\t\t\x00\x00\x00\x00\x00\x00\xf0?",
        b"\x16\n\x03pbo\x18\x01\"\r\x12\t\t\x00\x00\x00\x00\x00\x00\xf0?0\x05",
        b"\x14\n\x03pbm",
    ] {
        add("POST", "/metrics/job/pb", &[("Content-Type", PROTOBUF)], body);
    }
    let gzipped = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x54\x30\xe4\x02\x00\x36\xe7\x1b\xbc\x04\x00\x00\x00";
    for (encoding, body) in
        [("gzip", &gzipped[..]), ("gzip", b""), ("gzip", b"a 1\n"), ("gzip", &gzipped[..6]), ("identity", b"a 1\n")]
    {
        add("POST", "/metrics/job/gzip", &[("Content-Encoding", encoding)], body);
    }
    add("GET", "/-/healthy", &[("Content-Encoding", "gzip")], b"");
    add("DELETE", "/metrics/job/gzip", &[("Content-Encoding", "gzip")], b"");
    add("POST", "/metrics/job/chunked", &[("Transfer-Encoding", "chunked")], b"4\r\na 1\n\r\n0\r\n\r\n");
    requests
}

/// What people see of an answer.
fn seen(answer: &Answer) -> String {
    let header = |name| answer.header(name).unwrap_or_default().to_owned();
    let text = answer.text();
    // Which of two contradicting families is named, and so how many series, depends on the order of a map in the original.
    let chance = ["is not a ", "error(s) occurred", "collides with"];
    let text = match text.split_once("existing metrics: ") {
        Some((begin, reason)) if chance.iter().any(|word| reason.contains(word)) => begin.to_owned(),
        _ => text,
    };
    let kind = if answer.status == 200 && text.is_empty() { String::new() } else { header("content-type") };
    format!(
        "{} {:?} {:?} {:?} {kind:?} {text:?}",
        answer.status,
        header("location"),
        header("allow"),
        header("x-content-type-options")
    )
}

/// Differences that are meant: the original stores, or stores a stamp, where it should not; see docs/pushgateway.md.
fn is_meant(request: &Request) -> bool {
    let (method, target, ..) = request;
    // The path that scripts of other origins may use is shorter here: they may read.
    *method == "OPTIONS" && target.starts_with("/api/v1")
}

fn groups(gateway: &Running) -> Vec<String> {
    let mut json: serde_json::Value =
        serde_json::from_slice(&gateway.request("GET", "/api/v1/metrics", &[], b"").body).unwrap();
    let mut groups: Vec<String> = Vec::new();
    for group in json["data"].as_array_mut().unwrap() {
        for (name, family) in group.as_object_mut().unwrap() {
            if let Some(family) = family.as_object_mut() {
                family.remove("time_stamp");
                if name.starts_with("push_") {
                    let value = &mut family["metrics"][0]["value"];
                    *value = (value != "0").into();
                }
            }
        }
        // Ours prints a negative zero as it does on the page for Prometheus.
        groups.push(group.to_string().replace("\"-0\"", "\"0\""));
    }
    groups.sort();
    groups
}

#[test]
fn the_real_pushgateway_and_ours_answer_alike() {
    let dir = tempfile::tempdir().unwrap();
    let (real, ours) = (start_real(dir.path(), &[]), start_ours(dir.path(), "sync: never"));
    let mut differences = Vec::new();
    let requests = requests();

    for request in requests.iter().filter(|request| !is_meant(request)) {
        let (method, target, headers, body) = request;
        let answers = [&real, &ours].map(|gateway| seen(&gateway.request(method, target, headers, body)));
        if answers[0] != answers[1] {
            let [real, ours] = answers;
            let body = String::from_utf8_lossy(body);
            differences.push(format!("{method} {target} {headers:?} {body:?}\n   real {real}\n   ours {ours}"));
        }
    }

    let (asked, differ) = (requests.len(), differences.len());
    println!("{asked} requests, {differ} answers differ");
    assert!(differences.is_empty(), "{differ} of {asked} differ:\n{}", differences.join("\n"));
    assert_eq!(ours.pushed_lines(), real.pushed_lines());
    let (ours, real) = (groups(&ours), groups(&real));
    let missing: Vec<_> = real.iter().filter(|group| !ours.contains(group)).collect();
    let too_many: Vec<_> = ours.iter().filter(|group| !real.contains(group)).collect();
    assert!(missing.is_empty() && too_many.is_empty(), "real {missing:#?}\nours {too_many:#?}");
}
