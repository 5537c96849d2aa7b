use promql::Point;
use series::Sample;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn expand(text: &str, value: f64) -> String {
    let template = Template::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
    let query = |text: &str| match text {
        "none" => Ok(Vec::new()),
        "broken" => Err("it is broken".to_owned()),
        _ => Ok([("b", 2.0), ("a", 1.5)]
            .map(|(host, value)| Point { labels: labels(&[("host", host)]), sample: Sample::new(0, value) })
            .to_vec()),
    };
    template.expand(&Subject {
        alert: "A",
        labels: &labels(&[("instance", "web-1.example.org:9100"), ("job", "node")]),
        value,
        external_labels: &labels(&[("site", "tokyo")]),
        external_url: "https://mon.example.org/prom",
        query: &query,
    })
}

#[test]
fn labels_and_the_value_are_filled_in() {
    assert_eq!(expand("{{ $labels.job }} {{.Labels.job}}={{ $value }}", 0.5), "node node=0.5");
    assert_eq!(expand("[{{ $labels.nothing }}]{{ or $labels.nothing $labels.job }}", 0.0), "[]node");
    assert_eq!(
        expand("{{ $externalLabels.site }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}", 0.0),
        "tokyo https://mon.example.org/prom https://mon.example.org/prom /prom"
    );
    assert_eq!(expand("{{ $labels }}", 0.0), "map[instance:web-1.example.org:9100 job:node]");
}

#[test]
fn numbers_are_written_as_go_writes_them() {
    for (value, wanted) in [
        (1.0, "1"),
        (1e6, "1e+06"),
        (123_456.0, "123456"),
        (1_234_567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (-2.5, "-2.5"),
        (0.1 + 0.2, "0.30000000000000004"),
    ] {
        assert_eq!(expand("{{ $value }}", value), wanted);
    }
}

#[test]
fn numbers_for_people() {
    for (function, value, wanted) in [
        ("humanize", 1_234_567.0, "1.235M"),
        ("humanize", 0.001_2, "1.2m"),
        ("humanize", 0.0, "0"),
        ("humanize1024", 1_048_576.0, "1Mi"),
        ("humanize1024", 0.5, "0.5"),
        ("humanizeDuration", 3661.9, "1h 1m 1s"),
        ("humanizeDuration", 0.0015, "1.5ms"),
        ("humanizeDuration", 90_061.0, "1d 1h 1m 1s"),
        ("humanizeDuration", -75.0, "-1m 15s"),
        ("humanizeDuration", 59.999_9, "60s"),
        ("humanizePercentage", 0.123_456, "12.35%"),
        ("humanizeTimestamp", 1_435_065_584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ("humanizeTimestamp", 0.0, "1970-01-01 00:00:00 +0000 UTC"),
    ] {
        assert_eq!(expand(&format!("{{{{ $value | {function} }}}}"), value), wanted, "{function} {value}");
    }
}

#[test]
fn printf_follows_go() {
    for (text, wanted) in [
        (r#"{{ printf "%.2f" $value }}"#, "1.50"),
        (r#"{{ $value | printf "%6.1f|" }}"#, "   1.5|"),
        (r#"{{ printf "%-6s|%06.2f|%+d" $labels.job $value 7 }}"#, "node  |001.50|+7"),
        (r#"{{ printf "%q %v %t %x %%" "a\"b" 3 true 255 }}"#, r#""a\"b" 3 true ff %"#),
        (r#"{{ printf "%d" $value }}"#, "%!d(float64=1.5)"),
        (r#"{{ printf "%s" }}"#, "%!s(MISSING)"),
        (r#"{{ printf "x" 1 }}"#, "x%!(EXTRA int=1)"),
        (r#"{{ print 1 2 "a" 3 }}"#, "1 2a3"),
    ] {
        assert_eq!(expand(text, 1.5), wanted, "{text}");
    }
}

#[test]
fn blocks_choose_and_repeat() {
    assert_eq!(expand("{{ if gt $value 1.0 }}high{{ else if eq $value 1.0 }}on{{ else }}low{{ end }}", 1.0), "on");
    assert_eq!(
        expand("{{ range query \"x\" | sortByLabel \"host\" }}{{ .Labels.host }}={{ .Value }} {{ end }}", 0.0),
        "a=1.5 b=2 "
    );
    assert_eq!(
        expand("{{ range $i, $s := query \"x\" }}{{ $i }}{{ label \"host\" $s }}{{ else }}none{{ end }}", 0.0),
        "0b1a"
    );
    assert_eq!(expand("{{ range query \"none\" }}x{{ else }}nothing{{ end }}", 0.0), "nothing");
    assert_eq!(expand("{{ with query \"x\" }}{{ . | first | value | humanize }}{{ end }}", 0.0), "2");
    assert_eq!(expand("{{ $x := \"a\" }}{{ if true }}{{ $x = \"b\" }}{{ end }}{{ $x }}", 0.0), "b");
    assert_eq!(expand("a  {{- /* why */ -}}  b {{- \"c\" }}", 0.0), "abc");
    assert_eq!(
        expand("{{ (query \"x\" | first).Labels.host }} {{ len $labels }} {{ index $labels \"job\" }}", 0.0),
        "b 2 node"
    );
}

#[test]
fn texts_are_changed() {
    assert_eq!(expand(r#"{{ title "a bc-d" }} {{ toUpper "x" }} {{ toLower "X" }}"#, 0.0), "A Bc-D X x");
    assert_eq!(expand(r#"{{ reReplaceAll "(.*):\\d+" "$1" $labels.instance }}"#, 0.0), "web-1.example.org");
    assert_eq!(
        expand(
            r#"{{ match "^web-[0-9]+" $labels.instance }} {{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}"#,
            0.0
        ),
        "true web-1.example.org web-1:9100"
    );
    assert_eq!(expand(r#"{{ and true "" }}|{{ not 0 }}|{{ ne "a" "b" }}|{{ eq 1 2 1 }}"#, 0.0), "|true|true|true");
}

#[test]
fn what_goes_wrong_stands_in_the_text() {
    let failed = expand("{{ first (query \"none\") }}", 0.0);
    assert!(
        failed.starts_with("<error expanding template: error executing template __alert_A: template: __alert_A:1:"),
        "{failed}"
    );
    assert!(
        failed
            .ends_with("at <first (query \"none\")>: error calling first: first() called on vector with no elements>"),
        "{failed}"
    );
    for text in [
        "{{ gt $value 1 }}",
        "{{ query \"broken\" }}",
        "{{ $labels.a.b }}",
        "{{ humanize \"x\" }}",
        "{{ match \"(\" \"a\" }}",
    ] {
        assert!(expand(text, 0.0).starts_with("<error expanding template: "), "{text}");
    }
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    for (text, word) in [
        ("{{ frobnicate 1 }}", "frobnicate"),
        ("{{ $nothing }}", "$nothing"),
        ("{{ template \"x\" }}", "template"),
        ("{{ define \"x\" }}{{ end }}", "define"),
        ("{{ if true }}", "end"),
        ("{{ end }}", "end"),
        ("{{ $value", "}}"),
        ("{{ }}", "empty"),
        ("{{ \"a }}", "no `}}`"),
        ("{{ (1 }}", ")"),
        ("{{ 1 | 2 }}", "takes nothing"),
        ("{{ \"\\d\" }}", "\\d"),
        ("a\nb {{ call }}", "line 2"),
    ] {
        let refused = Template::parse(text).unwrap_err().to_string();
        assert!(refused.contains(word), "{text}: {refused}");
    }
    assert!(Template::parse(&"{{ if true }}".repeat(1000)).is_err());
    assert!(Template::parse(&format!("{{{{ {}1{} }}}}", "(".repeat(1000), ")".repeat(1000))).is_err());
}
