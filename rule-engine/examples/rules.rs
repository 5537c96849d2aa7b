//! Checks rule files and runs test files, as `promtool check rules` and `promtool test rules` do.
//!
//! `cargo run -p rule-engine --example rules -- check FILE…`
//! `cargo run -p rule-engine --example rules -- test [--semantics 2|3] FILE…`
//!
//! Closing line: `N files passed, N failed`; exit code 1 if any failed, 2 for wrong usage.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the prompt")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use promql::Semantics;
use rule_engine::{RuleFile, UnitTest};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (semantics, files) = match words.as_slice() {
        ["test", "--semantics", "2", files @ ..] => (Some(Semantics::V2), files),
        ["test", "--semantics", "3", files @ ..] => (Some(Semantics::V3), files),
        ["test", files @ ..] => (Some(Semantics::default()), files),
        ["check", files @ ..] => (None, files),
        _ => return usage(),
    };
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        return usage();
    }
    let mut failed = 0;
    for file in files {
        let passed = match semantics {
            Some(semantics) => test(Path::new(file), semantics),
            None => check(Path::new(file)),
        };
        failed += usize::from(!passed);
    }
    println!("{} files passed, {failed} failed", files.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn usage() -> ExitCode {
    eprintln!("usage: rules check FILE… | rules test [--semantics 2|3] FILE…");
    ExitCode::from(2)
}

fn check(file: &Path) -> bool {
    match RuleFile::read(file) {
        Err(refused) => refuse(&refused),
        Ok(rules) => {
            let count: usize = rules.groups.iter().map(|group| group.rules.len()).sum();
            println!("{}: {} groups, {count} rules", file.display(), rules.groups.len());
            for duplicate in rules.duplicates() {
                println!("{}: warning: {duplicate}", file.display());
            }
            true
        }
    }
}

fn test(file: &Path, semantics: Semantics) -> bool {
    let verdict = match UnitTest::read(file) {
        Err(refused) => return refuse(&refused),
        Ok(test) => test.run(semantics),
    };
    for pattern in &verdict.unmatched {
        println!("{}: warning: no rule file fits `{pattern}`", file.display());
    }
    for failure in &verdict.failures {
        println!("{}: {}: {}", file.display(), failure.test, failure.reason);
    }
    println!("{}: {} tests, {}", file.display(), verdict.tests, if verdict.passed() { "passed" } else { "FAILED" });
    verdict.passed()
}

fn refuse(refused: &dyn Error) -> bool {
    match refused.source() {
        Some(source) => println!("{refused}: {source}"),
        None => println!("{refused}"),
    }
    false
}
