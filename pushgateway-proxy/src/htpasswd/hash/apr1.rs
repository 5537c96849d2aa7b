//! Apache's own MD5 hash (`$apr1$`), which `htpasswd` without options has made for twenty years.
//!
//! Source: the algorithm as described for FreeBSD's MD5 crypt, with the prefix of Apache's documentation ("Password Formats").

use md5::Context;

/// How such a hash begins.
pub const PREFIX: &str = "$apr1$";
/// Six bits a character.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ROUNDS: usize = 1000;
/// Which bytes of the digest go into each group of four characters; the sixteenth stands alone.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
const LAST: usize = 11;

/// Returns whether `text` has the length and the alphabet of a digest.
pub fn is_digest(text: &str) -> bool {
    text.len() == 22 && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// Returns the digest of `password` with `salt`, as a file has it.
pub fn digest(password: &[u8], salt: &[u8]) -> String {
    let inner = md5(&[password, salt, password]);
    let mut first = Context::new();
    for piece in [password, PREFIX.as_bytes(), salt] {
        first.consume(piece);
    }
    for piece in password.chunks(inner.len()) {
        first.consume(&inner[..piece.len()]);
    }
    let mut bits = password.len();
    while bits > 0 {
        first.consume(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    let mut digest = first.finalize().0;
    for round in 0..ROUNDS {
        let (odd, even) = if round % 2 == 1 { (password, &digest[..]) } else { (&digest[..], password) };
        let salt = if round % 3 == 0 { &[][..] } else { salt };
        let middle = if round % 7 == 0 { &[][..] } else { password };
        digest = md5(&[odd, salt, middle, even]);
    }
    encode(&digest)
}

fn md5(pieces: &[&[u8]]) -> [u8; 16] {
    let mut context = Context::new();
    for piece in pieces {
        context.consume(piece);
    }
    context.finalize().0
}

fn encode(digest: &[u8; 16]) -> String {
    let mut text = String::with_capacity(22);
    let mut push = |mut bits: usize, characters: usize| {
        for _ in 0..characters {
            text.push(char::from(ALPHABET[bits & 63]));
            bits >>= 6;
        }
    };
    for [high, middle, low] in ORDER {
        push(usize::from(digest[high]) << 16 | usize::from(digest[middle]) << 8 | usize::from(digest[low]), 4);
    }
    push(usize::from(digest[LAST]), 2);
    text
}
