//! What a process leaves with, the same for every binary of ours.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// Everything asked for was done.
pub const DONE: u8 = 0;
/// Something failed while running: a push was refused, a port was taken.
pub const FAILED: u8 = 1;
/// The command line was wrong; clap leaves with the same code by itself.
pub const USAGE: u8 = 2;
/// The configuration is wrong (`EX_CONFIG` of sysexits.h); starting again will not help.
pub const CONFIG: u8 = 78;

/// Why a process ends before its work is done. Decides the exit code.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is wrong; systemd must not start us again ([`CONFIG`]).
    Configuration(anyhow::Error),
    /// The command line parses, and what it asks for makes no sense ([`USAGE`]).
    Usage(anyhow::Error),
    /// Anything else ([`FAILED`]); `?` on an [`anyhow::Error`] means this one.
    Running(anyhow::Error),
}

impl Failure {
    /// Marks `error` as the operator's to mend: for `map_err(Failure::configuration)`.
    pub fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self::Configuration(error.into())
    }

    /// Returns the exit code that goes with this failure.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) => CONFIG,
            Self::Usage(_) => USAGE,
            Self::Running(_) => FAILED,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Running(error)
    }
}

/// The whole chain in one line: `cannot push: the gateway cannot be reached: connection refused`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Configuration(error) | Self::Usage(error) | Self::Running(error)) = self;
        write!(f, "{error:#}")
    }
}

/// Turns the end of `main` into an exit code, with `error: …` on stderr when there is something to say.
pub fn leave(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::from(DONE),
        Err(failure) => {
            // Not `eprintln!`, which panics when stderr is a log on a full disk: the exit code must get through.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
