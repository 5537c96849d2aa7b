//! What holds for every page.

use super::*;
use crate::pages::{TEXT_COUNTS, pages};

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
    fn what_was_written_reads_back_as_the_same_page(page in pages(TEXT_COUNTS)) {
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
            let Place::Line(line) = error.place else { panic!("{error}") };
            prop_assert!((1..=text.split('\n').count()).contains(&line), "{}", error);
        }
    }
}
