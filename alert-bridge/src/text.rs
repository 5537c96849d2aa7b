//! What strangers wrote, made fit to be shown: labels and annotations may hold anything that JSON can.

/// Nobody is shown more of one text than this; a label may be megabytes long.
const LIMIT: usize = 64 * 1024;

/// Returns `text` without what no reader can see: control characters, line ends of other systems, blank lines at
/// both ends, more than one blank line in a row. Line ends and tabs that remain are `\n` and spaces.
pub fn clean(text: &str) -> String {
    let end = (0..=LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let text = &text[..end.unwrap_or_default()];
    let mut clean = String::with_capacity(text.len());
    let mut line_ends = 0;
    for line in text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
        let line: String = line.chars().filter_map(shown).collect();
        let line = line.trim_end();
        if is_blank(line) {
            line_ends += usize::from(!clean.is_empty());
            continue;
        }
        // A blank line parts two paragraphs; ten of them say nothing more.
        clean.extend(std::iter::repeat_n('\n', if clean.is_empty() { 0 } else { 1 + line_ends.min(1) }));
        clean.push_str(if clean.is_empty() { line.trim_start() } else { line });
        line_ends = 0;
    }
    clean
}

/// Returns `text` cleaned and in one line.
pub fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether a reader would see nothing of `text`.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|char| char.is_whitespace() || char.is_control() || is_invisible(char))
}

/// Returns the length as Discord counts it: in code points.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// Returns `text`, cut to `limit` code points; `…` stands for what was cut.
pub fn clip(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(limit.saturating_sub(1)).collect();
    clipped.truncate(clipped.trim_end().len());
    clipped.extend((limit > 0).then_some('…'));
    clipped
}

fn shown(char: char) -> Option<char> {
    match char {
        '\t' => Some(' '),
        // Escape sequences of a terminal begin with a control character; overrides would turn what follows around.
        _ if char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => None,
        _ => Some(char),
    }
}

/// Characters that take no room: a text of nothing else is no text.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_reader_can_see_goes() {
        assert_eq!(clean("\u{1b}[31mred\u{0}\u{7}"), "[31mred");
        assert_eq!(clean("  a\r\nb\tc \u{2028}d  "), "a\n\nb c\nd");
        assert_eq!(clean("\n\na\n\n\n\n\nb\n\n"), "a\n\nb");
        assert_eq!(clean("admin\u{202e}gpj.exe"), "admingpj.exe");
        assert_eq!(line(" He said\n\n\tno "), "He said no");
    }

    #[test]
    fn text_of_nothing_but_invisible_characters_is_blank() {
        for blank in ["", " \n\t", "\u{3000}", "\u{200b}", "\u{feff}\u{200d}"] {
            assert!(is_blank(blank) && clean(blank).is_empty(), "{blank:?}");
        }
        assert!(!is_blank("\u{200b}a"));
    }

    #[test]
    fn what_is_cut_is_marked() {
        assert_eq!(clip("日本語", 3), "日本語");
        assert_eq!(clip("日本語です", 3), "日本…");
        assert_eq!(clip("ab cd", 4), "ab…");
        assert_eq!((clip("ab", 1), clip("ab", 0)), ("…".into(), String::new()));
    }
}
