//! The labels in the path of a push: `/metrics/job[@base64]/<JOB>{/<NAME>[@base64]/<VALUE>}`.

use std::collections::BTreeMap;

use crate::store::labels;
use crate::wording::quoted;

/// How a name says that its value is encoded.
const BASE64_SUFFIX: &[u8] = b"@base64";
/// The label that Prometheus would set to the Pushgateway's address where nobody set it.
const INSTANCE: &str = "instance";

/// What tells a group from all others: its labels, the job among them, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey(Box<[(Box<str>, Box<str>)]>);

/// Why a path names no group. The words are a Pushgateway's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupingError {
    /// A label without a value, or a slash too many.
    #[error("odd number of components in label string {}", quoted(.0))]
    Odd(Vec<u8>),
    /// A name that labels do not have, or that Prometheus keeps for itself.
    #[error("improper label name {}", quoted(.0))]
    Name(Vec<u8>),
    /// A value that is not what its name says.
    #[error("invalid base64 encoding for label {name}={}: illegal base64 data at input byte {at}", quoted(.value))]
    Base64 {
        /// The label.
        name: String,
        /// What should have been base64.
        value: Vec<u8>,
        /// The byte where it is not.
        at: usize,
    },
    /// A job that is not what its path says.
    #[error("invalid base64 encoding in job name {}: illegal base64 data at input byte {at}", quoted(.decoded))]
    Base64Job {
        /// What could be decoded of it.
        decoded: Vec<u8>,
        /// The byte where it stopped.
        at: usize,
    },
    /// No job at all.
    #[error("job name is required")]
    NoJob,
    /// A value that is no text. A Pushgateway stores a stamp under it and breaks on every scrape from then on.
    #[error("the value of label {name} is not valid UTF-8: {}", quoted(.value))]
    NotText {
        /// The label.
        name: String,
        /// The value.
        value: Vec<u8>,
    },
}

/// How the job stands in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobForm {
    /// `/metrics/job/…`
    Plain,
    /// `/metrics/job@base64/…`
    Base64,
}

impl GroupKey {
    /// Reads the decoded path behind `/metrics/job/` or `/metrics/job@base64/`: the job, and from its slash on the labels.
    ///
    /// # Errors
    /// When a name or a value is not as it should be; the first is told.
    pub fn parse(form: JobForm, job: &[u8], labels: &[u8]) -> Result<Self, GroupingError> {
        let job = match form {
            JobForm::Plain => job.to_vec(),
            JobForm::Base64 => decode_base64(job).map_err(|(decoded, at)| GroupingError::Base64Job { decoded, at })?,
        };
        let mut pairs = split(labels)?;
        if job.is_empty() {
            return Err(GroupingError::NoJob);
        }
        pairs.insert("job".to_owned(), job);
        let text = |(name, value): (String, Vec<u8>)| match String::from_utf8(value) {
            Ok(value) => Ok((name.into(), value.into())),
            Err(error) => Err(GroupingError::NotText { name, value: error.into_bytes() }),
        };
        Ok(Self(pairs.into_iter().map(text).collect::<Result<_, _>>()?))
    }

    /// Takes labels from elsewhere, such as another gateway's API.
    ///
    /// # Errors
    /// When there is no job, or a name is none.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, GroupingError> {
        let pairs: BTreeMap<String, String> = pairs.into_iter().collect();
        if let Some(name) = pairs.keys().find(|name| !is_label_name(name.as_bytes())) {
            return Err(GroupingError::Name(name.clone().into_bytes()));
        }
        if pairs.get("job").is_none_or(String::is_empty) {
            return Err(GroupingError::NoJob);
        }
        Ok(Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    /// Returns names and values, in the order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the value of a label; what is not there is empty, as matchers see it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| **own == *name).map(|(_, value)| &**value)
    }

    /// Returns the labels of the group's stamps, as they are printed.
    #[must_use]
    pub fn stamp_labels(&self) -> String {
        let mut pairs: Vec<(&str, &str)> = self.iter().collect();
        if let Err(place) = pairs.binary_search_by_key(&INSTANCE, |(name, _)| name) {
            pairs.insert(place, (INSTANCE, ""));
        }
        labels::print(pairs)
    }

    /// Returns the other group that would have the same stamps, if there can be one: the one with `instance=""` for the
    /// one without an instance, and the other way round.
    #[must_use]
    pub fn twin(&self) -> Option<Self> {
        let mut pairs = self.0.to_vec();
        match pairs.binary_search_by(|(name, _)| (**name).cmp(INSTANCE)) {
            Ok(place) if pairs[place].1.is_empty() => {
                pairs.remove(place);
            }
            Ok(_) => return None,
            Err(place) => pairs.insert(place, (INSTANCE.into(), "".into())),
        }
        Some(Self(pairs.into()))
    }

    /// Returns the path of a push to this group, with what paths cannot carry in base64.
    #[must_use]
    pub fn path(&self) -> String {
        use base64::Engine as _;
        let mut path = String::from("/metrics");
        let job = self.0.iter().filter(|(name, _)| **name == *"job");
        let others = self.0.iter().filter(|(name, _)| **name != *"job");
        for (name, value) in job.chain(others) {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
            if !value.is_empty() && value.bytes().all(plain) {
                path.push_str(&format!("/{name}/{value}"));
            } else {
                let value = base64::engine::general_purpose::URL_SAFE.encode(&**value);
                let value = if value.is_empty() { "=" } else { &value };
                path.push_str(&format!("/{name}@base64/{value}"));
            }
        }
        path
    }
}

/// Reads `/name/value/…`; of a name that comes twice the last value counts.
fn split(text: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, GroupingError> {
    let mut pairs = BTreeMap::new();
    let Some((_, rest)) = text.split_first().filter(|(_, rest)| !rest.is_empty()) else { return Ok(pairs) };
    let components: Vec<&[u8]> = rest.split(|byte| *byte == b'/').collect();
    if !components.len().is_multiple_of(2) {
        return Err(GroupingError::Odd(text.to_vec()));
    }
    for pair in components.chunks_exact(2) {
        let (name, value) = (pair[0], pair[1]);
        let plain = name.strip_suffix(BASE64_SUFFIX).unwrap_or(name);
        let Some(label) = std::str::from_utf8(plain).ok().filter(|plain| is_label_name(plain.as_bytes())) else {
            return Err(GroupingError::Name(plain.to_vec()));
        };
        let value = if plain.len() == name.len() {
            value.to_vec()
        } else {
            decode_base64(value).map_err(|(_, at)| GroupingError::Base64 {
                name: label.to_owned(),
                value: value.to_vec(),
                at,
            })?
        };
        pairs.insert(label.to_owned(), value);
    }
    Ok(pairs)
}

/// Whether `name` is `[a-zA-Z_][a-zA-Z0-9_]*` and not one of Prometheus' own.
fn is_label_name(name: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    name.first().is_some_and(letter)
        && name.iter().all(|byte| letter(byte) || byte.is_ascii_digit())
        && !name.starts_with(b"__")
}

/// Decodes the URL-safe alphabet as Go's library does: `=` at the end is passed over, and so are line ends anywhere.
///
/// # Errors
/// What was decoded before the first byte that is wrong, and its place, which people are told.
fn decode_base64(text: &[u8]) -> Result<Vec<u8>, (Vec<u8>, usize)> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let mut decoded = Vec::with_capacity(end / 4 * 3 + 2);
    let (mut bits, mut digits) = (0_u32, 0_usize);
    for (place, byte) in text[..end].iter().enumerate() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => return Err((decoded, place)),
        };
        bits = bits << 6 | u32::from(digit);
        digits += 1;
        if digits == 4 {
            decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, digits) = (0, 0);
        }
    }
    match digits {
        1 => Err((decoded, end - 1)),
        2 => {
            decoded.extend_from_slice(&(bits << 12).to_be_bytes()[1..2]);
            Ok(decoded)
        }
        3 => {
            decoded.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]);
            Ok(decoded)
        }
        _ => Ok(decoded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(job: &str, labels: &str) -> Result<String, String> {
        let key = GroupKey::parse(JobForm::Plain, job.as_bytes(), labels.as_bytes());
        key.map(|key| labels::print(key.iter())).map_err(|error| error.to_string())
    }

    #[test]
    fn pairs_follow_on_the_job() {
        assert_eq!(plain("j", "").unwrap(), "job=\"j\"");
        assert_eq!(plain("j", "/").unwrap(), "job=\"j\"");
        assert_eq!(plain("j", "/a/").unwrap(), "a=\"\",job=\"j\"");
        assert_eq!(plain("j", "/z/1/a@base64/L3Zhci90bXA=/job/other/z/2").unwrap(), "a=\"/var/tmp\",job=\"j\",z=\"2\"");
        assert_eq!(plain("j", "/a@base64/==").unwrap(), "a=\"\",job=\"j\"");
    }

    #[test]
    fn what_is_no_group_is_told_in_the_words_that_people_look_up() {
        for (labels, error) in [
            ("/a", "odd number of components in label string \"/a\""),
            ("/a/1/", "odd number of components in label string \"/a/1/\""),
            ("/a-b/1", "improper label name \"a-b\""),
            ("/a@base64@base64/YQ", "improper label name \"a@base64\""),
            ("/__x@base64/YQ", "improper label name \"__x\""),
            ("/@base64/YQ", "improper label name \"\""),
            ("/p@base64/a!b", "invalid base64 encoding for label p=\"a!b\": illegal base64 data at input byte 1"),
            ("/p@base64/YQ==YQ", "invalid base64 encoding for label p=\"YQ==YQ\": illegal base64 data at input byte 2"),
            ("/p@base64/YWJjZ", "invalid base64 encoding for label p=\"YWJjZ\": illegal base64 data at input byte 4"),
            ("/p@base64/_w", "the value of label p is not valid UTF-8: \"\\xff\""),
        ] {
            assert_eq!(plain("j", labels).unwrap_err(), error);
        }
        assert_eq!(plain("", "").unwrap_err(), "job name is required");
        let job = GroupKey::parse(JobForm::Base64, b"YWJja$", b"").unwrap_err();
        assert_eq!(job.to_string(), "invalid base64 encoding in job name \"abc\": illegal base64 data at input byte 5");
        assert!(GroupKey::parse(JobForm::Base64, b"YWJj\nYQ", b"").is_ok());
    }

    #[test]
    fn a_path_leads_back_to_its_group() {
        for pairs in [vec![("job", "a/b"), ("x", "")], vec![("instance", "h-1"), ("job", "ä ."), ("a", "..")]] {
            let key = GroupKey::new(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))).unwrap();
            let path = key.path();
            let rest = path.strip_prefix("/metrics/job").unwrap();
            let (form, rest) = match rest.strip_prefix("@base64/") {
                Some(rest) => (JobForm::Base64, rest),
                None => (JobForm::Plain, &rest[1..]),
            };
            let slash = rest.find('/').unwrap_or(rest.len());
            let read = GroupKey::parse(form, &rest.as_bytes()[..slash], &rest.as_bytes()[slash..]).unwrap();
            assert_eq!(read, key, "{path}");
        }
    }

    #[test]
    fn a_group_without_an_instance_and_one_with_an_empty_one_are_twins() {
        let key = |pairs: &[(&str, &str)]| {
            GroupKey::new(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))).unwrap()
        };
        let (bare, empty) = (key(&[("job", "j")]), key(&[("job", "j"), ("instance", "")]));
        assert_eq!((bare.twin(), empty.twin()), (Some(empty.clone()), Some(bare.clone())));
        assert_eq!(bare.stamp_labels(), empty.stamp_labels());
        assert_eq!(key(&[("job", "j"), ("instance", "i")]).twin(), None);
    }
}
