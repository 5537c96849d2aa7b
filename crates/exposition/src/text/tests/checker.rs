use std::collections::{BTreeMap, BTreeSet};

/// Family, type, help, labels and the bits of the value.
pub type Series = (String, String, String, BTreeMap<String, String>, u64);

/// Reads a page the slow way, and says what a gateway would have against it.
pub fn check(page: &str) -> Result<Vec<Series>, String> {
    let (mut read, mut seen, mut done) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let (mut current, mut help, mut kind) = (String::new(), String::new(), String::new());
    if !page.is_empty() && !page.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    for line in page.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').ok_or("HELP without text")?;
            open(name, &mut current, &mut done)?;
            (help, kind) = (unescape(text, "\\n")?, String::new());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, word) = rest.split_once(' ').ok_or("TYPE without a word")?;
            if name != current {
                open(name, &mut current, &mut done)?;
                help.clear();
            } else if !kind.is_empty() {
                return Err(format!("TYPE of {name} in the wrong place"));
            }
            kind = word.to_owned();
        } else {
            let end = line.find(['{', ' ']).ok_or_else(|| format!("no value: {line:?}"))?;
            let (name, rest) = line.split_at(end);
            let (labels, value) =
                if let Some(inner) = rest.strip_prefix('{') { labels(inner)? } else { (BTreeMap::new(), rest) };
            let value = value.strip_prefix(' ').ok_or_else(|| format!("no blank before the value: {line:?}"))?;
            if name != current || kind.is_empty() {
                return Err(format!("{name} stands outside its block"));
            }
            if !seen.insert((name.to_owned(), labels.clone())) {
                return Err(format!("twice: {line:?}"));
            }
            let value: f64 = value.parse().map_err(|_| format!("no number: {value:?}"))?;
            read.push((name.to_owned(), kind.clone(), help.clone(), labels, value.to_bits()));
        }
    }
    Ok(read)
}

/// Begins the block of `name`, which must not have had one.
fn open(name: &str, current: &mut String, done: &mut BTreeSet<String>) -> Result<(), String> {
    if !done.insert(name.to_owned()) {
        return Err(format!("a second block for {name}"));
    }
    name.clone_into(current);
    Ok(())
}

/// Reads `a="b",c="d"} 1` up to the brace.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("no label: {rest:?}"))?;
        let mut escaped = false;
        let end = after
            .char_indices()
            .find(|(_, character)| {
                let closes = *character == '"' && !escaped;
                escaped = *character == '\\' && !escaped;
                closes
            })
            .ok_or_else(|| format!("an open quote: {after:?}"))?
            .0;
        if labels.insert(name.to_owned(), unescape(&after[..end], "\\n\"")?).is_some() {
            return Err(format!("the label {name} twice"));
        }
        match after[end + 1..].split_at_checked(1) {
            Some((",", more)) => rest = more,
            Some(("}", value)) => return Ok((labels, value)),
            _ => return Err(format!("neither `,` nor `}}` after a label: {after:?}")),
        }
    }
}

fn unescape(text: &str, allowed: &str) -> Result<String, String> {
    let (mut plain, mut characters) = (String::new(), text.chars());
    while let Some(character) = characters.next() {
        match (character, if character == '\\' { characters.next() } else { None }) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some(escaped)) if allowed.contains(escaped) => plain.push(escaped),
            ('\\', _) => return Err(format!("an escape that does not exist: {text:?}")),
            (other, _) => plain.push(other),
        }
    }
    Ok(plain)
}
