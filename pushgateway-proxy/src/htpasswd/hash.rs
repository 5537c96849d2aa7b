//! The kinds of hashes that people have in their files.

mod apr1;

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use subtle::ConstantTimeEq;

/// `htpasswd` itself stops here. The next step up takes a second a push, the last one weeks.
pub const HIGHEST_COST: u32 = 17;
/// SHA-1 has as many.
const SHA1_BYTES: usize = 20;
/// Longer than any tool makes it.
const SALT_LIMIT_BYTES: usize = 64;

/// A hash that holds: of a kind we check, with the right length, alphabet and cost.
pub enum Hash {
    /// `$2y$`, `$2a$` or `$2b$`.
    Bcrypt {
        /// All of it.
        text: String,
        /// Each step up doubles the time.
        cost: u32,
    },
    /// `$apr1$`: a thousand rounds of MD5.
    Apr1 {
        /// Up to eight bytes.
        salt: String,
        /// As the file has it.
        digest: String,
    },
    /// `{SHA}` without a salt, `{SSHA}` with one.
    Sha1 {
        /// What was hashed.
        digest: [u8; SHA1_BYTES],
        /// Behind the password.
        salt: Vec<u8>,
    },
}

/// Why a text is no [`Hash`]. Quotes none of it, since it could be the password itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// Of a kind that is not accepted: in words, to follow on "is".
    Kind(&'static str),
    /// Begins like one of these, and is none.
    Broken(&'static str),
    /// One check would take too long.
    TooCostly(u32),
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if ["$2y$", "$2a$", "$2b$"].iter().any(|prefix| text.starts_with(prefix)) {
            let cost = HashParts::from_str(text).map_err(|_| HashError::Broken("bcrypt"))?.get_cost();
            return match cost {
                0..=3 | 32.. => Err(HashError::Broken("bcrypt")),
                _ if cost > HIGHEST_COST => Err(HashError::TooCostly(cost)),
                _ => Ok(Self::Bcrypt { text: text.to_owned(), cost }),
            };
        }
        if let Some(rest) = text.strip_prefix(apr1::PREFIX) {
            let whole = rest.split_once('$').filter(|(salt, digest)| salt.len() <= 8 && apr1::is_digest(digest));
            let (salt, digest) = whole.ok_or(HashError::Broken("apr1"))?;
            return Ok(Self::Apr1 { salt: salt.to_owned(), digest: digest.to_owned() });
        }
        if let Some(rest) = text.strip_prefix("{SSHA}") {
            let bytes = STANDARD.decode(rest).map_err(|_| HashError::Broken("SSHA"))?;
            let (digest, salt) = bytes.split_first_chunk::<SHA1_BYTES>().ok_or(HashError::Broken("SSHA"))?;
            if salt.is_empty() || salt.len() > SALT_LIMIT_BYTES {
                return Err(HashError::Broken("SSHA"));
            }
            return Ok(Self::Sha1 { digest: *digest, salt: salt.to_owned() });
        }
        if let Some(rest) = text.strip_prefix("{SHA}") {
            let bytes = STANDARD.decode(rest).map_err(|_| HashError::Broken("SHA"))?;
            let digest = bytes.try_into().map_err(|_| HashError::Broken("SHA"))?;
            return Ok(Self::Sha1 { digest, salt: Vec::new() });
        }
        Err(HashError::Kind(kind(text)))
    }
}

impl Hash {
    /// Returns a hash of the same kind and cost that no password is known for.
    #[must_use]
    pub fn decoy(&self) -> Self {
        match self {
            Self::Bcrypt { cost, .. } => {
                Self::Bcrypt { text: format!("$2y${cost:02}${}", ".".repeat(53)), cost: *cost }
            }
            Self::Apr1 { salt, digest } => Self::Apr1 { salt: salt.clone(), digest: ".".repeat(digest.len()) },
            Self::Sha1 { salt, .. } => Self::Sha1 { digest: [0; SHA1_BYTES], salt: salt.clone() },
        }
    }

    /// Returns whether this is the hash of `password`; how much of it is right cannot be told from the time.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt { text, .. } => bcrypt::verify(password, text).unwrap_or(false),
            Self::Apr1 { salt, digest } => {
                apr1::digest(password, salt.as_bytes()).as_bytes().ct_eq(digest.as_bytes()).into()
            }
            Self::Sha1 { digest, salt } => {
                let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                sha1.update(password);
                sha1.update(salt);
                sha1.finish().as_ref().ct_eq(digest).into()
            }
        }
    }

    /// Returns whether a stolen file gives its passwords away to whoever tries many.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        !matches!(self, Self::Bcrypt { .. })
    }
}

/// Says what a hash is that is not accepted.
fn kind(hash: &str) -> &'static str {
    let is_des = hash.len() == 13 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    match hash {
        "" => "empty",
        _ if hash.starts_with("{PLAIN}") => "a plain password",
        _ if hash.starts_with("$1$") => "MD5 crypt",
        _ if hash.starts_with("$5$") || hash.starts_with("$6$") => "SHA-2 crypt",
        _ if hash.starts_with("$y$") => "yescrypt",
        _ if hash.starts_with("$2") => "of an old, unsafe kind of bcrypt",
        _ if is_des => "DES crypt, which sees only the first 8 characters of a password (or it is a plain password)",
        _ => "of an unknown kind, or a plain password",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `htpasswd -nbB -C 4`, `-nbm` and `-nbs` of Apache 2.4, and by OpenSSL 3.
    #[test]
    fn what_other_tools_have_made_is_verified() {
        for (hash, password) in [
            ("$2y$04$r.vQF/uVZbLa96vP25sDNeMATtET9O.ZRazu9CyP1C5G.LBxW7z6S", "secret"),
            ("$apr1$GDMe8UmP$EJ7JUws4riwupXs17bEDP1", "secret"),
            ("$apr1$abcdefgh$7h4098paklNpzdB9KwCdh/", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie.", ""),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret"),
            ("{SSHA}+RFhsab2AfzZ0VfEdyknXtUT06RhYmNk", "secret"),
        ] {
            let held: Hash = hash.parse().unwrap_or_else(|error| panic!("{hash}: {error:?}"));
            assert!(held.matches(password.as_bytes()), "{hash}");
            assert!(!held.matches(b"secreT") && !held.matches(b"secret\0"), "{hash}");
            assert!(!held.decoy().matches(password.as_bytes()), "{hash}");
        }
    }

    #[test]
    fn a_decoy_costs_what_its_model_costs() {
        let hash: Hash = "$2y$04$r.vQF/uVZbLa96vP25sDNeMATtET9O.ZRazu9CyP1C5G.LBxW7z6S".parse().unwrap();
        let Hash::Bcrypt { text, cost } = hash.decoy() else { panic!("another kind") };
        // It must be a real hash, or the check would end before it began.
        assert_eq!((HashParts::from_str(&text).unwrap().get_cost(), cost), (4, 4));
    }
}
