//! Who may push: users and the hashes of their passwords, from the file that `htpasswd` writes.

mod hash;
mod line;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::hash::Hash;
pub use self::line::LineError;
use self::line::parse;

/// bcrypt looks at no byte beyond. A longer password is refused, or all with the same beginning would do; whatever the
/// kind of its user's hash, so that the haste of it tells nothing about users.
const PASSWORD_LIMIT_BYTES: usize = 72;

/// Users and their hashes. Its `Debug` shows how many, and nothing of either.
pub struct Htpasswd {
    users: HashMap<Arc<str>, Hash>,
    /// One hash for each user, of the same kind and cost and of no password: what an unknown user is measured against.
    decoys: Vec<Hash>,
    keyed: RandomState,
}

/// Why a file of users was refused. Names the user where that helps, never the hash.
#[derive(Debug, thiserror::Error)]
pub enum HtpasswdError {
    /// The file cannot be read.
    #[error("cannot read the password file {path}; `htpasswd -nB prom > {path}` makes one")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{path}: the password file is not UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Nobody could ever push.
    #[error("{path}: the password file names no user; `htpasswd -nB prom >> {path}` adds one")]
    Nobody {
        /// The file.
        path: PathBuf,
    },
    /// A line that is not understood. One skipped silently would be a host that cannot push, or one that still can.
    #[error("{path}: line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: LineError,
    },
}

impl Htpasswd {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, names nobody, or a line is anything but a comment, blank, or user and hash.
    pub fn load(path: &Path) -> Result<Self, HtpasswdError> {
        let bytes =
            std::fs::read(path).map_err(|source| HtpasswdError::Unreadable { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes).map_err(|_| HtpasswdError::NotText { path: path.to_owned() })?;
        let users =
            parse(&text).map_err(|(line, reason)| HtpasswdError::Line { path: path.to_owned(), line, reason })?;
        if users.is_empty() {
            return Err(HtpasswdError::Nobody { path: path.to_owned() });
        }
        Ok(Self::from(users))
    }

    /// Returns how many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Returns whether nobody can push. [`Htpasswd::load`] refuses such a file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Returns the name as the file has it when there is such a user: only such a name may be logged,
    /// since what strangers send as a name may be a password in the wrong field.
    #[must_use]
    pub fn known(&self, user: &str) -> Option<Arc<str>> {
        self.users.get_key_value(user).map(|(name, _)| Arc::clone(name))
    }

    /// Returns how many users have a hash that gives its password away to whoever steals the file and tries many.
    #[must_use]
    pub fn weak(&self) -> usize {
        self.users.values().filter(|hash| hash.is_weak()).count()
    }

    /// Returns whether `password` could be anybody's. A NUL ends a password where C reads it, so `secret` and
    /// `secret\0…` would be the same to others; and of a long one bcrypt sees only the beginning.
    #[must_use]
    pub fn is_possible(password: &[u8]) -> bool {
        password.len() <= PASSWORD_LIMIT_BYTES && !password.contains(&0)
    }

    /// Returns whether `password` is the one of `user`. Takes as long as bcrypt takes, so it belongs on a thread
    /// that may block; an unknown user takes as long as a known one.
    #[must_use]
    pub fn verify(&self, user: &str, password: &[u8]) -> bool {
        if !Self::is_possible(password) {
            return false;
        }
        match self.users.get(user) {
            Some(hash) => hash.matches(password),
            None => {
                // Keyed, so that a name always meets the same cost, and nobody can tell which it will be.
                let index = self.keyed.hash_one(user) % (self.decoys.len().max(1) as u64);
                if let Some(decoy) = usize::try_from(index).ok().and_then(|index| self.decoys.get(index)) {
                    let _ = decoy.matches(password);
                }
                false
            }
        }
    }
}

impl From<HashMap<Arc<str>, Hash>> for Htpasswd {
    fn from(users: HashMap<Arc<str>, Hash>) -> Self {
        let decoys = users.values().map(Hash::decoy).collect();
        Self { users, decoys, keyed: RandomState::new() }
    }
}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Htpasswd").field("users", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> String {
        bcrypt::hash("secret", 4).unwrap().replacen("$2b$", "$2y$", 1)
    }

    fn users(text: &str) -> Htpasswd {
        Htpasswd::from(parse(text).map_err(|(line, reason)| format!("line {line}: {reason}")).unwrap())
    }

    #[test]
    fn the_right_password_of_a_user_and_nothing_else_is_verified() {
        let users = users(&format!("# hosts\r\n\r\nprom:{}\r\n", secret()));
        assert!(users.verify("prom", b"secret"));
        for (user, password) in [("prom", "wrong"), ("prom", ""), ("nobody", "secret"), ("", ""), ("PROM", "secret")] {
            assert!(!users.verify(user, password.as_bytes()), "{user}:{password}");
        }
    }

    #[test]
    fn every_prefix_that_tools_write_is_read() {
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let users = users(&format!("prom:{}", secret().replacen("$2y$", prefix, 1)));
            assert!(users.verify("prom", b"secret"), "{prefix}");
        }
    }

    #[test]
    fn neither_a_nul_nor_a_long_tail_makes_another_password_right() {
        let long = "x".repeat(72);
        let hash = bcrypt::hash(&long, 4).unwrap();
        let users = users(&format!("prom:{}\nlong:{hash}\n", secret()));
        assert!(!users.verify("prom", b"secret\0"));
        assert!(!users.verify("prom", b"secret\0x"));
        assert!(users.verify("long", long.as_bytes()));
        assert!(!users.verify("long", format!("{long}x").as_bytes()));
    }

    #[test]
    fn a_file_without_users_or_no_file_says_how_to_make_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let error = Htpasswd::load(&path).unwrap_err().to_string();
        assert!(error.contains("`htpasswd -nB prom > "), "{error}");
        for content in ["", "# nobody yet\n", "\u{feff}\r\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(Htpasswd::load(&path), Err(HtpasswdError::Nobody { .. })), "{content:?}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(Htpasswd::load(&path), Err(HtpasswdError::NotText { .. })));
    }

    #[test]
    fn neither_users_nor_hashes_are_shown_by_debug() {
        assert_eq!(format!("{:?}", users(&format!("prom:{}", secret()))), "Htpasswd { users: 1, .. }");
    }
}
