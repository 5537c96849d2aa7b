//! The lines of the file: comments, blanks, and users with their hashes.

use std::collections::HashMap;
use std::sync::Arc;

use super::hash::{HIGHEST_COST, Hash, HashError};

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
    #[error(
        "the hash of user `{0}` is {1}; bcrypt, apr1, {{SHA}} and {{SSHA}} are accepted: `htpasswd -nB {0}` makes such a line"
    )]
    Kind(Arc<str>, &'static str),
    /// It begins like one of the kinds, but is none.
    #[error("the {1} hash of user `{0}` is broken (cut off, or changed); `htpasswd -nB {0}` makes a new line")]
    Broken(Arc<str>, &'static str),
    /// One check would take too long.
    #[error("the bcrypt hash of user `{0}` has cost {1}; at most {HIGHEST_COST} is accepted, 10 is plenty")]
    TooCostly(Arc<str>, u32),
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
    let user: Arc<str> = Arc::from(user);
    match hash.trim_end().parse() {
        Ok(hash) => Ok((user, hash)),
        Err(HashError::Kind(kind)) => Err(LineError::Kind(user, kind)),
        Err(HashError::Broken(kind)) => Err(LineError::Broken(user, kind)),
        Err(HashError::TooCostly(cost)) => Err(LineError::TooCostly(user, cost)),
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
    fn a_line_that_is_not_understood_is_named_without_its_hash() {
        let hash = secret();
        for (line, reason) in [
            ("prom".to_owned(), "there is no colon"),
            (format!(":{hash}"), "there is no user"),
            (format!(" prom:{hash}"), "the user name begins or ends with a blank"),
            (format!("pr\tom:{hash}"), "the user name begins or ends with a blank, or holds a control"),
            ("prom:".into(), "the hash of user `prom` is empty"),
            ("prom:hunter2".into(), "the hash of user `prom` is of an unknown kind, or a plain password; bcrypt, apr1"),
            ("prom:rqXexS6ZhobKA".into(), "the hash of user `prom` is DES crypt, which sees only the first 8"),
            ("prom:$6$hunter2".into(), "the hash of user `prom` is SHA-2 crypt"),
            ("prom:$apr1$hunter2$x".into(), "the apr1 hash of user `prom` is broken"),
            ("prom:$apr1$ninesalts$DfyCs7Ktb7TbuYvXaZZ11.".into(), "the apr1 hash of user `prom` is broken"),
            ("prom:{SHA}hunter2".into(), "the SHA hash of user `prom` is broken"),
            ("prom:{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=".into(), "the SSHA hash of user `prom` is broken"),
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
