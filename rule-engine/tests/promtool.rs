//! Our verdict on test files beside that of the real `promtool test rules`, file by file.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use promql::Semantics;
use rule_engine::UnitTest;

/// Whether promtool passes the file, and what it says.
fn promtool(file: &Path) -> (bool, String) {
    let output = Command::new("promtool").args(["test", "rules"]).arg(file).output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("promtool is missing; install it: sudo apt-get install --no-install-recommends prometheus")
        }
        output => output.unwrap(),
    };
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Whether we pass the file, and what we say.
fn ours(file: &Path, semantics: Semantics) -> (bool, String) {
    match UnitTest::read(file) {
        Err(refused) => (false, refused.to_string()),
        Ok(test) => {
            let verdict = test.run(semantics);
            (verdict.passed(), format!("{:#?}", verdict.failures))
        }
    }
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yml")).collect();
    files.sort();
    assert!(!files.is_empty(), "no files in {}", folder.display());
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_tests_of_our_alert_rules_end_as_with_promtool() {
    for file in yaml_files(&root().join("../alert-rules/tests")) {
        let (theirs, their_words) = promtool(&file);
        assert!(theirs, "{}: {their_words}", file.display());
        // Debian's promtool is a 2.x: windows hold their left edge, and groups.yml counts on it.
        let (passed, words) = ours(&file, Semantics::V2);
        assert!(passed, "{}: {words}", file.display());
    }
}

#[test]
fn files_that_must_pass_pass_with_both() {
    for file in yaml_files(&root().join("testdata/promtool/pass")) {
        let (theirs, their_words) = promtool(&file);
        assert!(theirs, "{}: {their_words}", file.display());
        let (passed, words) = ours(&file, Semantics::V2);
        assert!(passed, "{}: {words}", file.display());
    }
}

#[test]
fn files_that_must_fail_fail_with_both() {
    for file in yaml_files(&root().join("testdata/promtool/fail")) {
        let (theirs, _) = promtool(&file);
        assert!(!theirs, "{}: promtool passes it", file.display());
        let (passed, _) = ours(&file, Semantics::V2);
        assert!(!passed, "{}: we pass it", file.display());
    }
}
