use super::*;
use crate::{Families, Histogram, Kind, Summary, Value};
use proptest::prelude::*;

mod properties;

fn read(page: &str) -> Result<Families, String> {
    parse(page.as_bytes(), &Limits::NONE).map_err(|error| error.to_string())
}

fn refused(page: &str, limits: Limits) -> String {
    parse(page.as_bytes(), &limits).unwrap_err().to_string()
}

#[test]
fn a_page_is_read_family_by_family() {
    let page = read(
        "# HELP bot_players Players\\n\\\\ online.\n# TYPE bot_players GAUGE\n\
         bot_players{ game = \"a\" , } 3\n\tbot_players{game=\"\\\"b\\n\\\\\"}\t4\n\
         # a remark\n#TYPE ticks_total counter\nticks_total{} 1e3\n\nnobody_said Nan\n# TYPE no_series gauge\n",
    )
    .unwrap();
    assert_eq!(
        page.to_string(),
        "# HELP bot_players Players\\n\\\\ online.\n# TYPE bot_players gauge\n\
         bot_players{game=\"\\\"b\\n\\\\\"} 4\nbot_players{game=\"a\"} 3\n\
         # TYPE nobody_said untyped\nnobody_said NaN\n# TYPE ticks_total counter\nticks_total 1000\n"
    );
}

#[test]
fn the_lines_of_a_histogram_are_one_series() {
    let page = read(
        "# TYPE h histogram\nh_bucket{a=\"1\",le=\"0.5\"} 2\nh_bucket{a=\"1\",le=\"+Inf\"} 3.9\nh_sum{a=\"1\"} 2.5\n\
         h_count{a=\"1\"} 3\nh_bucket{le=\"1.0\"} 1\nh_count 4\n",
    )
    .unwrap();
    let family = page.find("h").unwrap();
    assert_eq!((family.kind(), page.series_count()), (Kind::Histogram, 2));
    let values: Vec<_> = family.series().map(|(_, value)| value.clone()).collect();
    assert_eq!(
        values,
        [
            Value::from(Histogram::new([(1.0, 1), (f64::INFINITY, 4)], 0.0, 4)),
            Value::from(Histogram::new([(0.5, 2), (f64::INFINITY, 3)], 2.5, 3)),
        ]
    );
    assert!(page.to_string().contains("h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 4\nh_sum 0\nh_count 4\n"), "{page}");
}

#[test]
fn the_lines_of_a_summary_are_one_series() {
    let page = read("# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 5\ns_count 3\n").unwrap();
    let values: Vec<_> = page.find("s").unwrap().series().map(|(_, value)| value.clone()).collect();
    assert_eq!(values, [Value::from(Summary::new([(0.5, 2.0)], 5.0, 3))]);
    assert_eq!(page.to_string(), "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 5\ns_count 3\n");
}

#[test]
fn a_count_whose_histogram_comes_later_collides_with_it() {
    assert_eq!(
        read("h_count 1\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n").unwrap_err(),
        "line 2: the family `h` has series of the same name as the family `h_count`"
    );
}

#[test]
fn what_no_gateway_takes_is_refused_once_the_rest_is_well_formed() {
    assert_eq!(read("a 1 5\nb 1\n").unwrap_err(), "line 1: pushed metrics must not have timestamps");
    let page = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1 0\n";
    assert_eq!(read(page).unwrap_err(), "line 3: pushed metrics must not have timestamps");
    assert_eq!(read("a 1 5\nb\n").unwrap_err(), "line 2: expected float as value, got \"\"");
    assert_eq!(
        read("a 1\n\na 1\n").unwrap_err(),
        "line 3: collected metric a was collected before with the same name and label values"
    );
    assert_eq!(
        read("\na{__x=\"\"} 1\n").unwrap_err(),
        "line 2: collected metric \"a\" has a label with an invalid name: __x"
    );
}

#[test]
fn what_comes_first_on_the_page_is_told_first() {
    let page = "a 1\nb{__x=\"\"} 1\na 1\nc 1 5\n# TYPE c_sum summary\nc_sum_count 1\n";
    assert_eq!(read(page).unwrap_err(), "line 2: collected metric \"b\" has a label with an invalid name: __x");
    let page = "a 1\nb 1\nb{x=\"\"} 1 5\na 1\n";
    assert_eq!(read(page).unwrap_err(), "line 3: pushed metrics must not have timestamps");
}

#[test]
fn the_lines_of_a_histogram_may_lie_apart_with_their_labels_in_any_order() {
    let page = read(
        "# TYPE h histogram\nh_bucket{a=\"1\",b=\"2\",le=\"1\"} 1\nh_bucket{a=\"2\",b=\"1\",le=\"1\"} 2\n\
         h_count{a=\"2\",b=\"1\"} 5\nh_count{b=\"2\",a=\"1\"} 4\nh_bucket{b=\"2\",le=\"2\",a=\"1\"} 3\n",
    )
    .unwrap();
    assert_eq!(
        page.to_string(),
        "# TYPE h histogram\nh_bucket{a=\"1\",b=\"2\",le=\"1\"} 1\nh_bucket{a=\"1\",b=\"2\",le=\"2\"} 3\n\
         h_bucket{a=\"1\",b=\"2\",le=\"+Inf\"} 4\nh_sum{a=\"1\",b=\"2\"} 0\nh_count{a=\"1\",b=\"2\"} 4\n\
         h_bucket{a=\"2\",b=\"1\",le=\"1\"} 2\nh_bucket{a=\"2\",b=\"1\",le=\"+Inf\"} 5\n\
         h_sum{a=\"2\",b=\"1\"} 0\nh_count{a=\"2\",b=\"1\"} 5\n"
    );
}

/// A label that the gateway overwrites keeps no series apart.
#[test]
fn series_that_a_gateway_would_make_one_are_found_by_relabelling() {
    let page = read("m{job=\"a\"} 1\nm{job=\"b\"} 1\n").unwrap();
    let one = |_| crate::Labels::new([("job", "web")]).unwrap();
    let error = page.find("m").unwrap().clone().relabel(one).unwrap_err();
    assert_eq!(error.to_string(), "the series m{job=\"web\"} has a value already");
}

#[test]
fn a_loose_page_is_as_it_was_sent() {
    let page = b"m{b=\"1\",__a=\"\\n\"} 1 5\nm 2\nm 2\n# TYPE e gauge\n";
    let families = loose(page, &Limits::NONE).unwrap();
    let [family] = &families[..] else { panic!("{families:?}") };
    let labels: Vec<_> = family.series().next().unwrap().labels.to_vec();
    assert_eq!(labels, [("b".into(), "1".into()), ("__a".into(), "\n".into())]);
    let told: Vec<_> = family.series().map(|series| (series.has_timestamp, series.at)).collect();
    assert_eq!(told, [(true, 1), (false, 2), (false, 3)]);
}

#[test]
fn each_limit_holds() {
    let page = "a{b=\"cd\",e=\"f\"} 1\ngh 2\n";
    let exact = Limits { bytes: page.len(), series: 2, labels: 2, name_bytes: 2, value_bytes: 2 };
    assert!(parse(page.as_bytes(), &exact).is_ok());
    for (limits, error) in [
        (Limits { bytes: page.len() - 1, ..exact }, "line 2: the page is longer than 22 bytes"),
        (Limits { series: 1, ..exact }, "line 2: there are more than 1 series"),
        (Limits { labels: 1, ..exact }, "line 1: the series has more than 1 labels"),
        (Limits { name_bytes: 1, ..exact }, "line 2: a name is longer than 1 bytes"),
        (Limits { value_bytes: 1, ..exact }, "line 1: a label's value is longer than 1 bytes"),
    ] {
        assert_eq!(refused(page, limits), error);
    }
}

#[test]
fn an_error_quotes_no_more_than_the_beginning() {
    let error = refused(&format!("a {}\n", "x".repeat(1_000_000)), Limits::NONE);
    assert!(error.len() < 200, "{} bytes", error.len());
}

#[test]
fn an_error_is_one_line_that_moves_no_cursor() {
    for page in
        ["a{b=\"\\\u{1b}\"} 1\n", "# HELP a \\\na 1\n", "a \u{1b}[31m\u{9b}\n", "a{b=\"\u{1b}\n\"} 1\n", "a{\u{9b}\n"]
    {
        let error = refused(page, Limits::NONE);
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}
