//! The target of a request, byte for byte.

use http::Uri;

/// Path and query as the client wrote them: a `%2F` is not a `/` yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: Vec<u8>,
    query: Option<Vec<u8>>,
}

/// A path with a `%` that no two hexadecimal digits follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenEscape;

impl Target {
    /// Takes the target of a request line: a path, or a whole URL as proxies get it.
    #[must_use]
    pub fn new(target: &[u8]) -> Self {
        let target = match target.iter().position(|byte| *byte == b':') {
            Some(colon) if target[colon..].starts_with(b"://") && !target.starts_with(b"/") => {
                let rest = &target[colon + 3..];
                rest.iter().position(|byte| *byte == b'/').map_or(&b"/"[..], |slash| &rest[slash..])
            }
            _ => target,
        };
        match target.iter().position(|byte| *byte == b'?') {
            Some(mark) => Self { path: target[..mark].to_vec(), query: Some(target[mark + 1..].to_vec()) },
            None => Self { path: target.to_vec(), query: None },
        }
    }

    /// Takes what the HTTP library made of it.
    #[must_use]
    pub fn of_uri(uri: &Uri) -> Self {
        Self { path: uri.path().as_bytes().to_vec(), query: uri.query().map(|query| query.as_bytes().to_vec()) }
    }

    /// Returns the path with every `%XX` decoded, once.
    ///
    /// # Errors
    /// When a `%` begins no escape.
    pub fn path(&self) -> Result<Vec<u8>, BrokenEscape> {
        decode(&self.path, false)
    }

    /// Returns the query as it was written.
    #[must_use]
    pub fn raw_query(&self) -> Option<&[u8]> {
        self.query.as_deref()
    }

    /// Returns the values of the parameter `name`, decoded; what is no text is passed over.
    pub fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        self.query.as_deref().unwrap_or_default().split(|byte| *byte == b'&').filter_map(move |pair| {
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(split + 1..).unwrap_or_default();
            let is_it = decode(&pair[..split], true).is_ok_and(|own| own == name.as_bytes());
            is_it.then(|| decode(value, true).ok().and_then(|value| String::from_utf8(value).ok())).flatten()
        })
    }

    /// Returns the first value of the parameter `name`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).next()
    }
}

fn decode(text: &[u8], plus_is_blank: bool) -> Result<Vec<u8>, BrokenEscape> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match *first {
            b'%' => {
                let digit = |place: usize| char::from(*after.get(place)?).to_digit(16);
                let (high, low) = digit(0).zip(digit(1)).ok_or(BrokenEscape)?;
                decoded.push(u8::try_from(high << 4 | low).unwrap_or(u8::MAX));
                rest = &after[2..];
            }
            b'+' if plus_is_blank => decoded.push(b' '),
            other => decoded.push(other),
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(Target::new(b"/a%2Fb%252F+#?x=%zz").path().unwrap(), b"/a/b%2F+#");
        assert_eq!(Target::new(b"/a%zz").path(), Err(BrokenEscape));
        assert_eq!(Target::new(b"/a%4").path(), Err(BrokenEscape));
        assert_eq!(Target::new(b"http://h:1/a://b?c").path().unwrap(), b"/a://b");
        assert_eq!(Target::new(b"/x://y").path().unwrap(), b"/x://y");
    }

    #[test]
    fn parameters_are_decoded_as_forms_are() {
        let target = Target::new(b"/?match%5B%5D=%7Bjob%3D%22a+b%22%7D&match[]=c&d");
        assert_eq!(target.parameters("match[]").collect::<Vec<_>>(), ["{job=\"a b\"}", "c"]);
        assert_eq!(target.parameter("d").as_deref(), Some(""));
        assert_eq!(target.parameter("e"), None);
    }
}
