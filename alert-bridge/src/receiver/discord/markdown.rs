//! Text that reads in Discord as it was written, whatever Discord's markdown would make of it.

/// Returns `text` escaped, in at most `limit` code points; `…` stands for what was cut.
///
/// Addresses in the text stay as they are: Discord takes them whole, backslashes included, so an escape would break
/// the link, and nothing inside them is markdown.
pub fn escape(text: &str, limit: usize) -> String {
    let (mut escaped, mut used) = (String::with_capacity(text.len()), 0);
    // Where to cut should the text not fit: after the last piece that leaves room for the mark.
    let mut cut = 0;
    for piece in Pieces::of(text) {
        let length = piece.escaped.chars().count();
        if used + length > limit {
            escaped.truncate(cut);
            escaped.truncate(escaped.trim_end().len());
            escaped.extend((limit > 0).then_some('…'));
            return escaped;
        }
        escaped.push_str(&piece.escaped);
        used += length;
        if used < limit {
            cut = escaped.len();
        }
    }
    escaped
}

/// One character with its backslash, or one address as a whole: what is never cut in the middle.
struct Piece {
    escaped: String,
}

struct Pieces<'a> {
    rest: &'a str,
    before: Before,
}

/// What stands before the rest on the same line.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing but spaces.
    Nothing,
    /// Nothing but spaces and digits: `1.` would begin a list.
    Number,
    /// Something.
    Text,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text, before: Before::Nothing }
    }

    /// Whether a backslash belongs before `char`, with `after` behind it.
    fn is_markup(&self, char: char, after: &str) -> bool {
        match char {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' => true,
            '#' | '-' | '+' | '>' => self.before == Before::Nothing,
            '.' | ')' => self.before == Before::Number,
            '@' => after.starts_with("everyone") || after.starts_with("here"),
            ':' => is_emoji_name(after),
            _ => false,
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let address = address(self.rest);
        if !address.is_empty() {
            self.rest = &self.rest[address.len()..];
            self.before = Before::Text;
            return Some(Piece { escaped: address.to_owned() });
        }
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        let markup = self.is_markup(char, chars.as_str());
        self.before = match char {
            '\n' => Before::Nothing,
            _ if char.is_whitespace() && self.before != Before::Text => self.before,
            _ if char.is_ascii_digit() && self.before != Before::Text => Before::Number,
            _ => Before::Text,
        };
        self.rest = chars.as_str();
        Some(Piece { escaped: if markup { format!("\\{char}") } else { char.to_string() } })
    }
}

/// The address that `text` begins with, as far as Discord would link it; empty when there is none.
fn address(text: &str) -> &str {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return "";
    }
    let end = text.find(|char: char| char.is_whitespace() || char == '<').unwrap_or(text.len());
    let address =
        text[..end].trim_end_matches(['.', ',', ':', ';', '"', '\'', ')', ']', '*', '_', '~', '`', '|', '\\']);
    if address.ends_with("://") { "" } else { address }
}

/// Whether `after` completes an emoji's name that a colon began: `fire:`.
fn is_emoji_name(after: &str) -> bool {
    after.split_once(':').is_some_and(|(name, _)| {
        (2..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-~".contains(&byte))
            && name.bytes().any(|byte| !byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &str) -> String {
        escape(text, 1_000)
    }

    #[test]
    fn names_read_as_they_were_written() {
        assert_eq!(escaped("my_bot*"), r"my\_bot\*");
        assert_eq!(escaped("**a** ~~b~~ ||c|| `d`"), r"\*\*a\*\* \~\~b\~\~ \|\|c\|\| \`d\`");
        assert_eq!(escaped("[click](http://evil.example/)"), r"\[click\](http://evil.example/)");
        assert_eq!(
            escaped("<@&1> <t:0:R> @everyone @here a@b.example"),
            r"\<@&1> \<t:0:R> \@everyone \@here a@b.example"
        );
        assert_eq!(escaped(":fire: web-01:9100 07:14:23"), r"\:fire: web-01:9100 07:14:23");
    }

    #[test]
    fn what_is_markup_only_at_the_start_of_a_line_is_escaped_there() {
        assert_eq!(escaped("# a\n- b\n-# c\n> d\n97. e\n + f"), "\\# a\n\\- b\n\\-# c\n\\> d\n97\\. e\n \\+ f");
        assert_eq!(escaped("a - b > c # d 1. e"), "a - b > c # d 1. e");
    }

    #[test]
    fn addresses_stay_whole() {
        assert_eq!(escaped("see https://a.example/x_y_z?q=*, ok_"), r"see https://a.example/x_y_z?q=\*, ok\_");
        assert_eq!(escaped("(https://a.example/x_y)"), "(https://a.example/x_y)");
        assert_eq!(escape("see https://a.example/x_y", 10), "see…");
        assert_eq!(escaped("http://*"), r"http://\*");
    }

    #[test]
    fn a_cut_never_parts_a_backslash_from_its_character() {
        assert_eq!(escape("a*b", 4), r"a\*b");
        assert_eq!(escape("a*bc", 4), r"a\*…");
        assert_eq!(escape("a**", 4), r"a\*…");
        assert_eq!(escape("**", 2), "…");
        assert_eq!(escape("ab", 0), "");
    }

    proptest! {
        #[test]
        fn no_text_grows_beyond_its_limit(text in any::<String>(), limit in 0_usize..60) {
            prop_assert!(escape(&text, limit).chars().count() <= limit);
        }
    }
}
