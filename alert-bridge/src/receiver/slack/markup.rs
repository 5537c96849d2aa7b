//! Text that reads in Slack as it was written: `&`, `<` and `>` are its only escapes.

use url::Url;

use crate::text::clip;

/// Returns `text` escaped, in at most `limit` characters; `…` stands for what was cut.
pub fn escape(text: &str, limit: usize) -> String {
    let (mut escaped, mut used) = (String::with_capacity(text.len()), 0);
    // Where to cut should the text not fit: after the last piece that leaves room for the mark.
    let mut cut = 0;
    for char in text.chars() {
        let piece = match char {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        used += if piece.is_empty() { 1 } else { piece.len() };
        if used > limit {
            escaped.truncate(cut);
            escaped.truncate(escaped.trim_end().len());
            escaped.extend((limit > 0).then_some('…'));
            return escaped;
        }
        if piece.is_empty() {
            escaped.push(char);
        } else {
            escaped.push_str(piece);
        }
        if used < limit {
            cut = escaped.len();
        }
    }
    escaped
}

/// Returns `label` as a link to `url`.
pub fn link(url: &Url, label: &str) -> String {
    // A bar in the address would begin the label.
    let address = escape(url.as_str(), usize::MAX).replace('|', "%7C");
    format!("<{address}|{}>", escape(&clip(label, 300).replace('|', "¦"), 1500))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_a_label_says_is_an_instruction() {
        assert_eq!(escape("<!channel> <@U1> a & b", 100), "&lt;!channel&gt; &lt;@U1&gt; a &amp; b");
        let url = Url::parse("https://a.example/?q=a|b&c=<d>").unwrap();
        assert_eq!(link(&url, "a|b>c"), "<https://a.example/?q=a%7Cb&amp;c=%3Cd%3E|a¦b&gt;c>");
    }

    #[test]
    fn a_cut_never_parts_an_escape() {
        assert_eq!(escape("a&b", 7), "a&amp;b");
        assert_eq!(escape("a&bc", 7), "a&amp;…");
        assert_eq!(escape("a&&", 8), "a&amp;…");
        assert_eq!((escape("ab", 1), escape("ab", 0)), ("…".into(), String::new()));
    }

    proptest! {
        #[test]
        fn no_text_grows_beyond_its_limit(text in any::<String>(), limit in 0_usize..60) {
            prop_assert!(escape(&text, limit).chars().count() <= limit);
        }
    }
}
