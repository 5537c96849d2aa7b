//! Runs on every input that fuzzing found worth keeping what the fuzz targets run on new ones.

use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

/// Runs `check` on what is kept for the target `name`.
fn replay(name: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut seen = 0;
    for entry in std::fs::read_dir(&corpus).expect("the corpus is there") {
        let path = entry.expect("it can be listed").path();
        check(&std::fs::read(path).expect("it can be read"));
        seen += 1;
    }
    assert!(seen > 20, "{seen} inputs in {}", corpus.display());
}

#[test]
fn chunk() {
    replay("chunk", checks::chunk);
}

#[test]
fn log() {
    replay("log", checks::log);
}

#[test]
fn block() {
    replay("block", checks::block);
}
