//! What a few bytes that claim to be many cost.
//!
//! The kernel is asked for the peak of a process that does nothing else: this program, started again for each bomb.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]
#![expect(clippy::print_stdout, reason = "the costs, for whoever runs it with --nocapture")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use exposition::encoding::{DecodeError, Encoding, decode};
use flate2::Compression;
use flate2::write::GzEncoder;

/// What may come out at most: a page of some 10,000 series.
const LIMIT: usize = 1 << 20;
/// The same for gzip, of which little makes much.
const LARGE_LIMIT: usize = 8 << 20;

/// How long each body is, about.
const BODY: usize = 300_000;

/// What decoding one may cost at most.
const COST_KIB: u64 = 5_000;

/// Zeros, a megabyte in each of many members: a gigabyte and a half.
fn gzip() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    let member = encoder.finish().unwrap();
    member.repeat(BODY / member.len())
}

/// Zeros in one member, of which only the beginning is there: the end is never reached.
fn gzip_in_one_piece() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..16 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

/// Zeros in as many frames as there is room for: six megabytes, for snappy promises no more.
fn snappy() -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(&vec![0; BODY * 20]).unwrap();
    encoder.into_inner().unwrap()
}

/// One byte repeated 131,072 times, for each four bytes of the body: ten gigabytes, in a frame with a window of 2 GiB.
fn zstd() -> Vec<u8> {
    let repeated = |last: u32| [&(last | 1 << 1 | (128 << 10) << 3).to_le_bytes()[..3], b"a"].concat();
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3];
    [&header[..], &repeated(0).repeat(BODY / 4), &repeated(1)].concat()
}

/// The same, in a frame that says how long it is and has no window of its own.
fn zstd_that_says_its_size() -> Vec<u8> {
    let mut body = zstd();
    body.splice(4..6, [0xe0].into_iter().chain((10_u64 << 30).to_le_bytes()));
    body
}

#[test]
fn a_bomb_costs_no_more_than_a_page() {
    if let Ok(name) = std::env::var(NAME) {
        return decode_alone(&name);
    }
    let bombs = [
        ("gzip", gzip()),
        ("gzip", gzip_in_one_piece()),
        ("snappy", snappy()),
        ("zstd", zstd()),
        ("zstd", zstd_that_says_its_size()),
    ];
    for (name, body) in bombs {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_bomb_costs_no_more_than_a_page", "--nocapture"])
            .env(NAME, name)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&body).unwrap();
        assert!(child.wait().unwrap().success(), "{name}: {} bytes", body.len());
    }
}

/// Names the encoding to a process that is to decode what it reads.
const NAME: &str = "BOMB_ENCODING";

fn decode_alone(name: &str) {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).unwrap();
    let before = forget_peak();
    let limit = if name == "gzip" { LARGE_LIMIT } else { LIMIT };
    let error = decode(Encoding::from_name(name).unwrap(), &body, limit).unwrap_err();
    let cost = status("VmHWM:") - before;
    println!("{name}: {} bytes cost {cost} KiB", body.len());
    assert!(matches!(error, DecodeError::TooLarge(own) if own == limit), "{error}");
    assert!(cost < COST_KIB, "{cost} KiB");
}

/// Makes the peak what is in use now, and returns that in KiB.
fn forget_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    status("VmRSS:")
}

/// Returns a line of `/proc/self/status` in KiB.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
