//! The test files of `promtool test rules`, run through this engine.

mod compare;
mod file;
mod notation;
mod paths;
mod run;

use std::path::{Path, PathBuf};

use promql::Semantics;

use self::file::File;
use crate::rules::Refused;
use crate::yaml;

/// A test file: rule files, series, and what should come of them.
#[derive(Debug)]
pub struct UnitTest {
    /// The file as it was named.
    name: String,
    /// What its paths are relative to.
    folder: PathBuf,
    file: File,
}

/// How the tests of a file ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many tests the file has.
    pub tests: usize,
    /// Patterns of `rule_files` that fit no file. That alone fails no test, as in promtool.
    pub unmatched: Vec<String>,
    /// All that was not as expected.
    pub failures: Vec<TestFailure>,
}

/// Something that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFailure {
    /// The test's name, or its number.
    pub test: String,
    /// What was expected and what came, in a few lines.
    pub reason: String,
}

impl Verdict {
    /// Returns whether all was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl UnitTest {
    /// Reads the test file at `path`. The rule files that it names are read when it is run.
    ///
    /// # Errors
    /// When it cannot be read, is no YAML, or has a field that no test file has.
    pub fn read(path: &Path) -> Result<Self, Refused> {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) => return Err(Refused::Unreadable { file: name, source }),
        };
        let file = yaml::read(&text).map_err(|reason| Refused::Malformed { file: name.clone(), reason })?;
        Ok(Self { name, folder: path.parent().unwrap_or(Path::new("")).to_owned(), file })
    }

    /// Returns the file as it was named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the tests, with queries read as that Prometheus reads them whose promtool would run them otherwise.
    #[must_use]
    pub fn run(&self, semantics: Semantics) -> Verdict {
        run::file(self, semantics)
    }
}
