//! What holds for every page.

use super::*;

/// Numbers, the odd ones more often than by chance.
fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(-0.0)]
}

fn values() -> impl Strategy<Value = Value> {
    // What the format carries exactly.
    let count = 0..(1_u64 << 53);
    let histogram = (proptest::collection::vec((numbers(), count.clone()), 0..4), numbers(), count.clone());
    let summary = (proptest::collection::vec((numbers(), numbers()), 0..4), numbers(), count);
    prop_oneof![
        numbers().prop_map(Value::from),
        histogram.prop_map(|(buckets, sum, count)| Histogram::new(buckets, sum, count).into()),
        summary.prop_map(|(quantiles, sum, count)| Summary::new(quantiles, sum, count).into()),
    ]
}

/// Pages whose families' names are often alike, with labels and help of any text.
fn pages() -> impl Strategy<Value = Families> {
    let series = (proptest::collection::btree_map("[a-c]|le|quantile", any::<String>(), 0..3), values());
    let family = ("[a-b:](_count|_sum|_bucket)?", any::<String>(), proptest::collection::vec(series, 1..5));
    proptest::collection::vec(family, 0..5).prop_map(|families| {
        let mut page = Families::new();
        for (name, help, series) in families {
            let kind = match series[0].1 {
                Value::Number(_) => [Kind::Counter, Kind::Gauge, Kind::Untyped][help.len() % 3],
                Value::Histogram(_) => Kind::Histogram,
                Value::Summary(_) => Kind::Summary,
            };
            // What is refused here (another type, a collision, a second value) is what this test wants to provoke.
            let Ok(family) = page.family(name, help, kind) else { continue };
            for (labels, value) in series {
                let _ = family.add(labels, value);
            }
        }
        let empty: Vec<_> =
            page.iter().filter(|family| family.series_count() == 0).map(|family| family.name().clone()).collect();
        for name in empty {
            page.remove(name.as_str());
        }
        page
    })
}

/// Lines that are nearly right.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ab]{1}(_sum|_count|_bucket)?",
        "[ \t\n#={}\",\\\\:_a-c0-9.+-]",
        Just("# TYPE ".to_owned()),
        Just("# HELP ".to_owned()),
        Just("histogram".to_owned()),
        Just("summary".to_owned()),
        Just("counter".to_owned()),
        Just("{le=\"1\"} ".to_owned()),
        Just("quantile=\"0.5\"".to_owned()),
        Just(" 1\n".to_owned()),
        Just("NaN".to_owned()),
        Just("\\n".to_owned()),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_was_written_reads_back_as_the_same_page(page in pages()) {
        let text = page.to_string();
        let read = parse(text.as_bytes(), &Limits::NONE);
        prop_assert_eq!(read.map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?, page);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &Limits::NONE);
    }

    #[test]
    fn what_is_nearly_a_page_is_refused_or_reads_back(text in nearly()) {
        if let Ok(page) = read(&text) {
            prop_assert_eq!(read(&page.to_string()), Ok(page));
        }
    }

    #[test]
    fn an_error_names_a_line_that_is_there(text in nearly()) {
        if let Err(error) = parse(text.as_bytes(), &Limits::NONE) {
            prop_assert!((1..=text.split('\n').count()).contains(&error.line), "{}", error);
        }
    }
}
