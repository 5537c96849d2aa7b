//! Proof that a message comes from us and was not recorded earlier: the scheme of the Standard Webhooks specification,
//! for which there are ready-made verifiers in a dozen languages (<https://www.standardwebhooks.com>).
//!
//! What is signed is `ID.TIMESTAMP.BODY`, by HMAC-SHA256; the receiver refuses timestamps that are minutes away from its own.

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Shorter keys can be guessed.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// A key that we share with a receiver.
pub struct SigningKey(hmac::Key);

/// Why a secret is no key. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// `whsec_` and then something that is not base64.
    #[error("behind `whsec_` it is not base64")]
    NotBase64,
    /// Too short or too long.
    #[error("it has {0} bytes; 16 to 512 make a key (`openssl rand -base64 32` prints a good one)")]
    WrongLength(usize),
}

impl SigningKey {
    /// Reads a key: `whsec_` and base64, as other senders write it, or any text, which is taken as it stands.
    ///
    /// # Errors
    /// When it is no key.
    pub fn parse(secret: &SecretString) -> Result<Self, NotAKey> {
        let text = secret.expose_secret().trim();
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| NotAKey::NotBase64)?,
            None => text.as_bytes().to_vec(),
        };
        if !KEY_BYTES.contains(&bytes.len()) {
            return Err(NotAKey::WrongLength(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Returns the value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", at.as_second().to_string().as_bytes(), b".", body].concat();
        format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&self.0, &signed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY -binary | base64
        // with KEY = `printf MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | od -An -tx1`
        let key = SigningKey::parse(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        assert_eq!(
            key.sign("msg_1", at, br#"{"test": 2432232314}"#),
            "v1,9o7UeFkn1GjVbcY4emAJruJCYqgH2EIf8u/slvVRBZI="
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        let refusal = |secret: &str| SigningKey::parse(&secret.into()).err().map(|error| error.to_string());
        assert_eq!(refusal("whsec_!!"), Some("behind `whsec_` it is not base64".into()));
        assert!(refusal("hunter2").unwrap().starts_with("it has 7 bytes"));
        assert_eq!(refusal("0123456789abcdef"), None);
    }
}
