//! Reads the same pages with our reader and with the peers, in turns, and prints bytes per second of CPU time.
//!
//! `bench-exposition FILE…`; each file is read for about a second by each reader, in rounds, and the best round counts:
//! what else runs on the machine can only slow a round down.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use exposition::{Limits, loose, parse, protobuf};
use rustix::time::{ClockId, clock_gettime};

/// Rounds of each reader. They take turns, so that what slows the machine down slows all of them down.
const ROUNDS: usize = 15;

/// How long a round lasts.
const ROUND: Duration = Duration::from_millis(60);

/// Reads a page and returns how many series it saw, or that it could not.
type Reader = fn(&str) -> Option<usize>;

const READERS: [(&str, Reader); 6] = [
    ("ours", |page| parse(page.as_bytes(), &Limits::NONE).ok().map(|page| page.series_count())),
    ("ours, loose", |page| {
        loose::text(page.as_bytes(), &Limits::NONE).ok().map(|page| page.iter().map(|family| family.series().len()).sum())
    }),
    ("prometheus-parse", |page| {
        let lines = page.lines().map(|line| Ok(line.to_owned()));
        prometheus_parse::Scrape::parse(lines).ok().map(|scrape| scrape.samples.len())
    }),
    ("prom_text_format_parser", |page| {
        let (metrics, error) = prom_text_format_parser::parse_scrape(page);
        error.is_none().then_some(metrics.len())
    }),
    ("prometheus-exposition-format-rs", |page| {
        prometheus_exposition_format_rs::parse_complete(page).ok().map(|metrics| metrics.len())
    }),
    ("openmetrics-parser", |page| {
        openmetrics_parser::prometheus::parse_prometheus(page).ok().map(|page| page.families.len())
    }),
];

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: bench-exposition FILE…");
        return ExitCode::from(2);
    }
    println!("| page | bytes | reader | MB/s | ours is faster by |");
    println!("| --- | ---: | --- | ---: | ---: |");
    for file in files {
        let page = match std::fs::read_to_string(&file) {
            Ok(page) => page,
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        };
        let name = file.rsplit('/').next().unwrap_or(&file);
        compare(name, &page);
    }
    ExitCode::SUCCESS
}

fn compare(file: &str, page: &str) {
    let mut best = [f64::NAN; READERS.len()];
    for _ in 0..ROUNDS {
        for ((_, reader), best) in READERS.iter().zip(&mut best) {
            if let Some(speed) = speed(*reader, page) {
                *best = best.max(speed);
            }
        }
    }
    for ((name, _), speed) in READERS.iter().zip(best) {
        if speed.is_nan() {
            println!("| {file} | {} | {name} | cannot read it | |", page.len());
        } else {
            println!("| {file} | {} | {name} | {speed:.0} | {:.2} |", page.len(), best[0] / speed);
        }
    }
    let page = parse(page.as_bytes(), &Limits::NONE).expect("ours reads it");
    let bytes = protobuf::write(&page);
    let text = page.to_string();
    for (name, length, work) in [
        ("ours, writing text", text.len(), &(|| page.to_string().len()) as &dyn Fn() -> usize),
        ("ours, protobuf", bytes.len(), &|| protobuf::parse(&bytes, &Limits::NONE).map_or(0, |page| page.series_count())),
        ("ours, writing protobuf", bytes.len(), &|| protobuf::write(&page).len()),
    ] {
        let speed = (0..ROUNDS).map(|_| rate(length, work)).fold(f64::NAN, f64::max);
        println!("| {file} | {length} | {name} | {speed:.0} | |");
    }
}

fn speed(reader: Reader, page: &str) -> Option<f64> {
    reader(page)?;
    Some(rate(page.len(), &|| reader(page).unwrap_or_default()))
}

/// Returns millions of bytes in a second.
fn rate(length: usize, work: &dyn Fn() -> usize) -> f64 {
    let (begin, mut times, mut spent) = (cpu_time(), 0_u32, Duration::ZERO);
    while spent < ROUND {
        for _ in 0..8 {
            black_box(work());
        }
        times += 8;
        spent = cpu_time() - begin;
    }
    f64::from(times) * length as f64 / spent.as_secs_f64() / 1e6
}

/// Returns how much CPU time this thread has had.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
