//! Asks every query that fuzzing found worth keeping.

use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

#[test]
fn queries() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/query");
    let mut seen = 0;
    for entry in std::fs::read_dir(&corpus).expect("the corpus is there") {
        let path = entry.expect("it can be listed").path();
        checks::query(&std::fs::read(path).expect("it can be read"));
        seen += 1;
    }
    assert!(seen > 20, "{seen} inputs in {}", corpus.display());
}
