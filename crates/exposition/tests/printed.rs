//! Held against what a Pushgateway 1.5.1 printed, in text and in protobuf, with groups of many kinds pushed to it.

use exposition::{Limits, parse, protobuf};

const TEXT: &str = include_str!("../testdata/pushgateway-1.5.1-with-groups.prom");
const PROTOBUF: &[u8] = include_bytes!("../testdata/pushgateway-1.5.1-with-groups.pb");

#[test]
fn a_gateways_text_is_printed_again_byte_for_byte() {
    let page = parse(TEXT.as_bytes(), &Limits::NONE).unwrap();
    for (ours, theirs) in page.to_string().lines().zip(TEXT.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(page.to_string().len(), TEXT.len());
}

#[test]
fn a_gateways_protobuf_is_written_again_byte_for_byte() {
    let page = protobuf::parse(PROTOBUF, &Limits::NONE).unwrap();
    assert!(protobuf::write(&page) == PROTOBUF, "{} bytes, not {}", protobuf::write(&page).len(), PROTOBUF.len());
}
