//! The lines of the file: comments, blanks, and users with their bcrypt hashes.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use bcrypt::HashParts;

/// `htpasswd` itself stops here. The next step up takes a second a push, the last one weeks.
const HIGHEST_COST: u32 = 17;

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
    pub(super) fn decoy(&self) -> Self {
        Self { text: format!("$2y${:02}${}", self.cost, ".".repeat(53)), cost: self.cost }
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.text).unwrap_or(false)
    }
}

/// Reads all lines; the error says which one, from 1.
pub(super) fn parse(text: &str) -> Result<HashMap<Arc<str>, Hash>, (usize, LineError)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> String {
        bcrypt::hash("secret", 4).unwrap().replacen("$2b$", "$2y$", 1)
    }

    fn refused(text: &str) -> String {
        parse(text).err().map(|(line, reason)| format!("line {line}: {reason}")).unwrap()
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
}
