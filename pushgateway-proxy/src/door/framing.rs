//! Notices heads that tell their body's length twice.
//!
//! The HTTP library takes such a request as RFC 9112 allows, and ends its connection behind it. Whoever stands before us may
//! have read it otherwise, and what it took for the next request was inside of this one; so it is refused.

/// A head that goes on for longer is refused for that.
const LIMIT_BYTES: usize = 64 * 1024;

/// Looks at the bytes of one head as they arrive.
#[derive(Default)]
pub struct Framing {
    /// What came in earlier pieces; most heads come in one.
    begun: Vec<u8>,
    is_over: bool,
}

impl Framing {
    /// Looks at what has arrived; returns whether the head is complete now and tells a length twice.
    pub fn is_doubtful(&mut self, bytes: &[u8]) -> bool {
        if self.is_over {
            return false;
        }
        if self.begun.is_empty()
            && let Some(head) = head(bytes)
        {
            self.is_over = true;
            return lengths(head) > 1;
        }
        self.begun.extend_from_slice(&bytes[..bytes.len().min(LIMIT_BYTES)]);
        let Some(head) = head(&self.begun) else {
            self.is_over = self.begun.len() > LIMIT_BYTES;
            return false;
        };
        let is_doubtful = lengths(head) > 1;
        *self = Self { is_over: true, ..Self::default() };
        is_doubtful
    }

    /// Begins anew with the next head.
    pub fn restart(&mut self) {
        self.is_over = false;
        self.begun.clear();
    }
}

/// Returns the lines up to the empty one, if that has come. Lines may end without `\r`, as the library has it.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    while let Some(end) = bytes[from..].iter().position(|byte| *byte == b'\n').map(|end| from + end) {
        match &bytes[end + 1..] {
            [b'\n', ..] | [b'\r', b'\n', ..] => return Some(&bytes[..end]),
            _ => from = end + 1,
        }
    }
    None
}

/// Returns how many lines of `head` tell a length.
fn lengths(head: &[u8]) -> usize {
    let is_length = |line: &&[u8]| {
        let tells = |name: &[u8]| {
            line.split_at_checked(name.len()).is_some_and(|(begin, rest)| {
                begin.eq_ignore_ascii_case(name) && matches!(rest.first(), Some(b':' | b' ' | b'\t'))
            })
        };
        tells(b"content-length") || tells(b"transfer-encoding")
    };
    head.split(|byte| *byte == b'\n').skip(1).filter(is_length).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_told_once() {
        for (head, expected) in [
            ("PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nm 1\n", false),
            ("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\nX-Content-Length: 4\r\n\r\n", false),
            ("PUT / HTTP/1.1\r\nContent-Length: 4\r\ncontent-length: 4\r\n\r\n", true),
            ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\nContent-Length: 4\r\n\r\n", true),
            ("PUT / HTTP/1.1\nContent-Length: 4\nTransfer-Encoding: chunked\n\n", true),
            ("PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nContent-Length: 5\r\n\r\n", false),
        ] {
            assert_eq!(Framing::default().is_doubtful(head.as_bytes()), expected, "{head}");
            let (mut slowly, mut seen) = (Framing::default(), false);
            for byte in head.as_bytes() {
                seen |= slowly.is_doubtful(std::slice::from_ref(byte));
            }
            assert_eq!(seen, expected, "byte by byte: {head}");
            slowly.restart();
            assert_eq!(slowly.is_doubtful(head.as_bytes()), expected, "the next one: {head}");
        }
    }

    #[test]
    fn a_head_without_end_is_not_kept() {
        let mut framing = Framing::default();
        for _ in 0..100 {
            assert!(!framing.is_doubtful(&[b'a'; 4096]));
        }
        assert!(framing.begun.len() < 2 * LIMIT_BYTES);
    }
}
