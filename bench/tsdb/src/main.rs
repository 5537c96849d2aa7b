//! The store of the embedded engine, Prometheus and VictoriaMetrics, side by side; run by `bench/tsdb/fleet`.
//!
//! Prints a line for each figure: who, what, how much, with tabs between.

mod fleet;
mod ours;
mod peer;
mod queries;

use std::path::Path;

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<i64>().expect("a number");
    match words[..] {
        ["ours", dir, hosts, hours, end] => {
            ours::run(Path::new(dir), number(hosts) as usize, number(hours), number(end))
        }
        ["fill", name, address, path, hosts, hours, end] => {
            peer::fill(name, address, path, number(hosts) as usize, number(hours), number(end));
        }
        ["ask", name, address, hours, end] => peer::ask(name, address, number(hours), number(end)),
        ["memory", name, pid, what] => figure(name, &format!("RSS MB {what}"), memory(pid).0),
        _ => panic!("see bench/tsdb/fleet"),
    }
}

fn figure(who: &str, what: &str, value: f64) {
    println!("{who}\t{what}\t{value}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Resident memory of a process in megabytes: all of it, and without pages of files.
fn memory(pid: &str) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("the kernel says so");
        line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok()).expect("a number") / 1024.0
    };
    (field("VmRSS:"), field("RssAnon:"))
}
