//! Runs test scripts in the language of Prometheus' own PromQL tests.
//!
//! `cargo run --release -p promql --example promtest -- [--semantics 2|3] FILE…`
//!
//! Every `eval` counts once. One at an instant is asked again as the middle of a range, as Prometheus does. Without
//! `--semantics` a script written in the newer language (`eval range`, `expect …`) is read as Prometheus 3.x reads it, and
//! any other as 2.x. Closing line: `N passed, N failed`; exit code 1 if any failed, 2 for wrong usage.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the prompt")]

mod check;
mod script;

use std::path::Path;
use std::process::ExitCode;

use promql::{Memory, Semantics};

use crate::check::Checker;
use crate::script::{Command, parse};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let semantics = match arguments.iter().position(|argument| argument == "--semantics") {
        None => None,
        Some(place) => {
            let value = arguments.get(place + 1).cloned().unwrap_or_default();
            arguments.drain(place..(place + 2).min(arguments.len()));
            match value.as_str() {
                "2" => Some(Semantics::V2),
                "3" => Some(Semantics::V3),
                _ => return usage(),
            }
        }
    };
    if arguments.is_empty() || arguments.iter().any(|argument| argument.starts_with('-')) {
        return usage();
    }
    let (mut passed, mut failed) = (0, 0);
    for file in &arguments {
        match run(Path::new(file), semantics) {
            Ok((well, badly)) => {
                println!("{file}: {well} passed, {badly} failed");
                passed += well;
                failed += badly;
            }
            Err(reason) => {
                println!("{file}: {reason}");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn usage() -> ExitCode {
    eprintln!("usage: promtest [--semantics 2|3] FILE…");
    ExitCode::from(2)
}

fn run(file: &Path, semantics: Option<Semantics>) -> Result<(u32, u32), String> {
    let text = std::fs::read_to_string(file).map_err(|reason| format!("cannot read it: {reason}"))?;
    let is_newer = text.lines().any(|line| line.trim_start().starts_with("expect ") || line.starts_with("eval range"));
    let semantics = semantics.unwrap_or(if is_newer { Semantics::V3 } else { Semantics::V2 });
    let checker = Checker::new(semantics);
    let mut storage = Memory::new();
    let (mut passed, mut failed) = (0, 0);
    for (line, command) in parse(&text)? {
        match command {
            Command::Clear => storage.clear(),
            Command::Load(series) => {
                for (labels, samples) in series {
                    samples.into_iter().for_each(|sample| storage.add(&labels, sample));
                }
            }
            Command::Evaluate(evaluation) => match checker.check(&storage, &evaluation) {
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
