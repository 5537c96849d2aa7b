//! Who may push: users and the bcrypt hashes of their passwords, from the file that `htpasswd` writes.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use bcrypt::HashParts;

/// `htpasswd` itself stops here. The next step up takes a second a push, the last one weeks.
const HIGHEST_COST: u32 = 17;
/// bcrypt looks at no byte beyond. A longer password is refused, or all with the same beginning would do.
const PASSWORD_LIMIT_BYTES: usize = 72;

/// Users and their hashes. Its `Debug` shows how many, and nothing of either.
pub struct Htpasswd {
    users: HashMap<Arc<str>, Hash>,
    /// One hash for each user, of the same cost and of no password: what an unknown user is measured against.
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

/// What is wrong with one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// There is no colon.
    #[error("there is no colon between user and hash")]
    NoColon,
    /// There is nothing before the colon.
    #[error("there is no user before the colon")]
    NoUser,
    /// Blanks or control characters, which nobody sees in an editor.
    #[error("the user name begins or ends with a blank, or holds a control character")]
    OddUser,
    /// Two lines for one user.
    #[error("user `{0}` stands here a second time (first in line {1}); keep one")]
    Twice(Arc<str>, usize),
    /// The hash is of another kind, or the password itself.
    #[error("the hash of user `{0}` is {1}; only bcrypt is accepted: `htpasswd -nB {0}` makes such a line")]
    NotBcrypt(Arc<str>, &'static str),
    /// It begins like bcrypt, but is none.
    #[error("the bcrypt hash of user `{0}` is broken (cut off, or changed); `htpasswd -nB {0}` makes a new line")]
    Broken(Arc<str>),
    /// One check would take too long.
    #[error("the bcrypt hash of user `{0}` has cost {1}; at most {HIGHEST_COST} is accepted, 10 is plenty")]
    TooCostly(Arc<str>, u32),
}

impl Htpasswd {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, names nobody, or a line is anything but a comment, blank, or user and bcrypt hash.
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

    /// Returns whether `password` is the one of `user`. Takes as long as bcrypt takes, so it belongs on a thread
    /// that may block; an unknown user takes as long as a known one.
    #[must_use]
    pub fn verify(&self, user: &str, password: &[u8]) -> bool {
        // Before the user is looked up, so that the haste of it tells nothing about users. A NUL ends a password
        // where C reads it, so `secret` and `secret\0…` would be the same.
        if password.len() > PASSWORD_LIMIT_BYTES || password.contains(&0) {
            return false;
        }
        match self.users.get(user) {
            Some(hash) => hash.matches(password),
            None => {
                // Keyed, so that a name always meets the same cost, and nobody can tell which it will be.
                let index = self.keyed.hash_one(user) % (self.decoys.len().max(1) as u64);
                if let Some(decoy) = usize::try_from(index).ok().and_then(|index| self.decoys.get(index)) {
                    decoy.matches(password);
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

/// A bcrypt hash that holds: the right length, alphabet and cost.
pub struct Hash {
    text: String,
    cost: u32,
}

impl Hash {
    fn parse(user: &Arc<str>, text: &str) -> Result<Self, LineError> {
        let is_bcrypt = ["$2y$", "$2a$", "$2b$"].iter().any(|prefix| text.starts_with(prefix));
        if !is_bcrypt {
            return Err(LineError::NotBcrypt(Arc::clone(user), kind(text)));
        }
        let cost = HashParts::from_str(text).map_err(|_| LineError::Broken(Arc::clone(user)))?.get_cost();
        match cost {
            0..=3 | 32.. => Err(LineError::Broken(Arc::clone(user))),
            _ if cost > HIGHEST_COST => Err(LineError::TooCostly(Arc::clone(user), cost)),
            _ => Ok(Self { text: text.to_owned(), cost }),
        }
    }

    /// A hash of the same cost that no password is known for: salt and digest are zero.
    fn decoy(&self) -> Self {
        Self { text: format!("$2y${:02}${}", self.cost, ".".repeat(53)), cost: self.cost }
    }

    fn matches(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.text).unwrap_or(false)
    }
}

/// Says what a hash is that is not bcrypt, without quoting any of it: it could be the password itself.
fn kind(hash: &str) -> &'static str {
    match hash {
        "" => "empty",
        _ if hash.starts_with("$apr1$") => "MD5 (apr1)",
        _ if hash.starts_with("{SHA}") => "SHA-1",
        _ if hash.starts_with("{SSHA}") => "salted SHA-1",
        _ if hash.starts_with("{PLAIN}") => "a plain password",
        _ if hash.starts_with("$1$") => "MD5 crypt",
        _ if hash.starts_with("$5$") || hash.starts_with("$6$") => "SHA-2 crypt",
        _ if hash.starts_with("$y$") => "yescrypt",
        _ if hash.starts_with("$2") => "of an old, unsafe kind of bcrypt",
        _ => "of an unknown kind (DES crypt, or a plain password)",
    }
}

fn parse(text: &str) -> Result<HashMap<Arc<str>, Hash>, (usize, LineError)> {
    let mut users = HashMap::new();
    let mut seen = HashMap::new();
    // Editors on Windows begin a file with this mark.
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let (user, hash) = parse_line(line).map_err(|reason| (number, reason))?;
        if let Some(first) = seen.insert(Arc::clone(&user), number) {
            return Err((number, LineError::Twice(user, first)));
        }
        users.insert(user, hash);
    }
    Ok(users)
}

fn parse_line(line: &str) -> Result<(Arc<str>, Hash), LineError> {
    let (user, hash) = line.split_once(':').ok_or(LineError::NoColon)?;
    if user.is_empty() {
        return Err(LineError::NoUser);
    }
    if user.trim() != user || user.chars().any(char::is_control) {
        return Err(LineError::OddUser);
    }
    let user = Arc::from(user);
    let hash = Hash::parse(&user, hash.trim_end())?;
    Ok((user, hash))
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

    fn refused(text: &str) -> String {
        parse(text).err().map(|(line, reason)| format!("line {line}: {reason}")).unwrap()
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
    fn an_unknown_user_is_measured_against_a_hash_of_the_same_cost() {
        let hash = Hash::parse(&Arc::from("prom"), &secret()).unwrap();
        let decoy = hash.decoy();
        assert_eq!(decoy.cost, 4);
        // It must be a real hash, or the check would end before it began.
        assert_eq!(HashParts::from_str(&decoy.text).unwrap().get_cost(), 4);
        assert!(!decoy.matches(b"") && !decoy.matches(b"secret"));
    }

    #[test]
    fn a_line_that_is_not_understood_is_named_without_its_hash() {
        let hash = secret();
        for (line, reason) in [
            ("prom".to_owned(), "there is no colon"),
            (format!(":{hash}"), "there is no user"),
            (format!(" prom:{hash}"), "the user name begins or ends with a blank"),
            (format!("pr\tom:{hash}"), "the user name begins or ends with a blank, or holds a control"),
            ("prom:".into(), "the hash of user `prom` is empty"),
            ("prom:hunter2".into(), "the hash of user `prom` is of an unknown kind"),
            ("prom:$apr1$hunter2$x".into(), "the hash of user `prom` is MD5 (apr1); only bcrypt is accepted"),
            ("prom:{SHA}hunter2".into(), "the hash of user `prom` is SHA-1"),
            ("prom:{PLAIN}hunter2".into(), "the hash of user `prom` is a plain password"),
            (format!("prom:{}", hash.replacen("$2y$", "$2x$", 1)), "is of an old, unsafe kind"),
            (format!("prom:{}", &hash[..59]), "the bcrypt hash of user `prom` is broken"),
            (format!("prom:{hash}:more"), "the bcrypt hash of user `prom` is broken"),
            (format!("prom:{}", hash.replacen("$04$", "$03$", 1)), "is broken"),
            (format!("prom:{}", hash.replacen("$04$", "$31$", 1)), "has cost 31; at most 17"),
        ] {
            let error = refused(&format!("# first\n{line}\n"));
            assert!(error.starts_with("line 2: ") && error.contains(reason), "{line}: {error}");
            assert!(!error.contains("hunter2") && !error.contains(&hash[8..]), "{error}");
        }
    }

    #[test]
    fn one_user_has_one_line() {
        let hash = secret();
        assert_eq!(
            refused(&format!("prom:{hash}\n\nprom:{hash}\n")),
            "line 3: user `prom` stands here a second time (first in line 1); keep one"
        );
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
