//! The environment names that users already have, and the ways in which they hand over a secret.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// A secret is a password or a URL; a longer file is the wrong file.
const SECRET_LIMIT_BYTES: u64 = 64 * 1024;

/// The variables that a process was started with.
///
/// Held as a value, so that a test can bring its own.
#[derive(Clone, Default)]
pub struct Environment(HashMap<OsString, OsString>);

/// Why a variable, or the file that it names, cannot be used. Names it, and never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The value is not text.
    #[error("{0} is not UTF-8")]
    NotText(String),
    /// A switch that is neither on nor off.
    #[error("{0} must be true or false")]
    NotASwitch(String),
    /// `NAME` and `NAME_FILE` are both set.
    #[error("{0} and {0}_FILE are both set; keep one")]
    TwoHomes(String),
    /// The file with the secret cannot be read.
    #[error("cannot read the secret in {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file with the secret does not hold one.
    #[error("the secret in {path} {reason}")]
    NotASecret {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
}

impl Environment {
    /// Returns the environment of this process, as it was at the call.
    #[must_use]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns the value of `name`; an empty one counts as not set, as in most shells' start files.
    ///
    /// # Errors
    /// When the value is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>, EnvironmentError> {
        match self.0.get(&OsString::from(name)) {
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => value
                .to_str()
                .map(|text| Some(text.to_owned()))
                .ok_or_else(|| EnvironmentError::NotText(name.to_owned())),
            None => Ok(None),
        }
    }

    /// Returns the value of `name` as a path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(&OsString::from(name)).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Returns whether the switch `name` is on: `true`, `1`, `yes` or `on` against `false`, `0`, `no` or `off`.
    ///
    /// # Errors
    /// When it is set to anything else: a misspelt `ture` must not quietly mean off.
    pub fn switch(&self, name: &str) -> Result<Option<bool>, EnvironmentError> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(EnvironmentError::NotASwitch(name.to_owned())),
        }
    }

    /// Returns the secret called `name`: from the variable itself, from the file that `NAME_FILE` names, or from
    /// the systemd credential of that name in lower case (`LoadCredential=pushgateway_password:…`), in this order.
    ///
    /// # Errors
    /// When the variable and its file twin are both set, or what they name cannot be used.
    pub fn secret(&self, name: &str) -> Result<Option<SecretString>, EnvironmentError> {
        let file = self.path(&format!("{name}_FILE"));
        match (self.text(name)?, file) {
            (Some(_), Some(_)) => Err(EnvironmentError::TwoHomes(name.to_owned())),
            (Some(value), None) => Ok(Some(SecretString::from(value))),
            (None, Some(file)) => read_secret_file(&file).map(Some),
            (None, None) => match self.path("CREDENTIALS_DIRECTORY") {
                Some(directory) if directory.join(name.to_lowercase()).exists() => {
                    read_secret_file(&directory.join(name.to_lowercase())).map(Some)
                }
                _ => Ok(None),
            },
        }
    }
}

impl<N: Into<OsString>, V: Into<OsString>, const LEN: usize> From<[(N, V); LEN]> for Environment {
    fn from(variables: [(N, V); LEN]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Reads a secret from a file: its first line, without the line end that editors leave.
///
/// # Errors
/// When the file cannot be read, is empty, is no text, or has more than one line.
pub fn read_secret_file(path: &Path) -> Result<SecretString, EnvironmentError> {
    let unreadable = |source| EnvironmentError::Unreadable { path: path.to_owned(), source };
    let not_a_secret = |reason| EnvironmentError::NotASecret { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    // Bounded while it is read, since a device has no length that could be asked for.
    let file = File::open(path).map_err(unreadable)?;
    file.take(SECRET_LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > SECRET_LIMIT_BYTES {
        return Err(not_a_secret("is longer than 64 KiB: this is the wrong file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| not_a_secret("is not UTF-8"))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(not_a_secret("is empty"));
    }
    if secret.contains('\n') {
        return Err(not_a_secret("has more than one line; keep the secret alone in its file"));
    }
    Ok(SecretString::from(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, content).unwrap();
        file
    }

    #[test]
    fn a_secret_comes_from_its_variable_its_file_or_a_credential() {
        let held = file("hunter2\n");
        let path = held.path().to_str().unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("push_password"), "hunter2").unwrap();

        for environment in [
            Environment::from([("PUSH_PASSWORD", "hunter2")]),
            Environment::from([("PUSH_PASSWORD_FILE", path)]),
            Environment::from([("CREDENTIALS_DIRECTORY", directory.path().to_str().unwrap())]),
        ] {
            let secret = environment.secret("PUSH_PASSWORD").unwrap().unwrap();
            assert_eq!(secret.expose_secret(), "hunter2");
        }
        assert!(Environment::default().secret("PUSH_PASSWORD").unwrap().is_none());
    }

    #[test]
    fn a_secret_with_two_homes_is_refused() {
        let environment = Environment::from([("TOKEN", "a"), ("TOKEN_FILE", "/b")]);
        assert_eq!(environment.secret("TOKEN").unwrap_err().to_string(), "TOKEN and TOKEN_FILE are both set; keep one");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_with_the_reason() {
        for (content, reason) in [
            ("", "is empty"),
            ("\n", "is empty"),
            ("a\nb\n", "has more than one line; keep the secret alone in its file"),
        ] {
            let held = file(content);
            let error = read_secret_file(held.path()).unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
        for too_long in [file(&"x".repeat(64 * 1024 + 1)).path(), Path::new("/dev/zero")] {
            let error = read_secret_file(too_long).unwrap_err().to_string();
            assert!(error.ends_with("is longer than 64 KiB: this is the wrong file"), "{error}");
        }
        let longest = "x".repeat(64 * 1024);
        assert_eq!(read_secret_file(file(&longest).path()).unwrap().expose_secret(), longest);
    }

    #[test]
    fn a_switch_is_on_or_off_and_nothing_else() {
        for (value, on) in [("true", true), ("TRUE", true), ("1", true), ("false", false), ("off", false)] {
            assert_eq!(Environment::from([("S", value)]).switch("S").unwrap(), Some(on));
        }
        assert_eq!(Environment::from([("S", "")]).switch("S").unwrap(), None);
        assert_eq!(Environment::from([("S", "ture")]).switch("S").unwrap_err().to_string(), "S must be true or false");
    }
}
