//! Runs the same test scripts as the example of that name in crates/promql, over a store on disk.
//!
//! `cargo run --release -p tsdb --example promtest -- FILE…`
//!
//! Every second `load` is written to a block at once, so that queries read from memory and from disk. Closing line: `N passed,
//! N failed`.
#![expect(clippy::print_stdout, reason = "a program for the prompt")]

#[path = "../../promql/examples/promtest/check.rs"]
mod check;
#[path = "../../promql/examples/promtest/script.rs"]
mod script;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use promql::Semantics;
use tsdb::{Options, Store, Sync};

use crate::check::Checker;
use crate::script::{Command, parse};

fn main() -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    for file in &files {
        match run(file) {
            Ok((well, badly)) => {
                println!("{}: {well} passed, {badly} failed", file.display());
                passed += well;
                failed += badly;
            }
            Err(reason) => {
                println!("{}: {reason}", file.display());
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || files.is_empty()))
}

fn open(dir: &Path) -> Result<Store, String> {
    // Scripts begin at 1970 and load some years; the clock, as far as the store is told, stands at the beginning.
    let ever = Duration::from_secs(1 << 32);
    let options = Options { sync: Sync::Never, retention: ever, ahead: ever, ..Options::default() };
    Store::open(dir, options).map(|(store, _)| store).map_err(|reason| reason.to_string())
}

fn run(file: &Path) -> Result<(u32, u32), String> {
    let text = std::fs::read_to_string(file).map_err(|reason| format!("cannot read it: {reason}"))?;
    let is_newer = text.lines().any(|line| line.trim_start().starts_with("expect ") || line.starts_with("eval range"));
    let checker = Checker::new(if is_newer { Semantics::V3 } else { Semantics::V2 });
    let mut dir = tempfile::tempdir().map_err(|reason| reason.to_string())?;
    let mut store = open(dir.path())?;
    let (mut passed, mut failed, mut loads) = (0, 0, 0);
    for (line, command) in parse(&text)? {
        match command {
            Command::Clear => {
                drop(store);
                dir = tempfile::tempdir().map_err(|reason| reason.to_string())?;
                store = open(dir.path())?;
            }
            Command::Load(all) => {
                // Of a series given twice the last one counts.
                for (labels, samples) in all.into_iter().collect::<BTreeMap<_, _>>() {
                    let series = store.series(&labels).map_err(|reason| reason.to_string())?;
                    let batch = samples.into_iter().map(|sample| (&series, sample));
                    let appended = store.append(0, batch).map_err(|reason| reason.to_string())?;
                    if let Some(refused) = appended.refused.first() {
                        return Err(format!("{labels}: {}", refused.reason));
                    }
                }
                loads += 1;
                if loads % 2 == 0 {
                    store.flush().map_err(|reason| reason.to_string())?;
                }
            }
            Command::Evaluate(evaluation) => match checker.check(&store, &evaluation) {
                Ok(()) => passed += 1,
                Err(reason) => {
                    failed += 1;
                    println!("{}:{line}: {}: {reason}", file.display(), evaluation.query);
                }
            },
        }
    }
    Ok((passed, failed))
}
