//! What has to hold for any bytes: run by the fuzz targets on new ones, and by `tests/corpus.rs` on those that are kept.

use exposition::encoding::{DecodeError, Encoding, decode};
use exposition::{Class, Families, Limits, ParseError, loose, parse, protobuf};

/// Limits that a small input can reach.
const TIGHT: Limits = Limits { bytes: 1 << 16, series: 20, labels: 5, name_bytes: 30, value_bytes: 60 };

/// Reads a page of text, which is refused or reads back from both formats as the same page.
pub fn text(page: &[u8]) {
    agree(&parse(page, &Limits::NONE), loose::text(page, &Limits::NONE).err());
    let read = parse(page, &Limits::NONE);
    within(&read, parse(page, &TIGHT), loose::text(page, &TIGHT).err());
    if let Ok(page) = read {
        reads_back(&page);
    }
}

/// Reads a page of protobuf, which is refused or reads back as the same page.
pub fn protobuf(page: &[u8]) {
    let read = protobuf::parse(page, &Limits::NONE);
    agree(&read, loose::protobuf(page, &Limits::NONE).err());
    within(&read, protobuf::parse(page, &TIGHT), loose::protobuf(page, &TIGHT).err());
    if let Ok(page) = read {
        assert_eq!(protobuf::parse(&protobuf::write(&page), &Limits::NONE).as_ref(), Ok(&page));
    }
}

/// Decodes gzip.
pub fn gzip(body: &[u8]) {
    decoded(Encoding::Gzip, body);
}

/// Decodes snappy.
pub fn snappy(body: &[u8]) {
    decoded(Encoding::Snappy, body);
}

/// Decodes zstd.
pub fn zstd(body: &[u8]) {
    decoded(Encoding::Zstd, body);
}

/// What is not well formed is not well formed for the strict reader either, and for the same reason.
fn agree(strict: &Result<Families, ParseError>, loose: Option<ParseError>) {
    match (strict, loose) {
        (strict, Some(loose)) => assert_eq!(strict.as_ref(), Err(&loose)),
        (Err(error), None) => assert_eq!(error.fault.class(), Class::Inconsistent, "{error}"),
        (Ok(_), None) => {}
    }
}

/// A limit refuses pages and changes none.
fn within(free: &Result<Families, ParseError>, held: Result<Families, ParseError>, loose: Option<ParseError>) {
    agree(&held, loose);
    match held {
        Ok(page) => assert_eq!(free.as_ref(), Ok(&page)),
        Err(error) if error.fault.class() == Class::TooLarge => {}
        Err(error) => assert_eq!(free.as_ref(), Err(&error)),
    }
}

/// Written and read again, a page is the same, but for counts that text has no digits for.
fn reads_back(page: &Families) {
    assert_eq!(parse(page.to_string().as_bytes(), &Limits::NONE).as_ref(), Ok(page));
    assert_eq!(protobuf::parse(&protobuf::write(page), &Limits::NONE).as_ref(), Ok(page));
}

/// Whatever comes out with a low limit is what comes out with a high one.
fn decoded(encoding: Encoding, body: &[u8]) {
    const LIMIT: usize = 1 << 20;
    match decode(encoding, body, LIMIT) {
        Ok(page) => {
            assert!(page.len() <= LIMIT);
            assert!(decode(encoding, body, page.len()).is_ok_and(|again| again == page));
            if let Some(less) = page.len().checked_sub(1) {
                assert!(matches!(decode(encoding, body, less), Err(DecodeError::TooLarge(_))));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
