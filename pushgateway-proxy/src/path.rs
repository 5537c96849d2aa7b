//! Which paths lead to a push.
//!
//! A path goes upstream byte for byte, so it must mean the same to everyone who reads it on the way. What somebody
//! might clean up, split or decode into another path is refused here.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A longer path is no grouping key.
const LIMIT_BYTES: usize = 8 * 1024;
/// How a name says that its value is encoded.
const BASE64_SUFFIX: &str = "@base64";
/// The alphabet of `@base64` values; clients differ in whether they pad, so the padding is cut off beforehand.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The path of a group of pushed metrics, `/metrics/job/<job>{/<name>/<value>}`, exactly as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPath {
    written: String,
    group: Group,
}

/// The labels that a path names, as the gateway understands them: the grouping key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group(Vec<(String, String)>);

impl Group {
    /// Returns the value of the label `name`, if the path has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns all labels, `job` first.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Of a name that comes twice the last value counts, and the job is the one that comes first in the path.
    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some(_) if name == "job" => {}
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

/// Why a path is no [`PushPath`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It leads to something that is not for hosts to see.
    #[error("only /metrics/job/… is served here")]
    NotAPush,
    /// It is longer than any grouping key.
    #[error("the path is longer than {LIMIT_BYTES} bytes")]
    TooLong,
    /// A control character, raw or as `%00`.
    #[error("the path holds a control character")]
    ControlCharacter,
    /// A `%` without two hexadecimal digits.
    #[error("the path holds a `%` that no two hexadecimal digits follow")]
    BrokenEscape,
    /// A segment that path cleaning would remove, as it stands or after decoding.
    #[error("the path holds an empty, `.` or `..` segment (encoded slashes count); write such values as name@base64/…")]
    UnsteadySegment,
    /// A value that decodes to bytes which are no text.
    #[error("the path decodes to bytes that are not UTF-8")]
    NotText,
    /// A label without a value.
    #[error("odd number of components in label string \"/{}\"", .0.escape_debug())]
    Odd(String),
    /// A label's name that the gateway does not take.
    #[error("improper label name \"{}\"", .0.escape_debug())]
    LabelName(String),
    /// A job without a name.
    #[error("job name is required")]
    NoJob,
    /// A value that is not what its name says.
    #[error("invalid base64 encoding in the value of `{}`", .name.escape_debug())]
    // a decoded line break stays one line
    NotBase64 {
        /// `job`, or the label's name.
        name: String,
    },
}

impl PushPath {
    /// Checks `path`, which is the request's target without its query string.
    ///
    /// # Errors
    /// When it is not one of a push, or could be read as another path than it seems to be.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let rest = path.strip_prefix("/metrics/").ok_or(PathError::NotAPush)?;
        if !rest.starts_with("job/") && !rest.starts_with("job@base64/") {
            return Err(PathError::NotAPush);
        }
        if path.len() > LIMIT_BYTES {
            return Err(PathError::TooLong);
        }
        if path.chars().any(char::is_control) {
            return Err(PathError::ControlCharacter);
        }
        // The gateway decodes first and splits then. Whoever sits between us and it might decode once more.
        let (once, leftover) = decode(rest);
        if leftover == Leftover::Percent {
            return Err(PathError::BrokenEscape);
        }
        if once.contains(&0) {
            return Err(PathError::ControlCharacter);
        }
        let once = std::str::from_utf8(&once).map_err(|_| PathError::NotText)?;
        let (twice, _) = decode(once);
        if ![rest.as_bytes(), once.as_bytes(), &twice].into_iter().all(is_steady) {
            return Err(PathError::UnsteadySegment);
        }
        Ok(Self { written: path.to_owned(), group: group(once)? })
    }

    /// Returns the path as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the labels that it names.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }
}

/// Decodes `%XX` once, and says whether a `%` was left over that begins no escape.
fn decode(text: &str) -> (Cow<'_, [u8]>, Leftover) {
    if !text.contains('%') {
        return (Cow::Borrowed(text.as_bytes()), Leftover::Nothing);
    }
    let hexadecimal = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut leftover = Leftover::Nothing;
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
        } else if let [high, low, after @ ..] = after
            && let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(b'%');
            leftover = Leftover::Percent;
        }
    }
    (Cow::Owned(decoded), leftover)
}

#[derive(PartialEq)]
enum Leftover {
    Nothing,
    Percent,
}

/// Returns whether cleaning would leave `rest` (the path from `job` on) as it is.
///
/// One slash at the end is an empty last value to the gateway, and stays.
fn is_steady(rest: &[u8]) -> bool {
    let last = rest.split(|byte| *byte == b'/').count() - 1;
    rest.split(|byte| *byte == b'/').enumerate().all(|(index, segment)| match segment {
        b"" => index == last && index >= 2,
        b"." | b".." => false,
        _ => true,
    })
}

/// Reads the labels of `rest`, which is the decoded path from `job` on.
///
/// A value that is not base64, or no text within, has made gateways hang or fail every scrape from then on.
fn group(rest: &str) -> Result<Group, PathError> {
    let mut group = Group::default();
    let mut segments = rest.split('/');
    while let Some(written) = segments.next() {
        let name = written.strip_suffix(BASE64_SUFFIX).unwrap_or(written);
        let Some(value) = segments.next() else {
            // One slash at the end stands for nothing behind the job, and for an empty value behind a name.
            if written.is_empty() {
                break;
            }
            return Err(PathError::Odd(odd(rest)));
        };
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with("__");
        if !is_name {
            return Err(PathError::LabelName(name.to_owned()));
        }
        let value = if name.len() == written.len() {
            value.to_owned()
        } else {
            let bytes = BASE64
                .decode(value.trim_end_matches('='))
                .map_err(|_| PathError::NotBase64 { name: name.to_owned() })?;
            String::from_utf8(bytes).map_err(|_| PathError::NotText)?
        };
        group.set(name, value);
    }
    if group.find("job").is_none_or(str::is_empty) {
        return Err(PathError::NoJob);
    }
    Ok(group)
}

/// What stands behind the job, as the gateway's own words quote it.
fn odd(rest: &str) -> String {
    rest.splitn(3, '/').nth(2).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
