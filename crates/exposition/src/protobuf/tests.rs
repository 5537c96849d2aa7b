use super::*;
use crate::pages::pages;
use crate::{Class, Histogram, Kind, Labels, Value};
use proptest::prelude::*;

fn read(page: &[u8]) -> Result<Families, String> {
    parse(page, &Limits::NONE).map_err(|error| error.to_string())
}

/// A field that bears bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn double(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn varint(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// A family of one series that is written as `metric`.
fn family(name: &str, kind: u8, metric: &[u8]) -> Vec<u8> {
    let message = [field(1, name.as_bytes()), varint(3, kind), field(4, metric)].concat();
    [&[u8::try_from(message.len()).unwrap()][..], &message].concat()
}

fn label(name: &[u8], value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, name), field(2, value)].concat())
}

/// A gauge that says 1.
fn gauge() -> Vec<u8> {
    field(2, &double(1, 1.0))
}

#[test]
fn a_page_is_read_family_by_family() {
    let mut page = Families::new();
    page.gauge("players", "Online.\n").unwrap().add([("game", "a"), ("bot", "\"b\"")], -0.5).unwrap();
    page.family("h", "", Kind::Histogram)
        .unwrap()
        .insert(Labels::default(), Histogram::new([(1.0, 2)], 2.5, 3).into())
        .unwrap();
    page.counter("no_series", "").unwrap();
    let bytes = write(&page);
    assert_eq!(read(&bytes), Ok(page));
    assert_eq!(bytes[..7], [0x21, 0x0a, 1, b'h', 0x18, 4, 0x22]);
}

/// A histogram whose last bucket is missing gets it where it is printed, and only there.
#[test]
fn buckets_stay_as_they_were_given() {
    let histogram = [varint(1, 3), double(2, 4.5), field(3, &[varint(1, 2), double(2, 1.0)].concat())].concat();
    let page = read(&family("h", 4, &field(7, &histogram))).unwrap();
    let Some((_, Value::Histogram(read))) = page.find("h").unwrap().series().next() else { panic!("no histogram") };
    assert_eq!(read.own_buckets().collect::<Vec<_>>(), [(1.0, 2)]);
    assert_eq!(read.buckets().collect::<Vec<_>>(), [(1.0, 2), (f64::INFINITY, 3)]);
}

#[test]
fn fractions_are_cut_off_and_sparse_buckets_are_left_out() {
    // Counts in fractions, a schema, a zero threshold, a span.
    let histogram = [double(4, 3.9), double(2, 4.5), varint(5, 6), double(6, 0.1), field(12, &varint(1, 4))].concat();
    let with_exemplar = [varint(3, 1), field(3, &[double(4, 2.9), double(2, 1.0), field(3, b"")].concat())].concat();
    let page = read(&family("h", 4, &field(7, &[histogram, with_exemplar[2..].to_vec()].concat()))).unwrap();
    assert_eq!(
        page.to_string(),
        "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.5\nh_count 3\n"
    );
}

#[test]
fn an_exemplar_and_a_moment_of_creation_are_dropped() {
    let counter = [double(1, 3.0), field(2, &double(2, 1.0)), field(3, &varint(1, 5))].concat();
    let page = read(&family("c", 0, &field(3, &counter))).unwrap();
    assert_eq!(page.to_string(), "# TYPE c counter\nc 3\n");
}

#[test]
fn fields_may_come_in_any_order_and_a_type_that_nobody_mentions_is_a_counter() {
    let message = [field(4, &[field(3, &double(1, 2.0)), label(b"a", b"b")].concat()), field(1, b"m")].concat();
    let page = read(&[&[u8::try_from(message.len()).unwrap()][..], &message].concat()).unwrap();
    assert_eq!(page.to_string(), "# TYPE m counter\nm{a=\"b\"} 2\n");
}

#[test]
fn the_last_of_two_families_of_one_name_counts() {
    let page = [family("m", 1, &gauge()), family("m", 1, &[label(b"x", b"2"), gauge()].concat())].concat();
    assert_eq!(read(&page).unwrap().to_string(), "# TYPE m gauge\nm{x=\"2\"} 1\n");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let ok = family("ok", 1, &gauge());
    for (message, error) in [
        (family("", 1, &gauge()), "metric family 2: the metric family has no name"),
        (vec![0], "metric family 2: the metric family has no name"),
        (
            family("a-b", 1, &gauge()),
            "metric family 2 (a-b): `a-b` is no name for a metric: letters, digits, `_` and `:`, no digit first",
        ),
        (
            family("a\n", 1, &gauge()),
            "metric family 2 (a\\n): `a\\n` is no name for a metric: letters, digits, `_` and `:`, no digit first",
        ),
        (family("m", 99, &gauge()), "metric family 2 (m): unknown metric type \"99\""),
        (family("m", 5, &gauge()), "metric family 2 (m): unknown metric type \"GAUGE_HISTOGRAM\""),
        (family("m", 0, &gauge()), "metric family 2 (m), series 1: collected metric \"m\" is not a COUNTER"),
        (family("m", 4, &[]), "metric family 2 (m), series 1: collected metric \"m\" is not a HISTOGRAM"),
        (
            family("m", 1, &[gauge(), varint(6, 5)].concat()),
            "metric family 2 (m), series 1: pushed metrics must not have timestamps",
        ),
        (
            family("m", 1, &[gauge(), label(b"", b"")].concat()),
            "metric family 2 (m), series 1: collected metric \"m\" has a label with an invalid name: ",
        ),
        (
            family("m", 1, &[gauge(), label(b"\xff", b"")].concat()),
            "metric family 2 (m), series 1: collected metric \"m\" has a label with an invalid name: \u{fffd}",
        ),
        (
            family("h", 4, &[field(7, &[]), label(b"le", b"1")].concat()),
            "metric family 2 (h), series 1: collected metric \"h\" has two or more labels with the same name: le",
        ),
        (family("m", 1, &varint(2, 1)), "metric family 2 (m), series 1: proto: wrong wireType = 0 for field Gauge"),
        (vec![2, 0x0b, 0], "metric family 2: proto: can't skip unknown wire type 3"),
        (vec![0x80], "metric family 2: unexpected EOF"),
        (vec![0xff, 0xff, 0xff, 0xff, 0x0f], "metric family 2: unexpected EOF"),
    ] {
        assert_eq!(read(&[ok.clone(), message].concat()).unwrap_err(), error);
    }
}

#[test]
fn families_that_collide_are_refused() {
    let page = [family("h_sum", 1, &gauge()), family("h", 4, &field(7, &[]))].concat();
    let error = parse(&page, &Limits::NONE).unwrap_err();
    assert_eq!(error.fault.class(), Class::Inconsistent);
    assert_eq!(
        error.to_string(),
        "metric family 2 (h): the family `h` has series of the same name as the family `h_sum`"
    );
}

#[test]
fn each_limit_holds() {
    let metric = [label(b"ab", b"cd"), label(b"e", b"f"), field(7, &field(3, &varint(1, 1)))].concat();
    let page = family("gh", 4, &metric);
    let exact = Limits { bytes: page.len(), series: 2, labels: 2, name_bytes: 2, value_bytes: 2 };
    assert!(parse(&page, &exact).is_ok());
    for limits in [
        Limits { bytes: page.len() - 1, ..exact },
        Limits { series: 1, ..exact },
        Limits { labels: 1, ..exact },
        Limits { name_bytes: 1, ..exact },
        Limits { value_bytes: 1, ..exact },
    ] {
        let error = parse(&page, &limits).unwrap_err();
        assert_eq!(error.fault.class(), Class::TooLarge, "{error}");
    }
}

proptest! {
    #[test]
    fn what_was_written_reads_back_as_the_same_page(page in pages(0..u64::MAX)) {
        prop_assert_eq!(read(&write(&page)).map_err(TestCaseError::fail)?, page);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &Limits::NONE);
    }

    #[test]
    fn a_page_with_a_wrong_byte_is_refused_or_reads_back(page in pages(0..9), place in any::<u16>(), byte in any::<u8>()) {
        let mut bytes = write(&page);
        let place = usize::from(place) % bytes.len().max(1);
        if let Some(wrong) = bytes.get_mut(place) {
            *wrong = byte;
        }
        if let Ok(page) = read(&bytes) {
            prop_assert_eq!(read(&write(&page)), Ok(page));
        }
    }
}
