//! Labels as they are printed, `a="1",b="2"`: one piece of text in memory for what would be a dozen.

use std::borrow::Cow;

/// Writes labels, which stand in the order of their names.
pub fn print<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let mut text = String::with_capacity(64);
    print_to(&mut text, pairs);
    text
}

/// Writes labels as [`print()`] does, in the place of what `text` held.
pub fn print_to<N: AsRef<str>, V: AsRef<str>>(text: &mut String, pairs: impl IntoIterator<Item = (N, V)>) {
    text.clear();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name.as_ref());
        text.push_str("=\"");
        escape(value.as_ref(), text);
        text.push('"');
    }
}

/// Writes a label's value as it stands between quotes.
pub fn escape(value: &str, text: &mut String) {
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        return text.push_str(value);
    }
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

/// Reads what [`print()`] wrote.
#[must_use]
pub fn pairs(text: &str) -> Pairs<'_> {
    Pairs(text)
}

/// Names and values, in the order in which they are printed.
#[derive(Clone, Debug)]
pub struct Pairs<'a>(&'a str);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_once("=\"")?;
        let mut escaped = false;
        let mut has_escapes = false;
        let end = rest.bytes().position(|byte| {
            if escaped {
                escaped = false;
                return false;
            }
            escaped = byte == b'\\';
            has_escapes |= escaped;
            byte == b'"'
        })?;
        let (value, rest) = rest.split_at(end);
        self.0 = rest.strip_prefix("\",").unwrap_or_default();
        Some((name, if has_escapes { unescape(value).into() } else { value.into() }))
    }
}

fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                other => plain.extend(other),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Returns bytes whose order is the order in which series are printed: fewer labels first, then by the values in the
/// order of the names, then, where those are alike, by the names.
#[must_use]
pub fn sort_key(text: &str) -> Vec<u8> {
    let mut key = vec![0; 4];
    let mut count = 0_u32;
    for (_, value) in pairs(text) {
        count += 1;
        push_ordered(value.as_bytes(), &mut key);
    }
    for (name, _) in pairs(text) {
        push_ordered(name.as_bytes(), &mut key);
    }
    key[..4].copy_from_slice(&count.to_be_bytes());
    key
}

/// Writes bytes and an end that is smaller than any of them.
fn push_ordered(bytes: &[u8], key: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            0 | 1 => key.extend([1, byte + 1]),
            other => key.push(*other),
        }
    }
    key.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(values: &[(&str, &str)]) -> String {
        print(values.iter().copied())
    }

    #[test]
    fn fewer_labels_come_first_and_then_the_values_decide() {
        let sorted = [
            printed(&[("instance", ""), ("job", "z")]),
            printed(&[("a", "0"), ("g", "a"), ("job", "a")]),
            printed(&[("g", "a"), ("instance", ""), ("job", "a")]),
            printed(&[("g", "a"), ("instance", "b"), ("job", "a")]),
        ];
        assert!(sorted.is_sorted_by_key(|text| sort_key(text)));
    }

    proptest! {
        #[test]
        fn what_was_printed_reads_back(values in proptest::collection::vec(("[a-z_]{1,3}", any::<String>()), 0..4)) {
            let text = print(values.iter().map(|(name, value)| (name, value)));
            let read: Vec<(String, String)> =
                pairs(&text).map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn keys_are_ordered_as_the_values_are(one in any::<(String, String)>(), other in any::<(String, String)>()) {
            let key = |(a, b): &(String, String)| sort_key(&printed(&[("a", a), ("b", b)]));
            prop_assert_eq!(key(&one).cmp(&key(&other)), one.cmp(&other));
        }
    }
}
