use std::io::Write as _;

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

fn gzip(page: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(page).unwrap();
    encoder.finish().unwrap()
}

fn snappy(page: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(page).unwrap();
    encoder.into_inner().unwrap()
}

fn zstd(page: &[u8]) -> Vec<u8> {
    compress_to_vec(page, CompressionLevel::Fastest)
}

fn encoded(encoding: Encoding, page: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Gzip => gzip(page),
        Encoding::Snappy => snappy(page),
        Encoding::Zstd => zstd(page),
    }
}

const ALL: [Encoding; 3] = [Encoding::Gzip, Encoding::Snappy, Encoding::Zstd];

const NO_LIMIT: usize = 1 << 20;

fn refused(encoding: Encoding, body: &[u8]) -> String {
    decode(encoding, body, NO_LIMIT).unwrap_err().to_string()
}

fn page() -> Vec<u8> {
    (0..2000).flat_map(|line| format!("m{{n=\"{line}\"}} {line}\n").into_bytes()).collect()
}

#[test]
fn an_encoding_is_known_by_its_name() {
    for encoding in ALL {
        assert_eq!(Encoding::from_name(encoding.as_str()), Some(encoding));
        assert_eq!(Encoding::from_name(&encoding.as_str().to_uppercase()), Some(encoding));
    }
    for name in ["", "deflate", "x-gzip", "br", "identity"] {
        assert_eq!(Encoding::from_name(name), None, "{name}");
    }
}

#[test]
fn several_behind_one_another_are_one_page() {
    for encoding in ALL {
        let body = [encoded(encoding, b"a 1\n"), encoded(encoding, b""), encoded(encoding, b"b 2\n")].concat();
        assert_eq!(decode(encoding, &body, NO_LIMIT).unwrap(), b"a 1\nb 2\n", "{encoding:?}");
    }
}

#[test]
fn nothing_is_no_gzip() {
    assert_eq!(refused(Encoding::Gzip, b""), "EOF");
}

#[test]
fn a_plain_body_is_refused() {
    assert_eq!(refused(Encoding::Gzip, b"m 1\n"), "unexpected EOF");
    assert_eq!(refused(Encoding::Gzip, b"a longer body 1\n"), "gzip: invalid header");
    assert!(refused(Encoding::Snappy, b"m 1\n").starts_with("snappy: "));
    assert_eq!(refused(Encoding::Zstd, b"a longer body 1\n"), "zstd: invalid header");
}

#[test]
fn a_body_that_is_cut_off_anywhere_is_refused() {
    for encoding in ALL {
        // Of a snappy stream nobody can tell whether more frames were to come: only a frame can be cut.
        let from = if encoding == Encoding::Snappy { 11 } else { 1 };
        let body = encoded(encoding, &page()[..3000]);
        for length in from..body.len() {
            assert!(decode(encoding, &body[..length], NO_LIMIT).is_err(), "{encoding:?}: {length} of {}", body.len());
        }
    }
}

#[test]
fn junk_behind_the_end_is_refused() {
    for encoding in ALL {
        for junk in [&b"junk"[..], b"\0\0\0\0", b"\n", b"a longer piece of junk than a header"] {
            let body = [encoded(encoding, b"m 1\n"), junk.to_vec()].concat();
            // To snappy, zeros announce a frame.
            assert!(decode(encoding, &body, NO_LIMIT).is_err(), "{encoding:?}: {junk:?}");
        }
    }
}

#[test]
fn a_checksum_that_does_not_match_is_refused() {
    let mut body = gzip(b"m 1\n");
    let place = body.len() - 8;
    body[place] ^= 1;
    assert_eq!(refused(Encoding::Gzip, &body), "gzip: invalid checksum");
    let mut body = snappy(b"m 1\n");
    body[14] ^= 1;
    assert!(refused(Encoding::Snappy, &body).starts_with("snappy: "));
    let mut body = ZSTD_WITH_CHECKSUM.to_vec();
    assert_eq!(decode(Encoding::Zstd, &body, NO_LIMIT).unwrap(), b"cf_zstd_a 1\n");
    let place = body.len() - 1;
    body[place] ^= 1;
    assert_eq!(refused(Encoding::Zstd, &body), "zstd: invalid checksum");
}

/// What `printf 'cf_zstd_a 1\n' | zstd --check` wrote (zstd 1.5.4).
const ZSTD_WITH_CHECKSUM: &[u8] =
    b"\x28\xb5\x2f\xfd\x04\x58\x61\x00\x00\x63\x66\x5f\x7a\x73\x74\x64\x5f\x61\x20\x31\x0a\xb0\x6d\xf7\x72";

#[test]
fn a_frame_to_be_skipped_is_skipped() {
    let skippable = [&[0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    let body = [skippable.clone(), zstd(b"m 1\n"), skippable.clone()].concat();
    assert_eq!(decode(Encoding::Zstd, &body, NO_LIMIT).unwrap(), b"m 1\n");
    assert_eq!(refused(Encoding::Zstd, &skippable[..10]), "unexpected EOF");
}

#[test]
fn a_long_page_comes_out_whole_and_is_refused_as_a_short_one_is() {
    let page = page().repeat(KEPT_BYTES / page().len() + 2);
    assert!(page.len() > KEPT_BYTES);
    for encoding in ALL {
        let body = encoded(encoding, &page);
        let whole = decode(encoding, &body, page.len()).unwrap();
        assert!(whole == page, "{encoding:?}");
        let too_large = decode(encoding, &body, page.len() - 1);
        assert!(matches!(too_large, Err(DecodeError::TooLarge(limit)) if limit == page.len() - 1), "{encoding:?}");
        let cut_off = decode(encoding, &body[..body.len() - 1], page.len());
        assert!(matches!(cut_off, Err(DecodeError::CutOff(_))), "{encoding:?}");
    }
}

#[test]
fn as_much_as_the_limit_comes_out_and_not_a_byte_more() {
    let page = page();
    for encoding in ALL {
        let body = encoded(encoding, &page);
        assert_eq!(decode(encoding, &body, page.len()).unwrap(), page, "{encoding:?}");
        let error = decode(encoding, &body, page.len() - 1).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge(_)), "{encoding:?}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn what_was_compressed_comes_out_again(page in proptest::collection::vec(any::<u8>(), 0..1000), times in 1..200_usize) {
        let page = page.repeat(times);
        for encoding in ALL {
            prop_assert_eq!(decode(encoding, &encoded(encoding, &page), NO_LIMIT).unwrap(), page.clone());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in any::<(u16, u8)>()) {
        for encoding in ALL {
            let _ = decode(encoding, &bytes, NO_LIMIT);
            let mut body = encoded(encoding, &bytes);
            let place = usize::from(flip.0) % body.len().max(1);
            if let Some(byte) = body.get_mut(place) {
                *byte ^= flip.1;
            }
            let _ = decode(encoding, &body, NO_LIMIT);
        }
    }
}
