//! `noroshi rules`: checks rule files and runs their test files, without Prometheus.
//!
//! What `promtool check rules` and `promtool test rules` do, by the engine that will evaluate them here.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use config::Environment;
use config::exit::Failure;
use rule_engine::{RuleFile, UnitTest};

use crate::language::Language;

const EXAMPLES: &str = "\
Examples:
  noroshi rules check alert-rules/*.yml
  noroshi rules test alert-rules/tests/*.yml
  noroshi rules test --semantics 2 tests.yml      as promtool of Prometheus 2 does

Exit codes: 0 all passed, 1 some failed, 2 wrong usage.";

/// What is to be looked at.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Language of the answer [default: that of the locale]
    #[arg(long, value_name = "LANGUAGE", global = true)]
    language: Option<Language>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read rule files: is everything in them understood?
    Check {
        /// Rule files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Run the test files of `promtool test rules`
    Test {
        /// Whose windows: Prometheus 3 leaves out a sample on the left edge, Prometheus 2 takes it in
        #[arg(long, value_enum, default_value = "3", value_name = "VERSION")]
        semantics: Semantics,
        /// Test files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Semantics {
    #[value(name = "2")]
    V2,
    #[value(name = "3")]
    V3,
}

impl From<Semantics> for promql::Semantics {
    fn from(semantics: Semantics) -> Self {
        match semantics {
            Semantics::V2 => Self::V2,
            Semantics::V3 => Self::V3,
        }
    }
}

/// Looks at every file, prints what was found, and a closing line.
///
/// # Errors
/// When a file failed, or nobody reads what is printed.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let language = arguments.language.unwrap_or_else(|| Language::of_locale(&Environment::of_process()));
    let mut paper = Paper { out: io::stdout().lock(), language };
    let (passed, failed) = match &arguments.command {
        Command::Check { files } => count(files, |file| paper.check(file)),
        Command::Test { semantics, files } => count(files, |file| paper.test(file, (*semantics).into())),
    }
    .context("cannot print what was found")?;
    let closing = match language {
        Language::En => format!("{passed} files passed, {failed} failed"),
        Language::Ja => format!("成功 {passed} ファイル、失敗 {failed} ファイル"),
    };
    paper.line(&closing).context("cannot print what was found")?;
    match (failed, language) {
        (0, _) => Ok(()),
        (_, Language::En) => Err(Failure::Running(anyhow!("{failed} of {} files failed", passed + failed))),
        (_, Language::Ja) => {
            Err(Failure::Running(anyhow!("{} ファイル中 {failed} ファイルが失敗しました", passed + failed)))
        }
    }
}

/// Returns how many files passed and how many did not.
fn count(files: &[PathBuf], mut passes: impl FnMut(&Path) -> io::Result<bool>) -> io::Result<(usize, usize)> {
    let mut passed = 0;
    for file in files {
        passed += usize::from(passes(file)?);
    }
    Ok((passed, files.len() - passed))
}

/// Where the answer is written.
struct Paper<W> {
    out: W,
    language: Language,
}

impl<W: Write> Paper<W> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    fn check(&mut self, file: &Path) -> io::Result<bool> {
        let rules = match RuleFile::read(file) {
            Err(refused) => return self.refuse(&refused),
            Ok(rules) => rules,
        };
        let (groups, count) = (rules.groups.len(), rules.groups.iter().map(|group| group.rules.len()).sum::<usize>());
        let file = file.display();
        self.line(&match self.language {
            Language::En => format!("{file}: {groups} groups, {count} rules"),
            Language::Ja => format!("{file}: {groups} グループ、{count} ルール"),
        })?;
        for duplicate in rules.duplicates() {
            self.warn(&format!("{file}"), &duplicate.to_string())?;
        }
        Ok(true)
    }

    fn test(&mut self, file: &Path, semantics: promql::Semantics) -> io::Result<bool> {
        let verdict = match UnitTest::read(file) {
            Err(refused) => return self.refuse(&refused),
            Ok(test) => test.run(semantics),
        };
        let file = file.display().to_string();
        for pattern in &verdict.unmatched {
            let warning = match self.language {
                Language::En => format!("no rule file fits `{pattern}`"),
                Language::Ja => format!("`{pattern}` に当てはまるルールファイルがありません"),
            };
            self.warn(&file, &warning)?;
        }
        for failure in &verdict.failures {
            self.line(&format!("{file}: {}: {}", failure.test, failure.reason))?;
        }
        let (passed, tests) = (verdict.passed(), verdict.tests);
        self.line(&match (self.language, passed) {
            (Language::En, true) => format!("{file}: {tests} tests, passed"),
            (Language::En, false) => format!("{file}: {tests} tests, FAILED"),
            (Language::Ja, true) => format!("{file}: {tests} テスト、成功"),
            (Language::Ja, false) => format!("{file}: {tests} テスト、失敗"),
        })?;
        Ok(passed)
    }

    fn warn(&mut self, file: &str, warning: &str) -> io::Result<()> {
        match self.language {
            Language::En => self.line(&format!("{file}: warning: {warning}")),
            Language::Ja => self.line(&format!("{file}: 警告: {warning}")),
        }
    }

    fn refuse(&mut self, refused: &dyn Error) -> io::Result<bool> {
        match refused.source() {
            Some(source) => self.line(&format!("{refused}: {source}"))?,
            None => self.line(&refused.to_string())?,
        }
        Ok(false)
    }
}
